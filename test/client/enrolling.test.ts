/** Starts that need the authority, where it is absent, breaks off, or stands behind a proxy; and a JWT from a file. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import timers from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { FLAPPING_MS, type PatienceOptions, patiently } from "../../client/entry/patience.js";
import { type ErrorCode, FirefliesError } from "../../identity/index.js";
import { codeOf, deferred, OnlineNetwork, Stage, whole } from "../support/network.js";
import { OidcIssuer, podClaims } from "../support/oidc-issuer.js";
import { freePort } from "../support/tcp-proxy.js";
import { TlsEndingProxy } from "../support/tls-ending-proxy.js";

/** What the authority says, call by call; the last one for ever. Time passes in pauses only. */
async function outcome(answers: readonly FirefliesError[], options: Partial<PatienceOptions> = {}) {
  const clock = { now: 0 };
  const pauses: number[] = [];
  const told: number[] = [];
  let asked = 0;
  const ask = () => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    return answer === undefined ? Promise.resolve() : Promise.reject(answer);
  };
  const pause = async (milliseconds: number) => {
    pauses.push(milliseconds);
    clock.now += milliseconds;
  };
  const onWaiting = () => told.push(clock.now);
  const patience = { waitMs: 0, now: () => clock.now, random: () => 0.5, pause, onWaiting, ...options };
  const code = await codeOf(patiently(ask, patience));
  return { code, asked, pauses, told, ms: clock.now };
}

const failed = (code: ErrorCode, cause?: string) =>
  new FirefliesError(code, undefined, { cause: Object.assign(new Error(), { code: cause }) });
const ABSENT = failed("authority-unreachable", "ECONNREFUSED");
const BROKEN = failed("authority-unreachable", "ECONNRESET");

