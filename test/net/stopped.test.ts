/** Processes that do not run for a while: theirs is no dead path, and ours is no silence of theirs. Runs what is in dist/. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Identity, privateKeyToPem } from "../../identity/index.js";
import { type Address, type Session, tcpTransport } from "../../net/index.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, codeOf, Scene, soon } from "./session-scene.js";

const STOP_MS = 3_000;

let child: ChildProcess;
let scene: Scene;
let session: Session;
beforeAll(async () => {
  const network = await TestNetwork.create();
  child = fork(new URL("echo-peer.mjs", import.meta.url));
  child.send(portable(await network.member()));
  const [{ address }] = (await once(child, "message")) as [{ address: Address }];
  scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  session = await scene.connect(scene.member(await network.member()), { address, close: async () => {} });
});
afterAll(async () => {
  child.kill("SIGKILL");
  await scene.close();
});

function portable({ certificate: { leaf, issuer }, root, privateKey }: Identity) {
  const text = (part: Uint8Array) => Buffer.from(part).toString("base64");
  return { leaf: text(leaf), issuer: text(issuer), root: text(root), key: privateKeyToPem(privateKey) };
}

it("a peer that is stopped for three seconds answers when it goes on", { timeout: 30_000 }, async () => {
  await session.call("probe", bytes(1), soon());
  child.kill("SIGSTOP");
  const answer = codeOf(session.call("probe", bytes(2), soon()));
  setTimeout(() => child.kill("SIGCONT"), STOP_MS);
  expect(await answer).toBe("no error");
  expect(session.closed).toBe(false);
});

it("a process that was itself stopped reads what waits before it calls anybody silent", {
  timeout: 30_000,
}, async () => {
  const answer = session.call("probe", bytes(3), { deadline: Number.POSITIVE_INFINITY });
  // The event loop stands still: the answer lies in the socket, and every timer is overdue.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_500);
  expect(await answer).toEqual(bytes(3));
  expect(session.closed).toBe(false);
});
