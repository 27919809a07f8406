/** Application streams: handlers that fail, bounds per member, removal. */
import { once } from "node:events";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LIMITS, STREAM } from "../../client/protocols.js";
import { type Offered, STREAMS_PER_PEER_MAX, type StreamHandler, Streams } from "../../client/talk/streams.js";
import { FirefliesError } from "../../identity/index.js";
import { type ByteDuplex, deadlineIn, formatAddress, Protocols, type Session } from "../../net/index.js";
import { duplexPair } from "../support/duplex-pair.js";
import { loneStack } from "../support/lone-stack.js";
import { TestNetwork } from "../support/test-network.js";

/** What takes the streams of both forms, or nobody. */
function offered(handler: StreamHandler | undefined, perPeerMax: number): Offered | FirefliesError {
  return handler ? { handler, perPeerMax } : new FirefliesError("handler-missing");
}

async function setup(handler: StreamHandler | undefined, perPeerMax?: number) {
  const network = await TestNetwork.create();
  const [alice, bob] = [await network.member(), await network.member()];
  const limits = perPeerMax === undefined ? {} : { perPeerMax };
  const incoming = new Streams(limits);
  const outgoing = new Streams(limits);
  const protocols = new Protocols();
  protocols.register({
    kind: "duplex",
    id: STREAM,
    limits: LIMITS.stream,
    onDuplex: (peer, duplex, _path, name) =>
      incoming.accept(peer, duplex, name, offered(handler, perPeerMax ?? STREAMS_PER_PEER_MAX)),
  });
  const [caller, called] = [loneStack(alice, { protocols }), loneStack(bob, { protocols })];
  onTestFinished(async () => void (await Promise.all([caller.close(0), called.close(0)])));
  const { address } = await called.listen({ host: "127.0.0.1", port: 0 });
  const to = { addresses: [formatAddress(address)] };
  const session = await caller.links.reach(to, { deadline: deadlineIn(5_000) });
  return { incoming, outgoing, session, alice, open: () => outgoing.open(session) };
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
    await vi.waitFor(() => expect([incoming.size, outgoing.size]).toEqual([0, 0]));
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
    const { open, incoming, session } = await setup(() => {}, 2);
    const streams = [open(), open()];
    expect(() => open()).toThrow(FirefliesError);
    const unbounded = new Streams({ perPeerMax: 100 });
    expect((await errorOf(unbounded.open(session))).code).toBe("overloaded");
    streams[0]!.destroy();
    await once(streams[0]!, "close");
    await vi.waitFor(() => expect(incoming.size).toBe(1));
    open();
  });

  it("finds a place however many another member holds", async () => {
    const network = await TestNetwork.create();
    const streams = new Streams({ perPeerMax: 10, places: { shared: 4, reserved: 8 } });
    const linkTo = async () => {
      const { certificate: peer } = await network.member();
      return { peer, open: () => duplexPair(1024)[0] } as unknown as Session;
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
    await vi.waitFor(() => expect(incoming.size).toBe(1));
    incoming.endAll(alice.certificate.id);
    expect((await error).code).toBe("peer-removed");
    expect(incoming.size).toBe(0);
  });
});
