/** What a connection does to bytes: all of them arrive, unchanged and in order, and no faster than they are read. */
import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import type { Promised } from "./promised.js";
import { all, closed, ended, FLOOD_BYTES, flood, read } from "./scene.js";

const MIB = 1024 * 1024;
/** Bytes that the transport may have read ahead of a reader that stands still. */
const READ_AHEAD_MAX = MIB;
/** Written after the other direction has ended. */
const ANSWER_BYTES = 4 * MIB;
/** Of the repeated pattern: a prime, so that no boundary of chunks falls together with its own. */
const PATTERN_BYTES = 65_521;
/** Connections at once. */
const MANY = 50;

export const BYTES: readonly Promised[] = [
  {
    title: "carries bytes both ways, in order and unchanged, whatever the size of a write",
    async run(scene) {
      const { near, far } = await scene.pair();
      const sizes = [1, 2, 125, 126, 65_535, 65_536, 1_000_000];
      const sent = Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index + 1)));
      const echoed = all(near);
      far.pipe(far);
      let at = 0;
      for (const size of sizes) {
        near.write(sent.subarray(at, at + size));
        at += size;
      }
      near.write(Buffer.alloc(0));
      near.end();
      assert.ok((await echoed).equals(sent), "What came back is what was sent.");
    },
  },
  {
    title: "carries what was written before the end, then the end; what the other side had written still comes",
    async run(scene) {
      const { near, far } = await scene.pair();
      far.write("from far");
      near.end("from near");
      const atFar = all(far);
      const atNear = all(near);
      assert.equal((await atFar).toString(), "from near");
      far.end();
      assert.equal((await atNear).toString(), "from far");
      await Promise.all([closed(near), closed(far)]);
      assert.deepEqual([near.errored, far.errored], [null, null]);
    },
  },
  {
    title: "half-closes: who has read the end goes on writing, as much and as late as it likes",
    async run(scene) {
      for (const dialler of [true, false]) {
        const { near, far } = await scene.pair();
        const [asking, answering] = dialler ? [near, far] : [far, near];
        asking.end("question");
        const answer = all(asking);
        assert.equal((await all(answering)).toString(), "question");
        for (let count = 0; count < 10; count++) await turn();
        answering.end(Buffer.alloc(ANSWER_BYTES, 5));
        assert.equal((await answer).length, ANSWER_BYTES);
        await Promise.all([closed(near), closed(far)]);
        assert.deepEqual([near.errored, far.errored], [null, null]);
      }
    },
  },
  {
    title: "never delivers within the write",
    async run(scene) {
      const { near, far } = await scene.pair();
      let arrived = 0;
      far.on("data", () => arrived++);
      far.resume();
      await turn();
      const end = ended(far);
      near.write("x");
      assert.equal(arrived, 0);
      near.end();
      assert.equal(arrived, 0);
      await end;
      assert.equal(arrived, 1);
    },
  },
  {
    title: "lets a writer wait for a reader that stops, with a bounded number of bytes under way, and loses none",
    async run(scene) {
      const { near, far } = await scene.pair();
      far.pause();
      const taken = await flood(near);
      assert.ok(taken < FLOOD_BYTES / 4, `${taken} bytes were taken though nobody reads.`);
      assert.ok(far.readableLength <= READ_AHEAD_MAX, `${far.readableLength} bytes were read ahead.`);
      near.end();
      let arrived = 0;
      far.on("data", (chunk: Buffer) => {
        arrived += chunk.length;
      });
      far.resume();
      await ended(far);
      assert.equal(arrived, taken);
    },
  },
  {
    title: "carries one direction while the other stands still",
    async run(scene) {
      const { near, far } = await scene.pair();
      far.pause();
      await flood(near);
      far.write("still here");
      assert.equal(await read(near, 10), "still here");
    },
  },
  {
    title: "keeps connections apart, of many that are made and used at once",
    async run(scene) {
      const bound = await scene.listen((connection) => connection.pipe(connection));
      const echoes = await Promise.all(
        Array.from({ length: MANY }, async (_, index) => {
          const near = await scene.dial(bound);
          const echo = all(near);
          near.end(Buffer.alloc(1_000 + index, index));
          return (await echo).equals(Buffer.alloc(1_000 + index, index));
        }),
      );
      assert.deepEqual(echoes, Array(MANY).fill(true));
    },
  },
  {
    title: "carries a large transfer both ways at once, every byte in its place",
    async run(scene) {
      const { near, far } = await scene.pair();
      const { bytes } = scene.options;
      await Promise.all([
        pipeline(pattern(bytes, 1), near, { end: true }),
        pipeline(pattern(bytes, 2), far, { end: true }),
        checked(near, bytes, 2),
        checked(far, bytes, 1),
      ]);
    },
  },
];

function patternOf(seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: PATTERN_BYTES }, (_, index) => (index * 31 + (index >> 8) * 7) ^ seed));
}

function* pattern(bytes: number, seed: number): Generator<Buffer> {
  const block = patternOf(seed);
  for (let at = 0; at < bytes; at += block.length) yield block.subarray(0, Math.min(block.length, bytes - at));
}

/** Reads to the end, and compares each byte with the pattern. */
async function checked(from: Duplex, bytes: number, seed: number): Promise<void> {
  const block = patternOf(seed);
  const twice = Buffer.concat([block, block]);
  let at = 0;
  from.on("data", (chunk: Buffer) => {
    for (let done = 0; done < chunk.length; ) {
      const offset = (at + done) % block.length;
      const size = Math.min(block.length, chunk.length - done);
      if (chunk.compare(twice, offset, offset + size, done, done + size) !== 0)
        return void from.destroy(new Error(`A byte after ${at + done} is not what was sent.`));
      done += size;
    }
    at += chunk.length;
  });
  await ended(from);
  assert.equal(at, bytes);
}
