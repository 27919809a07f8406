/**
 * A mask: which rings a member has enabled (at most t of the k may be disabled, rule R2). A byte string of ceil(k/8) bytes,
 * never a 32-bit number; ring r is bit r - 1, which is value 1 << ((r - 1) & 7) of byte (r - 1) >> 3; set means enabled.
 */
import { tolerance } from "./ring-count.js";

/** Why a mask is refused (rule R2). */
export type MaskProblem = "mask-length" | "mask-beyond-rings" | "mask-too-many-disabled";

/** Bytes of a mask for k rings. */
export function maskBytes(ringCount: number): number {
  return Math.ceil(ringCount / 8);
}

/** The mask with all of k rings enabled. */
export function fullMask(ringCount: number): Uint8Array {
  const mask = new Uint8Array(maskBytes(ringCount)).fill(0xff);
  if (ringCount % 8 !== 0) mask[mask.length - 1] = (1 << (ringCount % 8)) - 1;
  return mask;
}

/** Whether a ring is enabled; no ring outside the mask is, whatever number a peer sent. */
export function isEnabled(mask: Uint8Array, ring: number): boolean {
  if (!hasBit(mask, ring)) return false;
  return (mask[byteOf(ring)]! & bitOf(ring)) !== 0;
}

/** A copy with one ring enabled or disabled. Throws RangeError when the mask has no bit for that ring. */
export function withRing(mask: Uint8Array, ring: number, enabled: boolean): Uint8Array {
  if (!hasBit(mask, ring)) throw new RangeError(`a mask of ${mask.length} bytes has no ring ${ring}`);
  const changed = Uint8Array.from(mask);
  if (enabled) changed[byteOf(ring)]! |= bitOf(ring);
  else changed[byteOf(ring)]! &= ~bitOf(ring);
  return changed;
}

/** The disabled ones of rings 1..k, ascending. */
export function disabledRings(mask: Uint8Array, ringCount: number): number[] {
  const disabled: number[] = [];
  for (let ring = 1; ring <= ringCount; ring++) if (!isEnabled(mask, ring)) disabled.push(ring);
  return disabled;
}

/**
 * What is wrong with a mask for k rings: another length than ceil(k/8), a bit beyond k (a mask with such bits could pass for
 * one with rings enabled), more than t disabled (its owner could never be accused). Undefined when it is valid.
 */
export function maskProblem(mask: Uint8Array, ringCount: number): MaskProblem | undefined {
  if (mask.length !== maskBytes(ringCount)) return "mask-length";
  if (hasBitBeyond(mask, ringCount)) return "mask-beyond-rings";
  if (disabledRings(mask, ringCount).length > tolerance(ringCount)) return "mask-too-many-disabled";
  return undefined;
}

function hasBitBeyond(mask: Uint8Array, ringCount: number): boolean {
  const full = fullMask(ringCount);
  return mask.some((byte, index) => (byte & ~full[index]!) !== 0);
}

function hasBit(mask: Uint8Array, ring: number): boolean {
  return Number.isInteger(ring) && ring >= 1 && ring <= mask.length * 8;
}

function byteOf(ring: number): number {
  return (ring - 1) >> 3;
}

function bitOf(ring: number): number {
  return 1 << ((ring - 1) & 7);
}
