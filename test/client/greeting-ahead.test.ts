/** A message that waits for a session goes ahead as soon as its other end is proven, before that has let this member in. */
import { describe, expect, it, vi } from "vitest";
import { decodeFrame, encodeHello, FRAME_VERSION } from "../../client/messages/frame.js";
import { FRAME_BYTES_MAX } from "../../client/protocols.js";
import { Messenger } from "../../client/talk/messenger.js";
import { FirefliesError } from "../../identity/index.js";
import type { Session } from "../../net/index.js";
import type { KeyExporter } from "../../net/session/session.js";
import { duplexPair } from "../support/duplex-pair.js";
import { codeOf, text } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";

/** Alice sends to Bob, and a session with Bob is being made. */
async function scene({ refusal = () => undefined }: { readonly refusal?: () => FirefliesError | undefined } = {}) {
  const network = await TestNetwork.create();
  const [alice, bob, carol] = [await network.member(), await network.member(), await network.member()];
  const [near, far] = duplexPair(FRAME_BYTES_MAX);
  const heard: string[] = [];
  far.on("data", (bytes: Uint8Array) => heard.push(decodeFrame(bytes)?.kind ?? "no frame"));
  let failed!: (error: FirefliesError) => void;
  let dials = 0;
  const messenger = new Messenger({
    links: {
      usable: () => undefined,
      reach: () => {
        dials += 1;
        return new Promise((_, reject) => {
          failed = reject;
        });
      },
    },
    identity: () => alice,
    dispatch: () => undefined,
    refusal,
    concurrent: 1,
    destination: (id) => ({ id, addresses: [] }),
  });
  const send = ({ certificate: { id } }: typeof bob) =>
    codeOf(messenger.request("message", { id, addresses: [] }, text("hello"), { timeoutMs: 10_000 }));
  /** As TLS has them, the same at both ends. */
  const exportEarly: KeyExporter = (_, __, bytes) => new Uint8Array(bytes).fill(7);
  const open = () => Object.assign(near, { exportEarly });
  const session = { peer: bob.certificate, open, onSuperseded: () => () => {} } as unknown as Session;
  const greet = async () => {
    messenger.greet(session);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    bob,
    carol,
    near,
    far,
    heard,
    messenger,
    send,
    greet,
    fail: (error: FirefliesError) => failed(error),
    dials: () => dials,
  };
}

describe("a session that is being made", () => {
  it("takes the message that waits for it, with its hello and without a word of the other end", async () => {
    const { bob, heard, send, greet, fail, messenger } = await scene();
    const asked = send(bob);
    await greet();
    expect(heard).toEqual(["hello", "batch"]);
    fail(new FirefliesError("link-closed"));
    messenger.close(new FirefliesError("member-stopping"));
    expect(await asked).toBe("member-stopping");
  });

  it.each([
    ["a member that nothing waits for", "carol", undefined],
    ["one that nobody may talk to", "bob", new FirefliesError("peer-removed")],
  ] as const)("takes nothing for %s", async (_, to, refused) => {
    const made = await scene({ refusal: () => refused });
    const asked = made.send(made[to]);
    await made.greet();
    expect(made.heard).toEqual([]);
    made.fail(new FirefliesError("timeout"));
    expect(await asked).toBe("timeout");
  });

  it("that is refused refuses what went ahead: it was not handled", async () => {
    const { bob, near, send, greet, fail, dials } = await scene();
    const asked = send(bob);
    await greet();
    near.destroy(new FirefliesError("link-closed"));
    fail(new FirefliesError("peer-refused"));
    expect([await asked, dials()]).toEqual(["peer-refused", 1]);
  });

  it("that is lost has the message asked again over the one that is made instead", async () => {
    const { bob, near, send, greet, fail, dials } = await scene();
    const asked = send(bob);
    await greet();
    near.destroy(new FirefliesError("link-closed"));
    fail(new FirefliesError("peer-unreachable"));
    await vi.waitFor(() => expect(dials()).toBe(2));
    fail(new FirefliesError("peer-refused"));
    // It is another one that is refused: whether the message was handled over the first one is not known.
    expect(await asked).toBe("link-closed");
  });
});

describe("a hello that goes ahead", () => {
  async function answered(exportEarly: KeyExporter | undefined) {
    const { bob, near, far, messenger } = await scene();
    messenger.accept(bob.certificate, Object.assign(far, { exportEarly }));
    near.write(encodeHello({ version: FRAME_VERSION, nonce: new Uint8Array(16), isEarly: true }));
    near.resume();
    return await Promise.race([
      new Promise((resolve) => near.once("data", (bytes: Uint8Array) => resolve(decodeFrame(bytes)?.kind))),
      new Promise((resolve) => near.once("error", (error) => resolve((error as FirefliesError).code))),
    ]);
  }

  it("is answered once on a session, so that no two links have the same nonce", async () => {
    let given = 0;
    const exportEarly: KeyExporter = (_, __, bytes) => (given++ === 0 ? new Uint8Array(bytes) : undefined);
    expect(await answered(exportEarly)).toBe("hello");
    expect(await answered(exportEarly)).toBe("link-closed");
  });

  it("is refused where the ends have no secret in common", async () => {
    expect(await answered(undefined)).toBe("link-closed");
  });
});
