// Files that a member in the lab sends and takes, by streams: bytes that are known, hashed at both ends.
import { createHash, randomBytes } from "node:crypto";

const CHUNK_BYTES = 256 * 1024;
/** Between two marks of how much has come, milliseconds. */
const MARK_MS = 200;

/** Sends; resolves with the hash, or with what the stream ended with. */
export async function sendFile(client, { id, bytes, reconnect, withinMs }) {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const pathNow = () => client.paths().find((each) => each.id === id)?.path;
  const name = randomBytes(4).toString("hex");
  const reconnects = [];
  const signal = AbortSignal.timeout(withinMs);
  const stream = await client.openStream(id, { reconnect, signal });
  const paths = [{ path: pathNow(), seconds: 0 }];
  const looking = setInterval(() => {
    const path = pathNow();
    if (path !== undefined && path !== paths.at(-1).path) paths.push({ path, seconds: seconds() });
  }, 20);
  stream.on("reconnect", (why) => reconnects.push(why?.code ?? null));
  let end;
  const closed = new Promise((resolve) => {
    stream.once("error", (error) => {
      end = error.code ?? String(error);
    });
    stream.once("close", resolve);
  });
  stream.resume();
  const hash = createHash("sha256");
  stream.write(Buffer.from(JSON.stringify({ name })));
  const seed = randomBytes(CHUNK_BYTES);
  for (let at = 0, index = 0; at < bytes && !stream.destroyed; index++) {
    const chunk = Buffer.from(seed.subarray(0, Math.min(CHUNK_BYTES, bytes - at)));
    chunk.writeUInt32BE(index); // No two chunks are the same: what is lost, doubled or swapped changes the hash.
    hash.update(chunk);
    at += chunk.length;
    if (!stream.write(chunk)) await Promise.race([new Promise((go) => stream.once("drain", go)), closed]);
  }
  stream.end();
  await closed;
  clearInterval(looking);
  return {
    name,
    sha256: hash.digest("hex"),
    ended: end,
    reconnects,
    paths,
    seconds: seconds(),
    ...(end && { error: end }),
  };
}

/** Takes one; `tell` hears how much has come, and how it ended. */
export async function takeFile(stream, tell) {
  const startedAt = performance.now();
  const hash = createHash("sha256");
  const marks = [];
  const reconnects = [];
  stream.on("reconnect", (why) => reconnects.push(why?.code ?? null));
  let name;
  let bytes = 0;
  let lastAt = startedAt;
  let pause = 0;
  let error;
  try {
    for await (const data of stream) {
      const now = performance.now();
      pause = Math.max(pause, now - lastAt);
      lastAt = now;
      if (name === undefined) {
        ({ name } = JSON.parse(new TextDecoder().decode(data)));
        continue;
      }
      hash.update(data);
      bytes += data.length;
      if (marks.length > 0 && now - marks.at(-1).now < MARK_MS) continue;
      marks.push({ now, bytes, seconds: (now - startedAt) / 1000 });
      tell({ event: "file", name, bytes });
    }
    stream.end();
  } catch (cause) {
    error = cause.code ?? String(cause);
  }
  marks.push({ bytes, seconds: (lastAt - startedAt) / 1000 });
  const seconds = (lastAt - startedAt) / 1000;
  tell({
    event: "file-end",
    name,
    bytes,
    sha256: hash.digest("hex"),
    seconds,
    marks,
    pauseMs: Math.round(pause),
    reconnects,
    error,
  });
}
