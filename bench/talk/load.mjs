/** What both sides of a row are measured with: calls kept in flight, chunks written as a stream takes them. */

/** Latencies kept; beyond, the oldest are overwritten. */
const LATENCIES = 1 << 20;

/** Calls per second and latencies (ms) of `inFlight` loops, each of which makes one call after the other for `ms`. */
export async function load(call, { inFlight, ms }) {
  const latencies = new Float64Array(LATENCIES);
  const begin = performance.now();
  const end = begin + ms;
  let done = 0;
  const loop = async () => {
    for (let start = performance.now(); start < end; ) {
      await call();
      const now = performance.now();
      latencies[done++ % LATENCIES] = now - start;
      start = now;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const seconds = (performance.now() - begin) / 1000;
  const sorted = latencies.subarray(0, Math.min(done, LATENCIES)).sort();
  const at = (share) => sorted[Math.floor(sorted.length * share)];
  return { calls: done, perSecond: done / seconds, p50: at(0.5), p99: at(0.99) };
}

/** Writes the chunk for `ms`, as fast as the stream takes it, then ends the stream. */
export function pour(stream, chunk, ms) {
  const end = performance.now() + ms;
  const more = () => {
    while (performance.now() < end) {
      if (stream.write(chunk)) continue;
      stream.once("drain", more);
      return;
    }
    stream.end();
  };
  more();
}

/** Resolves to the number of bytes that `stream` brought, at its end. */
export function drink(stream) {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    stream.on("data", (chunk) => {
      bytes += chunk.length;
    });
    stream.once("end", () => resolve(bytes));
    stream.once("error", reject);
  });
}

const MIB = 1024 * 1024;

/** MiB per second, of a transfer that begins now: `done` resolves to its bytes. */
export async function rate(done) {
  const start = performance.now();
  const bytes = await done;
  return bytes / MIB / ((performance.now() - start) / 1000);
}

// --- Streams of a bench. The first message says what the called side does; bytes are counted where they arrive. ---

/** [1]: reads to the end and answers the count. [2, milliseconds u32, chunk size u32]: writes. */
const ORDER = { up: 1, down: 2 };

export function orderUp() {
  return Buffer.of(ORDER.up);
}

export function orderDown({ ms, bytes }) {
  const order = Buffer.alloc(9);
  order[0] = ORDER.down;
  order.writeUInt32BE(ms, 1);
  order.writeUInt32BE(bytes, 5);
  return order;
}

/** The called side of a stream with either order. What goes wrong is seen by the calling side. */
export function serve(stream) {
  stream.once("data", (first) => {
    const order = Buffer.from(first);
    if (order[0] === ORDER.down) pour(stream, Buffer.alloc(order.readUInt32BE(5), 7), order.readUInt32BE(1));
    else tellCount(stream).catch(() => {});
  });
}

async function tellCount(stream) {
  const bytes = await drink(stream);
  stream.write(Buffer.from(String(bytes)));
  stream.end(); // What the called side of grpc-js gives to `end` is no message.
}

/** The calling side: MiB per second to the other side, told by it. */
export function upload(stream, { ms, bytes }) {
  stream.write(orderUp());
  pour(stream, Buffer.alloc(bytes, 7), ms);
  return rate(
    new Promise((resolve, reject) => {
      stream.once("data", (told) => resolve(Number(Buffer.from(told).toString())));
      stream.once("error", reject);
    }),
  );
}

/** The calling side: MiB per second from the other side. */
export function download(stream, options) {
  stream.write(orderDown(options));
  return rate(drink(stream));
}
