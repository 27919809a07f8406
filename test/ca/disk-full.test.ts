/** A full disk: the authority refuses, and never signs what it cannot record. A small tmpfs, for which it needs root. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type AuthorityServer, CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { enroll, renew } from "../../client/authority/authority.js";
import { generateKeyPair } from "../../identity/index.js";
import { codeOf, NOW } from "./authority-fixture.js";

const SIZE = "6m";
const mountPoint = mkdtempSync(join(tmpdir(), "fireflies-full-"));
const mounted =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  spawnSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", mountPoint]).status === 0;
afterAll(() => {
  if (mounted) spawnSync("umount", ["--lazy", mountPoint]);
  rmSync(mountPoint, { recursive: true, force: true });
});

const filler = join(mountPoint, "filler");

/** Takes every block that is left. */
function fill(): void {
  const { bavail, bsize } = statfsSync(mountPoint);
  for (let size = bavail * bsize; size >= 0; size -= bsize) {
    try {
      writeFileSync(filler, Buffer.alloc(size));
      return;
    } catch {
      rmSync(filler, { force: true }); // The last blocks may hold what describes the file.
    }
  }
}

describe.skipIf(!mounted)("a full disk (needs root and mount)", () => {
  it("answers 503 and issues nothing, loses nothing, and goes on when there is room again", {
    timeout: 120_000,
  }, async () => {
    const decisions: string[] = [];
    const options = { directory: join(mountPoint, "ca"), now: () => NOW };
    const authority = await CertificateAuthority.open({ ...options, onDecision: ({ kind }) => decisions.push(kind) });
    const server: AuthorityServer = await serveAuthority(authority, { port: 0 });
    const call = { addresses: [], now: NOW, timeoutMs: 60_000 };
    const tokens = await Promise.all(Array.from({ length: 3 }, (_, i) => authority.createToken(`member-${i}`)));
    const pair = generateKeyPair();
    const { certificate, root } = await enroll({ token: tokens[0]! }, pair, call);
    const member = { certificate, root, privateKey: pair.privateKey };

    fill();
    const before = (await authority.counts()).certificates;
    const codes: string[] = [];
    // Some fit into pages that are there already.
    for (let i = 0; i < 60 && codes.filter((code) => code === "authority-failed").length < 5; i++) {
      codes.push(await codeOf(renew(server.urls, member, generateKeyPair(), call)));
      codes.push(await codeOf(authority.createToken(`filler-${i}`)));
    }
    const issuedMeanwhile = (await authority.counts()).certificates - before;
    expect(codes).toContain("authority-failed");
    const granted = codes.filter((code, index) => index % 2 === 0 && code === "none").length;
    expect(issuedMeanwhile).toBe(granted);
    expect(decisions).toContain("failed");
    expect(await codeOf(enroll({ token: tokens[1]! }, generateKeyPair(), call))).toBe("authority-failed");

    rmSync(filler);
    const later = await enroll({ token: tokens[1]! }, generateKeyPair(), call);
    expect(later.certificate.ringCount).toBe(certificate.ringCount);
    expect(await authority.operator.verifyAudit()).toMatchObject({ ok: true });
    await server.close();
    await authority.close();
    const again = await CertificateAuthority.open(options);
    const same = await enrolDirectly(again, tokens[0]!, pair);
    expect(same).toEqual(certificate.leaf);
    await again.close();
  });

  it("on the first start makes nothing that the next one could take for an authority", async () => {
    const directory = join(mountPoint, "second");
    fill();
    expect(await codeOf(CertificateAuthority.open({ directory }))).toMatch(
      /^(state-write-failed|ca-state-unreadable)$/,
    );
    rmSync(filler);
    const authority = await CertificateAuthority.open({ directory });
    expect(existsSync(join(directory, "initialising"))).toBe(false);
    await authority.close();
  });
});

async function enrolDirectly(authority: CertificateAuthority, token: string, pair: ReturnType<typeof generateKeyPair>) {
  const { createRequest, decodeToken } = await import("../../identity/index.js");
  const admission = { kind: "token", secret: decodeToken(token)!.secret } as const;
  const { leaf } = await authority.enroll({ admission, request: await createRequest(pair), addresses: [] });
  return leaf;
}
