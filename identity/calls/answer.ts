/** What came over the wire, before anybody knows what it is: bytes within a bound, and a JSON object. */

/** All bytes of `source`, or undefined when they are more than `bytesMax`: no more is held, and the source is ended. Rejects as it does. */
export async function bytesWithin(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A JSON object: no list, not null. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
