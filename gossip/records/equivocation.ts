/**
 * Proof that a member signed two notes with one epoch and different bodies (rule R12).
 *
 * Of all proofs against one member every correct member must settle on the same one, whatever it saw first: proofs are
 * ordered by the newest certificate they involve, then the lowest epoch, then the lowest body hashes, and the first in
 * that order is kept. Any two members that exchange what they hold therefore end with the same proof.
 */
import type { MemberId } from "../../rings/index.js";
import { type CertificateFacts, compareCertificates } from "./certificate.js";
import type { SignedNote } from "./note.js";

/** One of the two notes, with what ranks it. */
export interface Contradiction {
  readonly note: SignedNote;
  /** SHA-256 of the body, 64 hex digits. */
  readonly hash: string;
  readonly certificate: CertificateFacts;
}

export interface Equivocation {
  readonly id: MemberId;
  readonly epoch: bigint;
  /** Ordered by body hash. */
  readonly pair: readonly [Contradiction, Contradiction];
  /** A note under a certificate newer than this one is free of the proof. */
  readonly newest: CertificateFacts;
}

function equivocationOf(a: Contradiction, b: Contradiction): Equivocation | undefined {
  if (a.note.id !== b.note.id || a.note.epoch !== b.note.epoch || a.hash === b.hash) return undefined;
  const newest = compareCertificates(a.certificate, b.certificate) >= 0 ? a.certificate : b.certificate;
  return { id: a.note.id, epoch: a.note.epoch, pair: a.hash < b.hash ? [a, b] : [b, a], newest };
}

/** Negative when `a` is the one to keep. */
function compareEquivocations(a: Equivocation, b: Equivocation): number {
  const newest = compareCertificates(b.newest, a.newest);
  if (newest !== 0) return newest;
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  const left = a.pair[0].hash + a.pair[1].hash;
  const right = b.pair[0].hash + b.pair[1].hash;
  return left === right ? 0 : left < right ? -1 : 1;
}

/** All proofs that a held one and a further contradiction allow, the best first. */
export function bestEquivocation(
  held: Equivocation | undefined,
  found: readonly Contradiction[],
): Equivocation | undefined {
  const notes = [...(held?.pair ?? []), ...found];
  let best = held;
  for (const [index, a] of notes.entries()) {
    for (const b of notes.slice(index + 1)) {
      const proof = equivocationOf(a, b);
      if (proof && (!best || compareEquivocations(proof, best) < 0)) best = proof;
    }
  }
  return best;
}

/** Does the proof silence what was signed under this certificate? Only a newer certificate is free of it. */
export function silences(proof: Equivocation, certificate: CertificateFacts): boolean {
  return compareCertificates(certificate, proof.newest) <= 0;
}