describe("patience", () => {
  it("of none asks an absent authority once", async () => {
    expect(await outcome([ABSENT])).toMatchObject({ code: "authority-unreachable", asked: 1, told: [] });
  });

  it("asks with longer and longer pauses, says so at once and then once a minute, and ends on time", async () => {
    const { code, pauses, told, ms } = await outcome([ABSENT], { waitMs: 600_000 });
    expect([code, ms]).toEqual(["authority-unreachable", 600_000]);
    expect(pauses.slice(0, 7)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(told.length).toBeGreaterThanOrEqual(9);
    expect(told.length).toBeLessThanOrEqual(11);
    for (const [index, at] of told.slice(1).entries()) expect(at - told[index]!).toBeGreaterThanOrEqual(60_000);
  });

  it.each<[FirefliesError]>([
    [BROKEN],
    ...(["authority-failed", "issuer-unreachable", "overloaded", "too-many-requests"] as const).map(
      (code): [FirefliesError] => [new FirefliesError(code)],
    ),
  ])("asks one that is there and cannot, for half a minute, whatever it was told to wait: %s", async (error) => {
    const { ms, asked } = await outcome([error, ABSENT]);
    expect(ms).toBe(FLAPPING_MS);
    expect(asked).toBeGreaterThan(5);
  });

  it.each(["token-used", "authority-untrusted", "jwt-refused", "certificate-invalid"] as const)(
    "does not ask again after %s",
    async (code) => {
      const refusal = new FirefliesError(code);
      expect(await outcome([ABSENT, refusal], { waitMs: 9_999 })).toMatchObject({ code, asked: 2 });
    },
  );

  it("ends with the signal, also during a pause", async () => {
    const given = new AbortController();
    const pause = async () => given.abort();
    const { code, asked } = await outcome([ABSENT], { waitMs: Infinity, signal: given.signal, pause });
    expect([code, asked]).toEqual(["authority-unreachable", 1]);
  });
});

/** In front of an authority: lets each connection live for as long as it is told. */
class Flapping {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `cut` says of each connection whether the answer is lost. */
  static async before(url: string, cut: (connection: number) => boolean): Promise<Flapping> {
    const port = Number(new URL(url).port);
    const server = createServer();
    const flapping = new Flapping(server);
    server.on("connection", (client) => {
      const isCut = cut(flapping.connections++);
      const up = connect({ host: "127.0.0.1", port });
      for (const socket of [client, up]) {
        flapping.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          client.destroy();
          up.destroy();
        });
      }
      client.pipe(up);
      let bytes = 0;
      up.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        // The handshake is under 4,000 bytes, the answer with its certificates above.
        if (isCut && bytes > HANDSHAKE_BYTES) client.destroy();
        else client.write(chunk);
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return flapping;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
const HANDSHAKE_BYTES = 4_000;

/** From now on pauses between two questions to an authority end when the test says so. */
function pausesUntil(next: () => Promise<unknown>) {
  return vi.spyOn(timers, "setTimeout").mockImplementation(async () => (await next()) as never);
}

describe("a first start", () => {
  it("waits for an absent authority, says so, and is a member once it is there", async () => {
    await using network = await OnlineNetwork.create();
    const named = network.named("early");
    await network.pause();
    const back = deferred();
    using pauses = pausesUntil(() => back.promise);
    const client = network.client({ ...named, waitMs: Infinity });
    const awaited = new Promise<FirefliesError>((resolve) => client.registerAlarmHandler(resolve));
    const started = client.start();
    expect(await awaited).toMatchObject({ code: "authority-awaited", message: expect.stringContaining(network.url) });
    await network.resume();
    back.resolve();
    await started;
    expect(pauses).toHaveBeenCalledOnce();
    expect(client.self.name).toBe("early");
  });

  it("ends at once when it is not to wait, and with the signal when it is", async () => {
    await using stage = new Stage();
    const place = { ca: `https://127.0.0.1:${await freePort()}`, caFingerprint: "ab".repeat(32), name: "a" };
    expect(await codeOf(stage.client({ ...place, waitMs: 0 }).start())).toBe("authority-unreachable");
    const client = stage.client({ ...place, waitMs: Infinity });
    const given = new AbortController();
    client.registerAlarmHandler(() => given.abort());
    expect(await codeOf(client.start({ signal: given.signal }))).toBe("cancelled");
  });

  it("enrols once although answers are lost: one key, one use of the token, one certificate", async () => {
    await using network = await OnlineNetwork.create();
    const flapping = await Flapping.before(network.url, (connection) => connection < 3);
    const token = await network.authority.createToken("fleet-*", { uses: 9, urls: [flapping.url] });
    using pauses = pausesUntil(() => new Promise(setImmediate));
    const client = network.client({ token, dir: network.directory() });
    let issued = 0;
    network.authority.listen(({ kind }) => {
      if (kind === "issued" && flapping.connections === 1) issued += 1;
    });
    await client.start();
    expect(flapping.connections).toBeGreaterThan(3);
    expect(pauses.mock.calls.length).toBeGreaterThan(0);
    expect(issued).toBe(1); // So it was an answer that was lost, and no handshake.
    const { certificates, principals } = await network.authority.counts();
    expect([certificates, principals]).toEqual([1, 1]);
    expect(await network.authority.operator.openTokens()).toMatchObject([{ uses: 9, used: 1 }]);
    flapping.close();
  });
});

describe("a member whose port is in use", () => {
  it.each([
    ["TCP", (port: number) => ({ listen: `127.0.0.1:${port}` })],
    ["WebSocket", (port: number) => ({ listen: ["127.0.0.1:0", `ws://127.0.0.1:${port}/fireflies`] })],
  ])("has spent no token and no name: %s", async (_, at) => {
    await using network = await OnlineNetwork.create();
    const other = createServer();
    await once(other.listen(0, "127.0.0.1"), "listening");
    const token = await network.authority.createToken("ann", { urls: [network.url] });
    const place = { token, ...at((other.address() as AddressInfo).port) };
    const dir = network.directory();
    expect(await codeOf(network.client({ ...place, dir }).start())).toBe("address-in-use");
    expect(await network.authority.operator.openTokens()).toMatchObject([{ uses: 1, used: 0 }]);
    expect((await network.authority.counts()).principals).toBe(0);
    other.close();
    await once(other, "close");
    const client = network.client({ ...place, dir: network.directory() });
    await client.start();
    expect(client.self.name).toBe("ann");
  });
});

describe("members behind a proxy that ends TLS", () => {
  it("enrol, find each other by the authority, and renew", async () => {
    await using network = await OnlineNetwork.create();
    await using proxy = await TlsEndingProxy.before(() => network.url);
    const place = { ca: proxy.url, caFingerprint: network.authority.fingerprint, caTls: proxy.rootsFile };
    const ann = await network.start({ ...place, name: "ann", dir: network.directory() });
    const bob = await network.start({ ...place, name: "bob" });
    await whole([ann, bob]);
    bob.registerMessageHandler((data, { from }) => Buffer.from(`${from.name} ${Buffer.from(data)}`));
    expect(Buffer.from(await ann.sendToId("bob", Buffer.from("hello"))).toString()).toBe("ann hello");
    const before = ann.info().certificateEnds;
    await ann.renew();
    expect(ann.info().certificateEnds).toBeGreaterThanOrEqual(before);
    expect((await network.authority.operator.show("ann")).certificates.length).toBe(2);
    const proven = proxy.passed.filter(({ path, status }) => /renew|report/.test(path) && status === 200);
    expect(proven.length).toBeGreaterThanOrEqual(3);
    for (const { headers } of proven) expect(headers.signature).toBeDefined();
  });

  it("do not trust it unless their configuration does", async () => {
    await using network = await OnlineNetwork.create();
    await using proxy = await TlsEndingProxy.before(() => network.url);
    const place = { ...network.named("ann"), ca: proxy.url };
    expect(await codeOf(network.client(place).start())).toBe("authority-untrusted");
    expect(proxy.passed).toEqual([]);
  });
});

describe("a member with a JWT in a file", () => {
  it("enrols by it, and reads it again when it asks again", async () => {
    await using issuer = await OidcIssuer.start();
    await using network = await OnlineNetwork.create({ jwt: [issuer.policy()] });
    const jwtFile = issuer.file("token", `${await issuer.jwt(Date.now() - 7_200_000)}\n`);
    const place = { ca: network.url, caFingerprint: network.authority.fingerprint, jwtFile };
    expect(await codeOf(network.client(place).start())).toBe("jwt-refused");
    await network.pause();
    const back = deferred();
    using _pauses = pausesUntil(() => back.promise);
    const client = network.client({ ...place, waitMs: Infinity, dir: network.directory() });
    const awaited = new Promise((resolve) => client.registerAlarmHandler(resolve));
    const started = client.start();
    await awaited;
    writeFileSync(jwtFile, await issuer.jwt(Date.now(), podClaims("web-3", "u")));
    await network.resume();
    back.resolve();
    await started;
    expect(client.self.name).toBe("web-3");
  });

  it("says what is wrong with the file, and what else it needs", async () => {
    await using stage = new Stage();
    const place = { ca: "https://127.0.0.1:1", caFingerprint: "ab".repeat(32) };
    const wrong = stage.directory("wrong");
    writeFileSync(wrong, "not a JWT");
    for (const jwtFile of ["/nonexistent/token", wrong, "/dev/zero"])
      expect(await codeOf(stage.client({ ...place, jwtFile }).start())).toBe("jwt-unreadable");
    await expect(stage.client({ ca: place.ca, jwtFile: wrong }).start()).rejects.toMatchObject({
      code: "token-required",
      advice: expect.stringContaining("ca_fingerprint"),
    });
  });
});
