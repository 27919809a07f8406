/** A file while its path changes: a better session comes up in the middle. The long form is test/long/moving-file.mjs. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { LASTING, LIMITS, STREAM } from "../../client/protocols.js";
import { type StreamHandler, Streams } from "../../client/talk/streams.js";
import { type ByteDuplex, Protocols } from "../../net/index.js";
import { severalWays } from "../support/ways.js";

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;

async function scene(handler: StreamHandler) {
  const incoming = new Streams();
  const protocols = new Protocols();
  const offered = { handler, perPeerMax: 32 };
  protocols.register({
    kind: "duplex",
    id: STREAM,
    limits: LIMITS.stream,
    onDuplex: (peer, duplex) => incoming.accept(peer, duplex, "", offered),
  });
  protocols.register({
    kind: "duplex",
    id: LASTING,
    limits: LIMITS.lasting,
    onDuplex: (peer, duplex) => incoming.acceptLasting(peer, duplex, "", offered),
  });
  return { ...(await severalWays(2, protocols)), outgoing: new Streams() };
}

/** Sends 8 MiB, and calls `half` in the middle. Returns the hash. */
async function send(stream: ByteDuplex, half: () => void): Promise<string> {
  const hash = createHash("sha256");
  for (let sent = 0; sent < 8 * MIB; sent += CHUNK) {
    if (sent === 4 * MIB) half();
    const chunk = randomBytes(CHUNK);
    hash.update(chunk);
    if (!stream.write(chunk)) await once(stream, "drain");
  }
  stream.end();
  return hash.digest("hex");
}

/** Answers with the hash of what has come. */
const hashing: StreamHandler = async (stream) => {
  const hash = createHash("sha256");
  for await (const data of stream) hash.update(data as Uint8Array);
  stream.end(Buffer.from(hash.digest("hex")));
};

async function answer(stream: ByteDuplex): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const data of stream) parts.push(data as Uint8Array);
  return Buffer.concat(parts).toString();
}

describe("a file whose path gets better in the middle", () => {
  it("goes on where it is, whole, and the next one takes the better path", async () => {
    const { outgoing, best, supersede, open } = await scene(hashing);
    const stream = outgoing.open(best());
    const sent = send(stream, () => supersede(1));
    await vi.waitFor(() => expect(best().active).toBe(0));
    expect(await answer(stream)).toBe(await sent);
    expect(stream.errored).toBe(null);
    const next = outgoing.open(best());
    expect(open()[1]).toBe(1);
    next.end();
    await answer(next);
  });

  it("goes over to the better path if it reconnects, whole, and is told that nothing was lost", async () => {
    const { outgoing, best, supersede, open } = await scene(hashing);
    const stream = outgoing.open(best(), { reach: async () => best() });
    const whys: unknown[] = [];
    const over = new Promise<number[]>((resolve) =>
      stream.on("reconnect", (why) => {
        whys.push(why);
        resolve(open());
      }),
    );
    const sent = send(stream, () => supersede(1));
    expect((await over)[1]).toBe(1);
    await vi.waitFor(() => expect(open()[0]).toBe(0));
    expect(await answer(stream)).toBe(await sent);
    expect([whys, stream.errored]).toEqual([[undefined], null]);
  });
});
