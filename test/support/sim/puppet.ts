/** A liar that does what it is told: signs in its own name, and says it to whom it should. */
import { encodeAccusation, encodeNote, encodePacket, encodeStatement, type Note } from "../../../gossip/index.js";
import { fromHex, Rings } from "../../../rings/index.js";
import type { Actor, Behaviour, Seat, Simulation } from "../../../sim/index.js";
import { sha256 } from "../../../sim/index.js";

/** Makes a member a liar, once; its machine goes on as before. */
export function puppetOf(simulation: Simulation, seat: Seat): Actor {
  let actor = PUPPETS.get(seat);
  if (actor) return actor;
  const behaviour: Behaviour = {
    name: "puppet",
    start: (started) => {
      actor = started;
    },
  };
  simulation.corrupt(seat, [behaviour]);
  if (!actor) throw new Error(`${seat.name} is down`);
  PUPPETS.set(seat, actor);
  return actor;
}

const PUPPETS = new WeakMap<Seat, Actor>();

/** Who stands directly before a member on a ring, by static order over all. */
export function predecessorOf(simulation: Simulation, seat: Seat, ring: number): Seat {
  const rings = new Rings({ count: simulation.ringCount, sha256 });
  for (const { id } of simulation.members) rings.add(id);
  const id = rings.predecessor(ring, seat.id, () => false);
  return simulation.members.find((other) => other.id === id) as Seat;
}

export function accuse(liar: Actor, victim: Seat, ring: number, to: readonly Seat[]): void {
  const { id: accuser, certificate } = liar;
  const { epoch } = victim.machine;
  const accusation = { accuser, certificate: certificate.hash, accused: victim.id, ring, epoch };
  const body = encodeAccusation(accusation, fromHex(certificate.hash) as Uint8Array);
  const signed = { ...accusation, body, signature: liar.sign("accusation", body) };
  tell(liar, to, encodeStatement({ kind: "accusation", accusation: signed }));
}

/** Its next note, with this metadata, told to these only. */
export function announce(liar: Actor, metadata: Uint8Array, to: readonly Seat[]): void {
  const { certificate, machine } = liar;
  const note: Note = {
    id: liar.id,
    certificate: certificate.hash,
    epoch: machine.epoch + 1n,
    leaving: false,
    mask: machine.mask,
    agreementKey: new Uint8Array(32),
    addresses: [{ transport: 1, text: `${liar.name}:1` }],
    metadata,
  };
  const body = encodeNote(note, fromHex(certificate.hash) as Uint8Array);
  tell(liar, to, encodeStatement({ kind: "note", note: { ...note, body, signature: liar.sign("note", body) } }));
}

function tell(liar: Actor, to: readonly Seat[], statement: Uint8Array): void {
  const packet = encodePacket([{ kind: "statement", bytes: statement }]);
  for (const seat of to) if (seat.id !== liar.id) liar.call(seat, packet);
}
