/**
 * How many signatures members that do nothing but lie can make another one check: each of them sends packets full of false notes
 * as often as it is heard, and more often. Time is virtual; a verdict comes when a core would have it.
 */
import { encodePacket } from "../../dist/gossip/index.js";
import { EPOCH, falseNote, verdictOf } from "./world.mjs";

/** Between two packets of one liar, milliseconds: far above what it is allowed. */
const EVERY_MS = 20;
/** Statements of one packet: more than one batch checks at once. */
const LIES = 160;
/** Different packets; liars share them. */
const PACKETS = 8;

/**
 * { perSecond: checks per virtual second, after the first ten; checking: cores that these take; reading: share of the event loop
 * that the packets themselves take }. `checkMs` is what one check takes one of `threads` that check.
 */
export function flood(machine, { certificates, rings, liars, seconds, checkMs, threads }) {
  const due = [];
  const packets = packetsOf(certificates, rings);
  let freeAt = 0;
  let checks = 0;
  let readMs = 0;
  const start = 10_000;
  for (let now = 0; now < start + seconds * 1000; now += EVERY_MS) {
    while (due[0]?.at <= now) {
      const { batch, verdicts } = due.shift();
      machine.verified(batch, verdicts, now);
    }
    if ((machine.deadline ?? Infinity) <= now) machine.tick(now);
    for (let liar = 1; liar <= liars; liar++) {
      const packet = packets[liar % PACKETS];
      const begun = performance.now();
      machine.request(certificates[liar].id, packet, now);
      if (now >= start) readMs += performance.now() - begun;
    }
    for (const output of machine.takeOutputs()) {
      if (output.kind === "send") machine.failed(output.call, now);
      if (output.kind === "probe") machine.pong(output.to, output.nonce, machine.fingerprint(), now);
      if (output.kind !== "verify") continue;
      if (now >= start) checks += output.checks.length;
      freeAt = Math.max(freeAt, now) + (output.checks.length * checkMs) / threads;
      due.push({ at: freeAt, batch: output.batch, verdicts: output.checks.map(verdictOf) });
    }
  }
  const perSecond = checks / seconds;
  return { perSecond, checking: (perSecond * checkMs) / 1000, reading: readMs / 1000 / seconds };
}

/** False ones are held by nobody, so that the same packet costs as much each time. */
function packetsOf(certificates, rings) {
  return Array.from({ length: PACKETS }, (_, packet) => {
    const items = Array.from({ length: LIES }, (_, index) => {
      const number = 1 + ((packet * LIES + index) % (certificates.length - 1));
      return { kind: "statement", bytes: falseNote(certificates[number], number, rings, EPOCH + 1n) };
    });
    return encodePacket(items);
  });
}
