/** Application streams: handlers that fail, bounds per member, removal. */
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { formatAddress } from "../../client/address.js";
import { MemoryNetwork } from "../../client/memory.js";
import { duplexPair } from "../../client/paired-duplex.js";
import { type StreamHandler, Streams } from "../../client/streams.js";
import type { ByteDuplex, Link } from "../../client/transport.js";
import { FirefliesError } from "../../identity/index.js";
import { TestNetwork } from "../support/test-network.js";

async function setup(handler: StreamHandler | undefined, perPeerMax?: number) {
  const network = await TestNetwork.create();
  const [alice, bob] = [await network.member(), await network.member()];
  const wires = new MemoryNetwork();
  const limits = perPeerMax === undefined ? {} : { perPeerMax };
  const incoming = new Streams(limits);
  const outgoing = new Streams(limits);
  const handlers = {
    admit: () => undefined,
    onCall: async () => new Uint8Array(0),
    onDuplex: (peer: typeof alice.certificate, _kind: unknown, duplex: ByteDuplex) =>
      incoming.accept(peer, duplex, handler),
  };
  const own = (identity: typeof alice) => ({ identity: () => identity, now: () => Date.now() });
  const { host, port } = await wires.transport(own(bob)).listen({ host: "bob", port: 0, handlers });
  const link = await wires.transport(own(alice)).dial(formatAddress(host, port), { timeoutMs: 1000 });
  return { incoming, outgoing, link, alice, open: () => outgoing.open(link) };
}

const errorOf = async (stream: ByteDuplex) => ((await once(stream, "error")) as [FirefliesError])[0];

describe("a stream", () => {
  it("reaches the handler, who is told the sender, and ends in order", async () => {
    const seen: string[] = [];
    const { open, incoming, outgoing, alice } = await setup(async (stream, { from, signal }) => {
      seen.push(from.id);
      for await (const chunk of stream) stream.write(chunk);
      stream.end();
      expect(signal.aborted).toBe(false);
    });
    const stream = open();
    stream.end(Uint8Array.of(1));
    const got: unknown[] = [];
    for await (const chunk of stream) got.push(chunk);
    if (!stream.closed) await once(stream, "close");
    expect(got).toEqual([Uint8Array.of(1)]);
    expect(seen).toEqual([alice.certificate.id]);
    expect([incoming.size, outgoing.size]).toEqual([0, 0]);
  });

  it.each<[string, StreamHandler, string]>([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
      "boom",
    ],
    ["rejects", async () => Promise.reject(new Error("boom")), "boom"],
  ])("ends with a code when the handler %s", async (_what, handler) => {
    const { open } = await setup(handler);
    expect((await errorOf(open())).code).toBe("handler-failed");
  });

  it("without a handler ends with that reason", async () => {
    const { open } = await setup(undefined);
    expect((await errorOf(open())).code).toBe("handler-missing");
  });

  it("is refused when too many are open with one member, at either end", async () => {
    const { open, incoming, link } = await setup(() => {}, 2);
    const streams = [open(), open()];
    expect(() => open()).toThrow(FirefliesError);
    const unbounded = new Streams({ perPeerMax: 100 });
    expect((await errorOf(unbounded.open(link))).code).toBe("overloaded");
    streams[0]!.destroy();
    await once(streams[0]!, "close");
    expect(incoming.size).toBe(1);
    open();
  });

  it("finds a place however many another member holds", async () => {
    const network = await TestNetwork.create();
    const streams = new Streams({ perPeerMax: 10, places: { shared: 4, reserved: 8 } });
    const linkTo = async () => {
      const { certificate: peer } = await network.member();
      return { peer, open: () => duplexPair(1024)[0] } as unknown as Link;
    };
    const [greedy, modest, late] = [await linkTo(), await linkTo(), await linkTo()];
    for (let count = 0; count < 4; count++) streams.open(greedy);
    expect(() => streams.open(greedy)).toThrow(expect.objectContaining({ code: "overloaded" }));
    const one = streams.open(modest);
    expect(() => streams.open(modest)).toThrow(expect.objectContaining({ code: "overloaded" }));
    streams.open(late);
    one.destroy();
    await once(one, "close");
    streams.open(modest);
    expect(streams.size).toBe(6);
  });

  it("ends at both ends when the member is removed", async () => {
    const { open, incoming, alice } = await setup(() => {});
    const stream = open();
    stream.resume();
    const error = errorOf(stream);
    stream.write(Uint8Array.of(1));
    await new Promise(setImmediate);
    incoming.endAll(alice.certificate.id);
    expect((await error).code).toBe("peer-removed");
    expect(incoming.size).toBe(0);
  });
});
