/**
 * How many signatures members that do nothing but lie can make another one check: each of them sends packets full of false notes,
 * all different, as often as it is heard, and more often. Time is virtual; a verdict comes when a core would have it.
 */
import { encodePacket } from "../../dist/gossip/index.js";
import { EPOCH, falseNote, verdictOf } from "./world.mjs";

/** Between two packets of one liar, milliseconds: far above what it is allowed. */
const EVERY_MS = 20;
/** Statements of one packet: more than one batch checks at once. */
const LIES = 160;

/**
 * { perSecond: checks per virtual second, after the first ten; checking: cores that these take; reading: share of the event loop
 * that the packets themselves take }. `checkMs` is what one check takes one of `threads` that check.
 */
export function flood(machine, { certificates, rings, liars, seconds, checkMs, threads }) {
  const due = [];
  let freeAt = 0;
  let checks = 0;
  let epoch = EPOCH;
  let readMs = 0;
  const start = 10_000;
  for (let now = 0; now < start + seconds * 1000; now += EVERY_MS) {
    while (due[0]?.at <= now) {
      const { batch, verdicts } = due.shift();
      machine.verified(batch, verdicts, now);
    }
    if ((machine.deadline ?? Infinity) <= now) machine.tick(now);
    epoch += 1n;
    for (let liar = 1; liar <= liars; liar++) {
      const packet = packetOf(certificates, liar, rings, epoch);
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

const packets = new Map();

/** Made anew for each epoch, and shared by the liars that say the same: it is not the liars' work that is measured. */
function packetOf(certificates, liar, rings, epoch) {
  const share = liar % 8;
  const key = `${share} ${epoch}`;
  const made = packets.get(key);
  if (made) return made;
  if (packets.size >= 8) packets.clear();
  const items = Array.from({ length: LIES }, (_, index) => {
    const number = 1 + ((share * LIES + index) % (certificates.length - 1));
    return { kind: "statement", bytes: falseNote(certificates[number], number, rings, epoch) };
  });
  const packet = encodePacket(items);
  packets.set(key, packet);
  return packet;
}
