/** Calls of the end that accepted: over which HTTP/2 streams they go, and what becomes of those. */
import { connect } from "node:http2";
import { Duplex } from "node:stream";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FirefliesError } from "../../identity/index.js";
import { type Session, tcpTransport } from "../../net/index.js";
import { Vigil } from "../../net/session/watch.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, codeOf, type Member, Scene, soon } from "./session-scene.js";

/** Of Node's, which does not export it. */
const CLIENT_SESSION = clientSession();

function clientSession() {
  const nowhere = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const session = connect("http://nowhere", { createConnection: () => nowhere });
  session.destroy();
  return Object.getPrototypeOf(session) as { request: typeof session.request };
}

let scene: Scene;
let alice: Member;
let session: Session;
/** Of the end that dialled: what was begun over HTTP/2. */
let begun: { readonly mock: { readonly calls: readonly unknown[] } };

beforeEach(async () => {
  const network = await TestNetwork.create();
  scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  alice = scene.member(await network.member());
  const bob = scene.member(await network.member());
  begun = vi.spyOn(CLIENT_SESSION, "request");
  await scene.connect(alice, await scene.listen(bob));
  session = await bob.nextSession();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await scene.close();
});

const ask = () => session.call("exchange", bytes(1, 2, 3), soon());

it("one after the other take the same two", async () => {
  for (let call = 0; call < 50; call++) expect(await ask()).toEqual(bytes(1, 2, 3));
  expect(begun.mock.calls.length).toBeLessThanOrEqual(2);
});

it("at once take one each, of which no more are left than are kept", async () => {
  const waiting: (() => void)[] = [];
  alice.onCall = (_, body) => new Promise((resolve) => waiting.push(() => resolve(body)));
  const asked = Array.from({ length: 20 }, ask);
  await vi.waitFor(() => expect(waiting).toHaveLength(20));
  expect(begun.mock.calls.length).toBe(21);
  for (const answer of waiting) answer();
  expect(await Promise.all(asked)).toHaveLength(20);
  alice.onCall = async (_, body) => body;
  for (let call = 0; call < 20; call++) await ask();
  expect(begun.mock.calls.length).toBe(21);
  expect(session.active).toBe(0);
});

it("that fail, are given up or come to nothing leave the next ones a stream", async () => {
  for (let round = 0; round < 10; round++) {
    alice.onCall = () => Promise.reject(new FirefliesError("overloaded"));
    expect(await codeOf(ask())).toBe("overloaded");
    const given = new AbortController();
    alice.onCall = () => {
      given.abort();
      return new Promise(() => {});
    };
    expect(await codeOf(session.call("exchange", bytes(), { ...soon(), signal: given.signal }))).toBe("cancelled");
    alice.onCall = async (_, body) => body;
    expect(await ask()).toEqual(bytes(1, 2, 3));
  }
});

it("that are given up as they are answered leave the next ones a stream", async () => {
  for (let round = 0; round < 100; round++) {
    const givenUp = [0, 1, 2].map(() => new AbortController());
    alice.onCall = async (_, body) => {
      // The answer is on its way, and what it came on is spare at this end.
      setImmediate(() => givenUp[body[0]!]?.abort());
      return body;
    };
    const asked = givenUp.map(({ signal }, index) => session.call("exchange", bytes(index), { ...soon(), signal }));
    await Promise.allSettled(asked);
    alice.onCall = async (_, body) => body;
    expect(await ask()).toEqual(bytes(1, 2, 3));
  }
});

it("take messages up to the limit of each protocol, whatever the stream served before", async () => {
  for (const length of [3, 4_000_000, 3]) {
    const body = new Uint8Array(length).fill(7);
    expect(Buffer.compare(await session.call("exchange", body, soon()), body)).toBe(0);
  }
});

it("leave nothing awaited once they are answered", async () => {
  await ask(); // There may be no stream for it yet, which is awaited.
  const awaiting = vi.spyOn(Vigil.prototype, "sent");
  for (let call = 0; call < 10; call++) await ask();
  expect(awaiting).toHaveBeenCalledTimes(10); // By the claims, for which the answers come.
});

it("end with the session, and so do the streams that wait", async () => {
  await Promise.all([ask(), ask(), ask()]);
  const closed = new Promise((resolve) => session.onClose(() => resolve("closed")));
  await alice.host.close(0);
  expect(await closed).toBe("closed");
});

it("do not fire the signal of a handler that has answered", async () => {
  let signal: AbortSignal | undefined;
  alice.onCall = async (_, body, given) => {
    signal = given;
    return body;
  };
  await ask();
  await ask();
  expect(signal?.aborted).toBe(false);
});
