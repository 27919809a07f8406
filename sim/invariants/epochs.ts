/**
 * S2: a correct member never signs two notes with one epoch, and its epoch never falls: not within a life, not over a
 * crash, not when it starts again without its state. And what it signs stays at or below the mark that it has saved
 * (rule R10): else a crash in the next instant would bring the same epochs again.
 *
 * One thing is excused, as no member can know better: a new life whose wall clock was set back since the last note of
 * the one before. Without its state its first epoch may then lie below; the same epoch twice is a violation even so.
 */

import { parseNote } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, SimEvent, StatementKind, Watcher } from "../actor.js";
import type { Ledger } from "./violation.js";

/** Epochs of one member remembered, to see one used twice after a fall that is excused. */
const EPOCHS_MAX = 4096;

interface Signer {
  /** Of its present life, and of all. */
  latest: bigint;
  highest: bigint;
  mark: bigint;
  readonly epochs: Set<bigint>;
  life: number;
  clockSetBack: boolean;
}

export function epochs(ledger: Ledger): Watcher {
  const signers = new Map<MemberId, Signer>();
  const of = (seat: Seat) => {
    const signer = signers.get(seat.id) ?? newSigner(seat.startedAt);
    signers.set(seat.id, signer);
    return signer;
  };
  const report = (seat: Seat, at: number, text: string | undefined) => {
    if (text !== undefined) ledger.add({ invariant: "S2", at, member: seat.name, text });
  };
  return {
    signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
      const note = seat.isCorrect && (type === "note" || type === "leave") ? parseNote(body) : undefined;
      if (note) report(seat, now, sign(of(seat), note.epoch, seat.startedAt));
    },
    told(seat, output): void {
      if (seat.isCorrect && output.kind === "save") of(seat).mark = output.mark;
    },
    afterInput(seat, now): void {
      const signer = signers.get(seat.id);
      if (!signer || signer.latest <= signer.mark) return;
      report(seat, now, `signed epoch ${signer.latest} above its saved mark ${signer.mark}`);
      signer.mark = signer.latest;
    },
    happened(event: SimEvent): void {
      if (event.kind === "clock-skewed" && event.seat.isCorrect) of(event.seat).clockSetBack ||= event.ms < 0;
    },
  };
}

function newSigner(life: number): Signer {
  return { latest: 0n, highest: 0n, mark: 0n, epochs: new Set(), life, clockSetBack: false };
}

/** Takes the epoch into account; says what is wrong with it. */
function sign(signer: Signer, epoch: bigint, life: number): string | undefined {
  const isExcused = life !== signer.life && signer.clockSetBack;
  const before = isExcused ? 0n : signer.highest;
  if (life !== signer.life) Object.assign(signer, { life, clockSetBack: false });
  if (isExcused) signer.highest = epoch;
  const isTwice = signer.epochs.has(epoch);
  signer.latest = epoch;
  signer.epochs.add(epoch);
  for (const oldest of signer.epochs) {
    if (signer.epochs.size <= EPOCHS_MAX) break;
    signer.epochs.delete(oldest);
  }
  if (epoch > signer.highest) signer.highest = epoch;
  if (isTwice) return `signed two notes with epoch ${epoch}`;
  return epoch < before ? `signed epoch ${epoch} after ${before}` : undefined;
}
