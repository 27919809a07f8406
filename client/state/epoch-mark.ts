/** The epoch mark (docs/protocol.md, R10): no epoch above it was ever signed. A restart begins above the mark. */
import { EPOCH_MAX } from "../../gossip/index.js";

export const EPOCH_FILE = "epoch";
export const EPOCH_KIND = "epoch";
export const EPOCH_FILE_BYTES_MAX = 256;

/** In decimal digits, because people look into this file when something is wrong. */
export function encodeEpoch(mark: bigint): Uint8Array {
  return Buffer.from(`${mark}\n`, "ascii");
}

export function decodeEpoch(content: Uint8Array): bigint | undefined {
  const text = Buffer.from(content).toString("latin1");
  if (!/^\d{1,19}\n$/.test(text)) return undefined;
  const mark = BigInt(text.trim());
  return mark <= EPOCH_MAX ? mark : undefined;
}
