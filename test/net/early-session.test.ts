/** What is opened on a session before the other end has let its caller in: it goes along with the proof, and saves a round trip. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Bound, type ByteDuplex, type Session, tcpTransport } from "../../net/index.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, codeOf, endOf, type Member, Scene } from "./session-scene.js";

let scene: Scene;
let proxy: TcpProxy;
let bob: Member;
let bound: Bound;
let network: TestNetwork;

beforeEach(async () => {
  network = await TestNetwork.create();
  scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  bob = scene.member(await network.member());
  const place = await scene.listen(bob);
  proxy = await TcpProxy.to(place.address);
  bound = { ...place, address: proxy.address };
});
afterEach(async () => {
  await scene.close();
  await proxy.close();
});

it("comes to the other end while the word that it lets the caller in is on its way", async () => {
  const early: ByteDuplex[] = [];
  const onProven = (session: Session) => {
    proxy.stall("down");
    const duplex = session.open("messages");
    duplex.write(bytes(1, 2, 3));
    early.push(duplex);
  };
  const alice = scene.member(await network.member(), { onProven });
  let isConnected = false;
  const connecting = scene.connect(alice, bound).then(() => {
    isConnected = true;
  });
  const { duplex } = await bob.nextDuplex();
  const [read] = (await new Promise<unknown[]>((resolve) => duplex.once("data", (...data) => resolve(data)))) as [
    Uint8Array,
  ];
  expect(read).toEqual(bytes(1, 2, 3));
  expect(isConnected).toBe(false);
  proxy.flow();
  await connecting;
  expect(early).toHaveLength(1);
});

it("comes to nobody where the caller is refused, who is told why", async () => {
  bob.refusal = "revoked";
  let ended: Promise<readonly string[]> | undefined;
  const onProven = (session: Session) => {
    ended = endOf(session.open("messages"));
  };
  const alice = scene.member(await network.member(), { onProven });
  expect(await codeOf(scene.connect(alice, bound))).toBe("peer-refused");
  expect(await ended).toHaveLength(1);
  expect(bob.opened).toEqual([]);
});

it("has secrets that both ends have in common, and each end gives out once for each use", async () => {
  const alice = scene.member(await network.member());
  const session = await scene.connect(alice, bound);
  const near = [session.open("messages"), session.open("messages")];
  for (const duplex of near) duplex.write(bytes(1));
  const far = [(await bob.nextDuplex()).duplex, (await bob.nextDuplex()).duplex];
  const take = (duplex: ByteDuplex, context: number) =>
    duplex.exportEarly?.("EXPORTER-fireflies-test", bytes(context), 32);
  const mine = take(near[0]!, 1);
  expect(mine).toHaveLength(32);
  expect(take(far[1]!, 1)).toEqual(mine);
  expect([take(near[0]!, 1), take(near[1]!, 1), take(far[0]!, 1)]).toEqual([undefined, undefined, undefined]);
  expect(take(near[1]!, 2)).not.toEqual(mine);
});
