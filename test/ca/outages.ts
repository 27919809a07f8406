/**
 * PostgreSQL that is restarted, cuts its clients off, or is a standby, beneath an authority that serves: it answers 503
 * meanwhile, and everybody who asks again gets what is theirs.
 */
import { join } from "node:path";
import { expect, it } from "vitest";
import { CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { enroll } from "../../client/authority/authority.js";
import { generateKeyPair } from "../../identity/index.js";
import type { TestPostgres } from "../support/postgres.js";
import { codeOf, temporaryDirectory } from "./authority-fixture.js";
import { ask } from "./https.js";

/** The long form: test/long/outages.sh. */
const COUNT = Number(process.env.ENROLMENTS ?? 18);
const RESTARTS = Number(process.env.RESTARTS ?? 1);
/** Enrolments at once. */
const AT_ONCE = 8;

export function itOutlivesRestarts(server: () => TestPostgres): void {
  const title = `enrols ${COUNT} of ${COUNT} over ${RESTARTS} restarts of its server and as many cut connections`;
  it(title, { timeout: 300_000 }, async () => {
    await using temporary = await temporaryDirectory();
    const store = await server().emptied();
    const authority = await CertificateAuthority.open({ directory: join(temporary.path, "ca"), store });
    const service = await serveAuthority(authority, { port: 0 });
    const codes = new Map<string, number>();
    let enrolled = 0;
    /** Between two outages everybody goes on; during one, whoever was refused waits for its end. */
    let outage: Promise<void> = Promise.resolve();
    const tokens = await Promise.all(
      Array.from({ length: COUNT }, (_, index) => authority.createToken(`member-${index}`)),
    );
    const waiting = tokens.values();
    const applicant = async () => {
      for (const token of waiting) {
        const pair = generateKeyPair();
        const call = { addresses: [], now: Date.now(), timeoutMs: 60_000 };
        for (;;) {
          const code = await codeOf(enroll({ token }, pair, call));
          if (code === "none") break;
          codes.set(code, (codes.get(code) ?? 0) + 1);
          await outage;
        }
        enrolled++;
        await next();
      }
    };
    let begun = 0;
    const next = async () => {
      const isOver = begun === 2 * RESTARTS;
      if (isOver || enrolled < ((begun + 1) * COUNT) / (2 * RESTARTS + 1)) return;
      outage = begun++ % 2 === 0 ? server().restart() : server().cutOff();
      expect((await ask(service.urls[0]!, { path: "/healthz" })).status).toBe(200);
      await outage;
    };
    await Promise.all(Array.from({ length: AT_ONCE }, applicant));
    expect(enrolled).toBe(COUNT);
    expect(begun).toBe(2 * RESTARTS);
    // Nothing else than that it cannot be recorded now.
    expect([...codes.keys()].filter((code) => code !== "authority-failed")).toEqual([]);
    expect((await ask(service.urls[0]!, { path: "/readyz" })).status).toBe(200);
    expect(await authority.counts()).toMatchObject({ certificates: COUNT, tokens: 0 });
    await service.close();
    await authority.close();
  });
}

export function itNamesStandbys(server: () => TestPostgres): void {
  it("says that its server is a read-only standby, when it starts, when it is asked, and to probes", async () => {
    await using temporary = await temporaryDirectory();
    const directory = join(temporary.path, "ca");
    const store = await server().emptied();
    const before = await CertificateAuthority.open({ directory, store });
    await before.saveUrls(["https://127.0.0.1:1"]);
    await before.createToken("alice");
    await before.close();
    const standby = await server().standby();
    // Commands that only read are served by one.
    const reader = await CertificateAuthority.attach({ directory, store: standby });
    expect((await reader.counts()).tokens).toBe(1);
    expect(await codeOf(reader.createToken("bob"))).toBe("store-read-only");
    expect(await codeOf(reader.check())).toBe("store-read-only");
    expect(await codeOf(serveAuthority(reader, { port: 0 }))).toBe("store-read-only");
    await reader.close();

    const empty = join(temporary.path, "empty");
    const there = standby.replace("/postgres?", "/template1?");
    expect(await codeOf(CertificateAuthority.open({ directory: empty, store: there }))).toBe("store-read-only");

    const again = await CertificateAuthority.open({ directory, store });
    expect((await again.counts()).tokens).toBe(1);
    await again.close();
  });
}
