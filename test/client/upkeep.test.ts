/** What a member does now and then: renew its certificate, look for company. */
import { writeFile } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Renewal, type RenewalOptions, renewalTime } from "../../client/standing/renewal.js";
import { type FirefliesError, type Identity, loadIdentity, saveIdentity } from "../../identity/index.js";
import { AuthorityFixture } from "../ca/authority-fixture.js";
import { DEADLINE_MS, deferred, Stage } from "../support/network.js";

afterEach(() => {
  vi.useRealTimers();
});

describe("a certificate is renewed", () => {
  it.each([
    [0, 900, 0, 600],
    [0, 900, 1, 555],
    [0, 900, 0.5, 577.5],
    [1000, 1900, 0, 1600],
    // From five minutes before its issue on, because clocks differ.
    [-300_000, 7 * 86_400_000, 0, 4 * 86_400_000 + 16 * 3_600_000],
    [-300_000, 60_000, 0, 40_000],
  ])("valid from %s to %s, at chance %s: at %s", (notBefore, notAfter, chance, at) => {
    expect(renewalTime({ notBefore, notAfter }, chance)).toBeCloseTo(at, 3);
  });

  /** A renewal whose events are promises. */
  function begin(fixture: AuthorityFixture, identity: Identity, options: Partial<RenewalOptions> = {}) {
    const [renewed, failed] = [deferred<Identity>(), deferred<FirefliesError>()];
    const state = { identity };
    const renewal = new Renewal({
      identity: () => state.identity,
      urls: [fixture.url],
      addresses: () => ["127.0.0.1:1"],
      directory: undefined,
      clocks: () => ({ wall: fixture.clock.now, believed: fixture.clock.now }),
      onRenewed: (next) => {
        state.identity = next;
        renewed.resolve(next);
      },
      onFailed: failed.resolve,
      ...options,
    });
    return { renewal, renewed: renewed.promise, failed: failed.promise };
  }

  const due = ({ certificate }: Identity) => renewalTime(certificate, 0) + 1000;

  it("for the same id and key, and kept on disk", async () => {
    await using fixture = await AuthorityFixture.start();
    await using stage = new Stage();
    const { identity } = await fixture.join("alice");
    const directory = stage.directory();
    await saveIdentity(directory, identity);
    await fixture.at(due(identity));
    const { renewal, renewed } = begin(fixture, identity, { directory });
    const next = await renewed;
    expect(next.certificate.id).toBe(identity.certificate.id);
    expect(next.certificate.notAfter).toBeGreaterThan(identity.certificate.notAfter);
    expect(next.privateKey).toBe(identity.privateKey);
    await vi.waitFor(async () => {
      const saved = await loadIdentity(directory, { now: fixture.clock.now });
      expect(saved?.certificate.hash).toEqual(next.certificate.hash);
    }, DEADLINE_MS);
    renewal.stop();
  });

  it("and used though the disk refuses it", async () => {
    await using fixture = await AuthorityFixture.start();
    await using stage = new Stage();
    const { identity } = await fixture.join("alice");
    const file = stage.directory();
    await writeFile(file, "where a directory should be");
    await fixture.at(due(identity));
    const { renewal, renewed, failed } = begin(fixture, identity, { directory: file });
    expect((await renewed).certificate.notAfter).toBeGreaterThan(identity.certificate.notAfter);
    expect((await failed).code).toBe("state-write-failed");
    renewal.stop();
  });

  it("again and again while the authority is away", async () => {
    await using fixture = await AuthorityFixture.start();
    const { identity } = await fixture.join("alice");
    const { url } = fixture;
    await fixture.at(due(identity));
    await fixture.stop();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const failures: string[] = [];
    let heard = deferred();
    const onFailed = (error: FirefliesError) => {
      failures.push(error.code);
      heard.resolve();
    };
    const { renewal } = begin(fixture, identity, { urls: [url], onFailed });
    vi.advanceTimersByTime(1);
    await heard.promise;
    const life = identity.certificate.notAfter - identity.certificate.notBefore - 300_000;
    for (let attempt = 2; attempt <= 3; attempt++) {
      heard = deferred();
      await new Promise(setImmediate);
      vi.advanceTimersByTime(life / 100 - 1);
      expect(failures.length).toBe(attempt - 1);
      fixture.clock.now += life / 50;
      vi.advanceTimersByTime(life / 100 + 1);
      await heard.promise;
    }
    expect(failures).toEqual(Array(3).fill("authority-unreachable"));
    renewal.stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    await fixture.begin();
  });

  it("not before its time, and not after stop()", async () => {
    await using fixture = await AuthorityFixture.start();
    const { identity } = await fixture.join("alice");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const calls: unknown[] = [];
    const onRenewed = (next: unknown) => calls.push(next);
    const { renewal } = begin(fixture, identity, { onRenewed, onFailed: onRenewed });
    vi.advanceTimersByTime(60_000);
    expect(vi.getTimerCount()).toBe(1);
    renewal.stop();
    expect(vi.getTimerCount()).toBe(0);
    begin(fixture, identity, { urls: [] }); // Nobody to ask.
    expect(vi.getTimerCount()).toBe(0);
    expect(calls).toEqual([]);
  });
});
