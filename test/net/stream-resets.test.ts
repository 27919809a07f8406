/** Streams that end out of order, many in a row: HTTP/2 servers end a session on which more than about 1,000 resets come. */
import { afterEach, beforeAll, expect, it } from "vitest";
import { FirefliesError, type Identity } from "../../identity/index.js";
import { type Session, tcpTransport } from "../../net/index.js";
import { TestNetwork } from "../support/test-network.js";
import { endOf, Scene, TIMEOUT_MS } from "./session-scene.js";

/** Above nghttp2's bucket of 1,000 and what flows into it while a test runs: 33 a second. */
const CUTS = 1_500;
const AT_ONCE = 40;

let [aliceId, bobId]: Identity[] = [];
beforeAll(async () => {
  const network = await TestNetwork.create();
  [aliceId, bobId] = [await network.member(), await network.member()];
});
let scene: Scene;
afterEach(() => scene.close());

/** Both ends of one session, each of which cuts what the other one opens. */
async function cutting(): Promise<readonly [dialled: Session, accepted: Session]> {
  scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  const [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
  for (const member of [alice, bob])
    member.onDuplex = ({ duplex }) =>
      void duplex.once("data", () => duplex.destroy(new FirefliesError("peer-refused")));
  const dialled = await scene.connect(alice, await scene.listen(bob));
  return [dialled, await bob.nextSession()];
}

async function openMany(session: Session): Promise<Set<string>> {
  const codes = new Set<string>();
  for (let left = CUTS; left > 0; left -= AT_ONCE) {
    const ends = Array.from({ length: AT_ONCE }, async () => {
      const duplex = session.open("stream");
      const end = endOf(duplex);
      duplex.resume().write(new Uint8Array(10));
      for (const code of await end) codes.add(code);
    });
    await Promise.all(ends);
  }
  return codes;
}

it("a session outlives thousands of streams that the accepting end cuts", { timeout: TIMEOUT_MS }, async () => {
  const [dialled] = await cutting();
  expect(await openMany(dialled)).toEqual(new Set(["peer-refused"]));
});

it("and those that the accepting end has opened, and the dialling end cuts", { timeout: TIMEOUT_MS }, async () => {
  const [, accepted] = await cutting();
  expect(await openMany(accepted)).toEqual(new Set(["peer-refused"]));
});
