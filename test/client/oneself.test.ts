/** What a program sends to its own member, and what it may get wrong when it sends: real clients over real sockets. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeJson, decodeText, encodeJson, encodeText } from "../../client/encoding.js";
import type { MessageStream } from "../../client/types.js";
import { verifyMessage } from "../../client/verify-message.js";
import { codeOf, deferred, OfflineNetwork, read, type TestClient, text } from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
});
afterAll(() => network[Symbol.asyncDispose]());

describe("a program that sends to its own member", () => {
  it("has its handler answer, by id and by address, which is told who sent it", async () => {
    const from: unknown[] = [];
    alice.registerMessageHandler((data, context) => {
      from.push(context.from);
      return text(`got ${read(data)}`);
    });
    expect(read(await alice.sendToId(alice.id, text("one")))).toBe("got one");
    expect(read(await alice.sendTo(alice.address, text("two")))).toBe("got two");
    const me = { id: alice.id, name: alice.self.name, address: alice.address };
    expect(from).toEqual([me, me]);
  });

  it("has messages in the order of the calls, large ones too, and proofs", async () => {
    const seen: string[] = [];
    let proof: Uint8Array = new Uint8Array();
    alice.registerMessageHandler((data, context) => {
      seen.push(data.length > 9 ? "large" : read(data));
      proof = context.proof();
      return data.length > 9 ? data : undefined;
    });
    const large = new Uint8Array(3_000_000).fill(7);
    const answers = await Promise.all([
      ...["a", "b", "c"].map((word) => alice.sendToId(alice.id, text(word))),
      alice.sendToId(alice.id, large),
    ]);
    expect(Buffer.compare(answers.at(-1)!, large)).toBe(0);
    expect(seen.filter((word) => word !== "large")).toEqual(["a", "b", "c"]);
    const roots = [network.authority.root];
    expect(verifyMessage(proof, { roots })).toMatchObject({ sender: alice.id, receiver: alice.id });
  });

  it("is pinged, by its id and by the beginning of it, and answers without a datagram or a connection", async () => {
    for (const id of [alice.id, alice.id.slice(0, 12)]) {
      const trip = await alice.ping(id);
      expect(trip).toMatchObject({ udpMs: undefined, udpAddress: undefined, connectMs: undefined, error: undefined });
      expect(trip.linkMs).toBeGreaterThanOrEqual(0);
    }
  });

  it("is told the codes that others would be", async () => {
    alice.registerMessageHandler(() => {
      throw new Error("no");
    });
    expect(await codeOf(alice.sendToId(alice.id, text("x")))).toBe("handler-failed");
    alice.registerMessageHandler(() => new Promise<undefined>(() => {}));
    expect(await codeOf(alice.sendToId(alice.id, text("x"), { timeout: 50 }))).toBe("timeout");
    const signal = AbortSignal.abort();
    expect(await codeOf(alice.sendToId(alice.id, text("x"), { signal }))).toBe("cancelled");
    expect(await codeOf(alice.sendToId(alice.id, new Uint8Array(5_000_000)))).toBe("message-too-large");
  });

  it("has streams with back-pressure, half-close and errors that travel", async () => {
    alice.registerStreamHandler(async (stream, { from }) => {
      expect(from.id).toBe(alice.id);
      for await (const data of stream) stream.write(data);
      stream.end(text("end"));
    });
    const stream = await alice.openStream(alice.id);
    const chunk = new Uint8Array(1024 * 1024).fill(1);
    const writing = (async () => {
      for (let count = 0; count < 8; count++) if (!stream.write(chunk)) await once(stream, "drain");
      stream.end();
    })();
    const lengths: number[] = [];
    for await (const data of stream) lengths.push(data.length);
    await writing;
    expect(lengths).toEqual([...Array.from({ length: 8 }, () => chunk.length), 3]);

    alice.registerStreamHandler((incoming) => void incoming.destroy());
    const cut = await alice.openStream(alice.id);
    const [error] = await once(cut, "error");
    expect(error).toMatchObject({ code: "stream-reset" });
    const controller = new AbortController();
    let other: MessageStream | undefined;
    const opened = new Promise<void>((resolve) =>
      alice.registerStreamHandler((incoming) => {
        other = incoming;
        resolve();
      }),
    );
    await alice.openStream(alice.id, { signal: controller.signal });
    await opened;
    controller.abort();
    const [reason] = await once(other!, "error");
    expect(reason).toMatchObject({ code: "cancelled" });
  });

  it("stops in good order while a message to itself is under way", async () => {
    const solo = await network.start();
    const begun = deferred();
    solo.registerMessageHandler(async (_, { signal }) => {
      begun.resolve();
      await once(solo.stopping, "abort");
      return text(signal.aborted ? "cut" : "whole");
    });
    const answer = solo.sendToId(solo.id, text("x"));
    await begun.promise;
    await solo.stop();
    expect(await answer.then(read, (error) => error.code)).toBe("whole");
    expect(await codeOf(solo.sendToId(solo.id, text("x")))).toBe("not-started");
  });
});

describe("what a program may get wrong", () => {
  it("an id in capitals is the same id, for messages, streams and signatures", async () => {
    bob.registerMessageHandler((data) => data);
    const id = bob.id.toUpperCase();
    expect(read(await alice.sendToId(id, text("hi")))).toBe("hi");
    expect(alice.verifySignature(text("a"), bob.sign(text("a")), id)).toBe(true);
    expect(alice.member(id)?.id).toBe(bob.id);
    alice.registerMessageHandler((data) => data);
    expect(read(await alice.sendToId(alice.id.toUpperCase(), text("me")))).toBe("me");
  });

  it.each(["nonsense", "", ":1", "host:", "a b:1", "127.0.0.1", "::1:8000", "127.0.0.1:70000", "http//x:1"])(
    "the address %j is none",
    async (address) => {
      expect(await codeOf(alice.sendTo(address, text("x")))).toBe("address-invalid");
      expect(await codeOf(alice.join(address))).toBe("address-invalid");
    },
  );

  it.each(["", "nonsense", "f".repeat(64), "F".repeat(64)])("before start the id %j has one code", async (id) => {
    const client = network.client();
    expect(await codeOf(client.sendToId(id, text("x")))).toBe("not-started");
    expect(await codeOf(client.openStream(id))).toBe("not-started");
    expect(await codeOf(client.sendTo(id, text("x")))).toBe("not-started");
    expect(await codeOf(alice.sendToId(id, text("x")))).toBe("peer-unknown");
  });

  it.each([undefined, null, 7, {}, "function"])("%j is no handler, and no id, address or message", async (value) => {
    const misuse = { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" };
    const client = network.client();
    for (const register of ["Message", "Gossip", "Response", "Stream", "Alarm"] as const) {
      expect(() => client[`register${register}Handler`](value as never)).toThrow(expect.objectContaining(misuse));
    }
    await expect(alice.sendToId(bob.id, value as never)).rejects.toMatchObject(misuse);
    if (typeof value === "string") return;
    await expect(alice.sendToId(value as never, text("x"))).rejects.toMatchObject(misuse);
    await expect(alice.sendTo(value as never, text("x"))).rejects.toMatchObject(misuse);
  });

  it("a timeout or a drain that is none is a RangeError with a code", async () => {
    const misuse = { name: "RangeError", code: "ERR_OUT_OF_RANGE" };
    await expect(alice.sendToId(bob.id, text("x"), { timeout: 0 })).rejects.toMatchObject(misuse);
    await expect(alice.stop({ drain: -1 })).rejects.toMatchObject(misuse);
    await expect(alice.waitForMembers(-1)).rejects.toMatchObject(misuse);
  });

  it("two clients of one process on one directory: the second says so", async () => {
    const dir = network.directory();
    await network.start({ dir });
    const second = network.client({ dir, useCa: false });
    await expect(second.start()).rejects.toMatchObject({
      code: "state-in-use",
      message: expect.stringContaining("another client of this process"),
    });
  });

  it("too many addresses to advertise: the number is the one that holds", async () => {
    const nine = Array.from({ length: 9 }, (_, index) => `10.0.0.${index}:1`);
    const refused = { code: "address-invalid", message: expect.stringContaining("at most 8 (it has 9)") };
    await expect(alice.setAdvertise(nine)).rejects.toMatchObject(refused);
    await expect(network.client({ advertise: nine }).start()).rejects.toMatchObject({
      code: "config-bad-value",
      message: expect.stringContaining("at most 8 (it has 9)"),
    });
  });
});

describe("text and values as messages", () => {
  it("come back as they were", () => {
    for (const value of ["", "Grüße 🎆", "\ufeffmark"]) expect(decodeText(encodeText(value))).toBe(value);
    for (const value of [null, 7, "x", [1, { a: true }]]) expect(decodeJson(encodeJson(value))).toEqual(value);
  });

  it("are refused with a code when they are none", () => {
    const invalid = expect.objectContaining({ code: "encoding-invalid" });
    expect(() => decodeText(new Uint8Array([0xff]))).toThrow(invalid);
    expect(() => decodeJson(text("{"))).toThrow(invalid);
    const misuse = expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" });
    expect(() => encodeText(7 as never)).toThrow(misuse);
    expect(() => encodeJson(undefined)).toThrow(misuse);
    expect(() => encodeJson(() => {})).toThrow(misuse);
  });
});
