// What the runs of table.mjs have in common: a small network, watched, and liars that say what they are told to say.

/** A network with all invariants watched. `sim`: the modules, mutated or not. */
export function stage(sim, options = {}) {
  const { countExposed = false, ...rest } = options;
  const crypto = rest.crypto ?? sim.fakeCrypto();
  const told = [];
  const checks = sim.invariants({ crypto, countExposed });
  const diary = { told: (seat, output, now) => told.push({ seat, output, now }) };
  const simulation = new sim.Simulation({ members: 12, rings: 9, seed: 1, ...rest, crypto, watchers: [checks, diary] });
  checks.attach(simulation);
  const count = (kind, about) =>
    told.filter(({ seat, output }) => {
      return seat.isCorrect && output.kind === kind && (!about || output.member?.id === about.id);
    }).length;
  return { sim, simulation, checks, told, count, seats: simulation.members };
}

/** Makes a member a liar that says what it is told to. Its machine goes on, unless `isSilent`: then it answers nothing. */
export function puppet({ simulation }, seat, isSilent = false) {
  const behaviour = { name: "puppet", start: (actor) => Object.assign(behaviour, { actor }) };
  if (isSilent) {
    Object.assign(behaviour, { request: () => "silent", pinged: () => false, tried: () => false, output: () => [] });
  }
  simulation.corrupt(seat, [behaviour]);
  return behaviour.actor;
}

/** A note of its own, with these changes. */
export function note(sim, liar, changes = {}) {
  const { certificate, machine } = liar;
  const plain = {
    id: certificate.id,
    certificate: certificate.hash,
    epoch: (machine?.epoch ?? 0n) + 1n,
    leaving: false,
    mask: machine?.mask ?? sim.fullMask(9),
    agreementKey: new Uint8Array(32),
    addresses: [
      { transport: 1, text: `${liar.name}:1` },
      { transport: 2, text: `${liar.name}:1` },
    ],
    metadata: new Uint8Array(0),
    ...changes,
  };
  const body = sim.encodeNote(plain, sim.fromHex(certificate.hash));
  return sim.encodeStatement({ kind: "note", note: { ...plain, body, signature: liar.sign("note", body) } });
}

export function accusation(sim, liar, victim, ring, epoch = victim.machine.epoch) {
  const { certificate } = liar;
  const plain = { accuser: certificate.id, certificate: certificate.hash, accused: victim.id, ring, epoch };
  const body = sim.encodeAccusation(plain, sim.fromHex(certificate.hash));
  const signature = liar.sign("accusation", body);
  return sim.encodeStatement({ kind: "accusation", accusation: { ...plain, body, signature } });
}

/** Says statements to everybody that is up, or to these. */
export function tell({ sim, seats }, liar, statements, to = seats) {
  const packet = sim.encodePacket(statements.map((bytes) => ({ kind: "statement", bytes })));
  for (const seat of to) if (seat.id !== liar.id && seat.state === "up") liar.call(seat, packet);
}

/** Who stands directly before a member on a ring, by static order. */
export function predecessor({ sim, simulation, seats }, seat, ring) {
  const rings = new sim.Rings({ count: simulation.ringCount, sha256: sim.sha256 });
  for (const { id } of seats) rings.add(id);
  const id = rings.predecessor(ring, seat.id, () => false);
  return seats.find((other) => other.id === id);
}

/** Runs, and says something again and again. */
export function repeat({ simulation }, seconds, everyMs, act) {
  for (let passed = 0; passed < 1000 * seconds; passed += everyMs) {
    act();
    simulation.run(everyMs);
  }
}

/** Correct members that are up, and hold this one as live. */
export function holders({ seats }, id) {
  return seats.filter((seat) => seat.isCorrect && seat.state === "up" && seat.machine.member(id)).length;
}

/** What a run says: whether the promise was broken, and the figure behind that. */
export function verdict(isBroken, figure) {
  return { isBroken, figure };
}

/** Violations of these invariants, at the end of a run. */
export const violations = ({ checks }, ...names) => names.reduce((sum, name) => sum + checks.count(name), 0);
export const lost = (on) => verdict(violations(on, "S1") > 0, `${violations(on, "S1")} correct members lost (S1)`);
/** The fake authority, with other dates in its certificates. */
export const datedCrypto = (sim, datesOf) => {
  const crypto = sim.fakeCrypto();
  const issue = (name, dates) => crypto.issue(name, datesOf(name, dates));
  const signRevocations = (list) => crypto.signRevocations(list);
  return { sha256: crypto.sha256, issue, signRevocations, check: (check, wall) => crypto.check(check, wall) };
};
/** Unix milliseconds at the beginning: the middle of the dates of the simulator's certificates. */
export const beginning = ({ notBefore, notAfter }) => (notBefore + notAfter) / 2;

/** Nobody answers a summons (R20): what rests on it as well shows nothing else. */
export const SUMMONED_OFF = {
  file: "gossip/defence/defence.js",
  find: "    summoned(from, { ring, epoch }, isCall, now) {",
  put: "    summoned(from, { ring, epoch }, isCall, now) {\n        return;",
};
