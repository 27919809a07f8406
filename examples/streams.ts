/**
 * Streams: a Duplex of messages (Uint8Array) to a member. Back-pressure is end to end, so a slow reader slows its writer
 * down instead of filling memory; each side closes its own direction with `end()`.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { bytes, openNetwork, text } from "./network.js";

await using network = await openNetwork();
const alice = network.member("alice");
const bob = network.member("bob");

// Bob answers each line as it comes, and closes his side when alice has closed hers: pipeline() does both.
bob.registerStreamHandler(async (stream) => {
  await pipeline(
    stream,
    async function* (lines: AsyncIterable<Uint8Array>) {
      let count = 0;
      for await (const line of lines) yield bytes(`${++count}. ${text(line).toUpperCase()}`);
    },
    stream,
  );
});
await network.start();

const poem = ["Fireflies, in the garden,", "blink in one rhythm,", "and nobody leads."];
const stream = await alice.openStream(bob.id);
const sent = pipeline(Readable.from(poem.map(bytes)), stream);
for await (const line of stream) console.log(text(line));
await sent;

// A large transfer: 16 MiB in chunks of 64 KiB. The writer waits whenever bob has not yet read what is under way.
const CHUNKS = 256;
bob.registerStreamHandler(async (incoming) => {
  let received = 0;
  for await (const chunk of incoming) received += chunk.length;
  incoming.end(bytes(String(received)));
});
const upload = await alice.openStream(bob.id);
const chunks = Array.from({ length: CHUNKS }, () => new Uint8Array(65_536));
await pipeline(Readable.from(chunks), upload);
for await (const answer of upload) console.log(`bob received ${text(answer)} bytes`);
