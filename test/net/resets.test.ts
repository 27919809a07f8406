/** RST on the connection of two members, in the middle of everything: test/long/resets.mjs does it many times under load. */
import { once } from "node:events";
import { afterEach, beforeAll, expect, it } from "vitest";
import type { Identity } from "../../identity/index.js";
import { type ByteDuplex, deadlineIn, tcpTransport } from "../../net/index.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { TestNetwork } from "../support/test-network.js";
import { codeOf, endOf, type Member, Scene } from "./session-scene.js";

let [aliceId, bobId]: Identity[] = [];
beforeAll(async () => {
  const network = await TestNetwork.create();
  [aliceId, bobId] = [await network.member(), await network.member()];
});
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Writes for as long as there is somebody to read. */
function flood(duplex: ByteDuplex): void {
  const chunk = new Uint8Array(30_000);
  const write = () => {
    while (!duplex.destroyed && duplex.write(chunk));
  };
  duplex.on("drain", write).resume();
  write();
}

/** Answers every message with itself. */
function echo(member: Member): void {
  member.onDuplex = ({ duplex }) => {
    duplex.on("data", (chunk: Uint8Array) => {
      if (!duplex.write(chunk)) duplex.pause();
    });
    duplex.on("drain", () => duplex.resume());
  };
}

it("ends the session, its calls and duplexes and its sockets at once, at both ends, time after time", async () => {
  const scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  const [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
  for (const member of [alice, bob]) echo(member);
  const bound = await scene.listen(bob);
  const proxy = await TcpProxy.to(bound.address);
  closing.push(
    () => scene.close(),
    () => proxy.close(),
  );
  for (let round = 0; round < 10; round++) {
    const dialled = await scene.connect(alice, { address: proxy.address, close: async () => {} });
    const sessions = [dialled, await bob.nextSession()];
    const ends = sessions.flatMap((session) => {
      const duplexes = Array.from({ length: 4 }, () => session.open("stream"));
      for (const duplex of duplexes) flood(duplex);
      return duplexes.map(endOf);
    });
    bob.onCall = () => new Promise(() => {});
    const call = codeOf(dialled.call("probe", new Uint8Array(1_000), { deadline: deadlineIn(60_000) }));
    const closed = sessions.map((session) => new Promise((resolve) => session.onClose(resolve)));
    const before = proxy.bytes;
    await expect.poll(() => proxy.bytes - before).toBeGreaterThan(200_000 * (round + 1));
    const socket = scene.connections.at(-1)!;
    const from = performance.now();
    proxy.reset();
    expect(new Set((await Promise.all(ends)).flat())).toEqual(new Set(["link-closed"]));
    expect(await call).toBe("link-closed");
    await Promise.all(closed);
    if (!socket.closed) await once(socket, "close");
    // An event, and not the watch that finds silent ends after four seconds.
    expect(performance.now() - from).toBeLessThan(3_000);
    expect(sessions.map(({ active }) => active)).toEqual([0, 0]);
  }
});

/** A session of alice with bob through a proxy; all are closed at the end. */
async function behindProxy() {
  const scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  const [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
  const proxy = await TcpProxy.to((await scene.listen(bob)).address);
  closing.push(
    () => scene.close(),
    () => proxy.close(),
  );
  const session = await scene.connect(alice, { address: proxy.address, close: async () => {} });
  return { bob, proxy, session };
}

it("is no loss for what was acknowledged: a reader has it all", async () => {
  const { bob, proxy, session } = await behindProxy();
  const mine = session.open("stream");
  for (let i = 0; i < 20; i++) mine.write(new Uint8Array(1_000));
  mine.end();
  const { duplex } = await bob.nextDuplex();
  await once(mine, "finish");
  const lost = new Promise((resolve) => session.onClose(resolve));
  proxy.reset();
  await lost;
  let read = 0;
  for await (const chunk of duplex.iterator({ destroyOnReturn: false })) read += (chunk as Uint8Array).length;
  expect(read).toBe(20_000);
});

it("ends a session whose bytes were changed on the way", async () => {
  const { bob, proxy, session } = await behindProxy();
  const accepted = await bob.nextSession();
  const closed = [session, accepted].map((each) => new Promise((resolve) => each.onClose(resolve)));
  proxy.corrupt = true;
  expect(await codeOf(session.call("probe", new Uint8Array(10), { deadline: deadlineIn(60_000) }))).toBe("link-closed");
  await Promise.all(closed);
});
