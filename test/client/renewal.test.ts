/** Short certificates: two members with an open stream and messages under way live through several of them. */
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { type AuthorityServer, CertificateAuthority, serveAuthority } from "../../ca/index.js";
import type { Client } from "../../client/client.js";
import type { ClientOptions } from "../../client/config/index.js";
import { Renewal } from "../../client/standing/renewal.js";
import type { MessageStream } from "../../client/types.js";
import { loadIdentity } from "../../identity/index.js";
import { type Transport, tcpTransport } from "../../net/index.js";
import { codeOf, DELTA_MS, deferred, Stage, type TestClient, text, whole } from "../support/network.js";

/** Shorter than any operator's: renewed after two seconds. */
const LIFE_MS = 3_000;

class ShortLived extends Stage {
  authority!: CertificateAuthority;
  server!: AuthorityServer;

  static async create(): Promise<ShortLived> {
    const stage = new ShortLived();
    const options = { numRings: 5, deltaMs: DELTA_MS, open: true, certificateLifetimeMs: LIFE_MS };
    const authority = await CertificateAuthority.open({ directory: stage.directory(), ...options });
    stage.authority = stage.closing(authority, () => authority.close());
    const server = await serveAuthority(authority, { port: 0 });
    stage.server = stage.closing(server, () => server.close());
    return stage;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
  }

  /** Connections that members have made. */
  dials = 0;

  #counted(): Transport {
    const transport = tcpTransport();
    return {
      ...transport,
      dial: (address, target) => {
        this.dials += 1;
        return transport.dial(address, target);
      },
    };
  }

  async member(name: string, options: ClientOptions = {}): Promise<TestClient> {
    const place = { ca: this.server.urls[0]!, caFingerprint: this.authority.fingerprint };
    const client = this.client({ ...place, name, ...options }, { transports: [this.#counted()] });
    client.registerMessageHandler((data) => data);
    client.registerStreamHandler((stream) => void stream.pipe(stream));
    await client.start();
    return client;
  }
}

/** One after the other without a pause, until told to end; counts them. Rejects when one fails. */
function talk(from: Client, to: Client, stream: MessageStream) {
  const end = deferred();
  const counts = { messages: 0, chunks: 0 };
  let ended = false;
  void end.promise.then(() => {
    ended = true;
  });
  const run = async () => {
    while (!ended) {
      expect(await from.sendToId(to.id, text("hello"))).toEqual(text("hello"));
      counts.messages += 1;
      stream.write(text("chunk"));
      const [echo] = await once(stream, "data");
      expect(echo).toEqual(text("chunk"));
      counts.chunks += 1;
    }
  };
  return { counts, done: run(), end: () => end.resolve() };
}

describe("a renewal in the running member", () => {
  it("drops no link: a stream and messages go on over several certificates of both ends", {
    timeout: 60_000,
  }, async () => {
    await using stage = await ShortLived.create();
    const [alice, bob] = [await stage.member("alice"), await stage.member("bob")];
    await whole([alice, bob]);
    const ends = [alice, bob].map((client) => client.info().certificateEnds);
    const stream = await alice.openStream(bob.id);
    await bob.sendToId(alice.id, text("hello")); // Now each has a link to the other.
    // Others are asked to dial back first, by dials of their own.
    for (const client of [alice, bob])
      await expect.poll(() => client.info().dialable, { timeout: 20_000 }).not.toBe("unknown");
    const { dials } = stage;
    const failures: unknown[] = [];
    stream.on("error", (error) => failures.push(error));
    const gone: unknown[] = [];
    const watching = new AbortController();
    const watched = (async () => {
      for await (const change of alice.changes({ signal: watching.signal }))
        if (change.kind === "failed") gone.push(change);
    })();
    const talking = talk(alice, bob, stream);
    // Both have had their certificate renewed twice: events of the authority say so.
    const renewed = new Map<string, number>();
    const enough = deferred();
    const unlisten = stage.authority.listen((decision) => {
      if (decision.kind !== "issued" || decision.how !== "renewal") return;
      renewed.set(decision.id, (renewed.get(decision.id) ?? 0) + 1);
      if ([alice, bob].every(({ id }) => (renewed.get(id) ?? 0) >= 2)) enough.resolve();
    });
    await Promise.race([enough.promise, talking.done]);
    unlisten();
    talking.end();
    await talking.done;
    watching.abort();
    await watched;
    expect(failures).toEqual([]);
    expect(gone).toEqual([]);
    expect(stream.destroyed).toBe(false);
    expect(stage.dials).toBe(dials); // No handshake was needed.
    for (const [index, client] of [alice, bob].entries()) {
      expect(client.info().certificateEnds).toBeGreaterThan(ends[index]!);
      expect(client.alarms).toEqual([]);
    }
    expect(Math.min(talking.counts.messages, talking.counts.chunks)).toBeGreaterThan(10);
  });

  it("can be asked for at any time, and is refused to who is thrown out", { timeout: 60_000 }, async () => {
    await using stage = await ShortLived.create();
    const alice = await stage.member("alice");
    await alice.renew(); // The authority may give the fresh one again.
    await stage.authority.operator.prepareIssuer();
    await stage.authority.operator.activateIssuer();
    await stage.server.refresh();
    const before = alice.info().certificateEnds;
    await alice.renew();
    expect(alice.info().certificateEnds).toBeGreaterThanOrEqual(before);
    await stage.authority.operator.revokePrincipal("alice");
    expect(await codeOf(alice.renew())).toBe("principal-revoked");
    await alice.stop();
    expect(await codeOf(alice.renew())).toBe("not-started");
  });

  it("that comes while the member stops is on disk when it has stopped", { timeout: 60_000 }, async () => {
    await using stage = await ShortLived.create();
    const directory = stage.directory();
    const alice = await stage.member("alice", { dir: directory });
    await alice.stop();
    const saved = () => loadIdentity(directory, { now: Date.now() });
    const before = await saved();
    const used = deferred<Promise<void>>();
    const renewal = new Renewal({
      identity: () => before!,
      urls: stage.server.urls,
      addresses: () => ["127.0.0.1:1"],
      directory,
      clocks: () => ({ wall: Date.now(), believed: Date.now() }),
      onRenewed: () => used.resolve(renewal.stop()),
      onFailed: (error) => used.reject(error),
    });
    await used.promise;
    expect((await saved())!.certificate.notAfter).toBeGreaterThan(before!.certificate.notAfter);
  });

  it("happens one after the other: a command and the timer write the same files", { timeout: 60_000 }, async () => {
    await using stage = await ShortLived.create();
    const directory = stage.directory();
    const alice = await stage.member("alice", { dir: directory });
    await alice.stop();
    let identity = (await loadIdentity(directory, { now: Date.now() }))!;
    const renewal = new Renewal({
      identity: () => identity,
      urls: stage.server.urls,
      addresses: () => ["127.0.0.1:1"],
      directory,
      clocks: () => ({ wall: Date.now(), believed: Date.now() }),
      onRenewed: (renewed) => {
        identity = renewed;
      },
      onFailed: () => {},
    });
    const codes = await Promise.all(Array.from({ length: 6 }, () => codeOf(renewal.renewNow())));
    await renewal.stop();
    expect(codes).toEqual(codes.map(() => "none"));
    const saved = await loadIdentity(directory, { now: Date.now() });
    expect(saved?.certificate.leaf).toEqual(identity.certificate.leaf);
  });
});
