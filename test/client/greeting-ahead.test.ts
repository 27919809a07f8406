/** The greeting of messages goes ahead on a session that is being made, if a message waits for it. */
import { expect, it } from "vitest";
import { decodeFrame } from "../../client/messages/frame.js";
import { FRAME_BYTES_MAX } from "../../client/protocols.js";
import { Messenger } from "../../client/talk/messenger.js";
import { FirefliesError } from "../../identity/index.js";
import type { Session } from "../../net/index.js";
import { duplexPair } from "../support/duplex-pair.js";
import { codeOf, text } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";

it.each([
  ["goes ahead to the member that a message waits for", true],
  ["is not sent to a member that nothing waits for", false],
])("%s", async (_, isAwaited) => {
  const network = await TestNetwork.create();
  const [alice, bob, carol] = [await network.member(), await network.member(), await network.member()];
  const [near, far] = duplexPair(FRAME_BYTES_MAX);
  const heard: string[] = [];
  far.on("data", (bytes: Uint8Array) => heard.push(decodeFrame(bytes)?.kind ?? "no frame"));
  let failed!: (error: FirefliesError) => void;
  const messenger = new Messenger({
    links: {
      usable: () => undefined,
      reach: () =>
        new Promise((_, reject) => {
          failed = reject;
        }),
    },
    identity: () => alice,
    dispatch: () => undefined,
    refusal: () => undefined,
    concurrent: 1,
    destination: () => undefined,
  });
  const { id } = (isAwaited ? bob : carol).certificate;
  const asked = codeOf(messenger.request("message", { id, addresses: [] }, text("hello"), { timeoutMs: 10_000 }));
  const session = { peer: bob.certificate, open: () => near, onSuperseded: () => () => {} } as unknown as Session;
  messenger.greet(session);
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual(isAwaited ? ["hello"] : []);
  failed(new FirefliesError("link-closed"));
  expect(await asked).toBe("link-closed");
  messenger.close(new FirefliesError("link-closed"));
});
