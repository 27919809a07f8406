// What the machine of gossip/ costs: microseconds per input in steady state and per change of membership, packets and bytes of
// a reconciliation, heap bytes per known member. Signatures and verdicts cost nothing here: this measures the machine alone.
// Run: npx tsc -b && node --expose-gc bench/gossip.mjs [--json] [members ...]
import * as crypto from "node:crypto";
import { encodeAccusation, encodeNote, encodeStatement, LAN, Machine, SharedView } from "../dist/gossip/index.js";
import { fromHex, fullMask, memberIdFromBytes, Rings, ringsNeeded, toHex } from "../dist/rings/index.js";

const json = process.argv.includes("--json");
const sizes = process.argv
  .slice(2)
  .map(Number)
  .filter((size) => size > 0);
if (sizes.length === 0) sizes.push(100, 1000, 10_000);
/** Share of liars that the number of rings is planned for. */
const BYZANTINE = 0.2;
/** Virtual seconds of steady state, and changes of membership of each kind. */
const SECONDS = 10_000;
const CHANGES = 200;
/** Machines that start from one shared view, to weigh one of them. */
const FORKS = 200;

const sha256 = crypto.hash
  ? (data) => crypto.hash("sha256", data, "buffer")
  : (data) => crypto.createHash("sha256").update(data).digest();
const bytes = (text) => new TextEncoder().encode(text);
const none = new Uint8Array(0);
const signature = new Uint8Array(64);
/** As many bytes as a certificate of ours has. */
const LEAF_BYTES = 600;

function certificateOf(number) {
  const leaf = bytes(`member ${number} `.padEnd(LEAF_BYTES, "."));
  const id = memberIdFromBytes(sha256(bytes(`id ${number}`)));
  return { id, leaf, issuer: bytes("issuer"), hash: toHex(sha256(leaf)), notBefore: 0, notAfter: 1e15, serial: 1n };
}

function noteOf(certificate, number, rings, epoch = 7n, leaving = false) {
  const text = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}:7000`;
  const addresses = [1, 2].map((transport) => ({ transport, text }));
  const facts = { id: certificate.id, certificate: certificate.hash, epoch, leaving, addresses, metadata: none };
  const note = { ...facts, mask: fullMask(rings), agreementKey: new Uint8Array(32) };
  return { ...note, body: encodeNote(note, fromHex(certificate.hash)), signature };
}

function seededRandom() {
  let state = 1;
  const number = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return { number, nonce: () => BigInt(Math.floor(number() * 2 ** 32)) };
}

function machineOf(certificate, number, rings, shared) {
  const { addresses } = noteOf(certificate, number, rings);
  const ports = { sha256, random: seededRandom(), sign: () => signature, wallClock: () => 1e6 };
  const facts = { certificate, ringCount: rings, settings: LAN, ports, savedMark: 0n, metadata: none, addresses };
  const machine = new Machine({ ...facts, agreementKey: new Uint8Array(32), contacts: [], known: [], shared });
  machine.start(0);
  machine.takeOutputs();
  return machine;
}

/** Keeps the times of each kind of work. Their median, because a busy machine interrupts some of them. */
class Times {
  #samples = new Map();

  measure(what, work) {
    const start = performance.now();
    const result = work();
    const ms = performance.now() - start;
    const samples = this.#samples.get(what);
    if (samples) samples.push(ms);
    else this.#samples.set(what, [ms]);
    return result;
  }

  /** Microseconds. */
  of(what) {
    const samples = this.#samples.get(what).sort((a, b) => a - b);
    return 1000 * samples[samples.length >> 1];
  }
}

const members = new Map();

/** Takes outputs until there are none: pongs and verdicts come at once, calls fail, and all is well with everybody. */
function drain(machine, now, times) {
  for (let outputs = machine.takeOutputs(); outputs.length > 0; outputs = machine.takeOutputs()) {
    for (const output of outputs) {
      if (output.kind === "probe")
        times.measure("pong", () => machine.pong(output.to, output.nonce, machine.fingerprint(), now));
      if (output.kind === "send") machine.answered(output.call, output.to.id, Uint8Array.of(1), now);
      if (output.kind === "verify") {
        const verdicts = output.checks.map((check) => verdictOf(check));
        machine.verified(output.batch, verdicts, now);
      }
    }
  }
}

function verdictOf(check) {
  return check.kind === "certificate"
    ? { ok: true, certificate: members.get(Buffer.from(check.chain.leaf).toString("latin1")) }
    : { ok: true };
}

/** One ping from each neighbour in turn, once a second, and every tick that is due. Returns the time at the end. */
function steady(machine, neighbours, times, seconds, from) {
  let now = from;
  for (let second = 0; second < seconds; second++) {
    const end = now + 1000;
    while ((machine.deadline ?? Infinity) <= end) {
      now = machine.deadline;
      times.measure("tick", () => machine.tick(now));
      drain(machine, now, times);
    }
    const neighbour = neighbours[second % neighbours.length];
    times.measure("ping", () => machine.pinged(neighbour, machine.fingerprint(), now));
    drain(machine, now, times);
  }
  return now;
}

function change(machine, what, statements, now, times) {
  times.measure(what, () => {
    machine.learn(statements, now);
    drain(machine, now, times);
  });
}

/** Newcomers come, each is accused by its predecessor, answers, and leaves. */
function churn(machine, size, rings, from, times) {
  const order = new Rings({ count: rings, sha256 });
  for (const { id } of members.values()) order.add(id);
  const byId = new Map([...members.values()].map((certificate) => [certificate.id, certificate]));
  let now = from;
  const step = () => {
    now = steady(machine, [machine.members()[0].id], new Times(), 1, now);
  };
  for (let number = size; number < size + CHANGES; number++) {
    const certificate = certificateOf(number);
    members.set(Buffer.from(certificate.leaf).toString("latin1"), certificate);
    const note = (epoch, leaving) =>
      encodeStatement({ kind: "note", note: noteOf(certificate, number, rings, epoch, leaving) });
    change(machine, "insert", [encodeStatement({ kind: "certificate", chain: certificate }), note(7n)], now, times);
    step();
    const accuser = byId.get(order.predecessor(1, certificate.id, () => false));
    change(machine, "accuse", [accusationOf(accuser, certificate.id)], now, times);
    change(machine, "rebut", [note(8n)], now, times);
    step();
    change(machine, "remove", [note(9n, true)], now, times);
    step();
  }
  return now;
}

function accusationOf(accuser, accused) {
  const accusation = { accuser: accuser.id, certificate: accuser.hash, accused, ring: 1, epoch: 7n };
  const body = encodeAccusation(accusation, fromHex(accuser.hash));
  return encodeStatement({ kind: "accusation", accusation: { ...accusation, body, signature } });
}

/** Two machines that differ in some notes compare views until they agree. */
function reconcile(shared, certificates, rings, differing) {
  const a = machineOf(certificates[0], 0, rings, shared);
  const beside = certificates.findIndex(({ id }) => id === a.neighboursOn(1).successor);
  const b = machineOf(certificates[beside], beside, rings, shared);
  const others = certificates.map((_, number) => number).filter((number) => number !== 0 && number !== beside);
  const news = others.slice(0, differing).map((number) => {
    return encodeStatement({ kind: "note", note: noteOf(certificates[number], number, rings, 8n) });
  });
  a.learn(news, 1);
  drain(a, 1, new Times());
  const spent = { packets: 0, bytes: 0 };
  const other = (machine) => (machine === a ? b : a);
  // b finds out by a ping that a holds something else, a while after a's last change.
  const start = performance.now();
  const waiting = [
    () => {
      b.pinged(a.id, a.fingerprint(), 1000);
      return b;
    },
  ];
  for (let turn = waiting.shift(); turn; turn = waiting.shift()) {
    const machine = turn();
    for (let outputs = machine.takeOutputs(); outputs.length > 0; outputs = machine.takeOutputs()) {
      for (const output of outputs) {
        if (output.kind === "verify") machine.verified(output.batch, output.checks.map(verdictOf), 1000);
        if (output.kind !== "send" || output.to.id !== other(machine).id) continue;
        const packet = other(machine).request(machine.id, output.packet, 1000);
        for (const verify of other(machine).takeOutputs())
          if (verify.kind === "verify") other(machine).verified(verify.batch, verify.checks.map(verdictOf), 1000);
        spent.packets += 2;
        spent.bytes += output.packet.length + packet.length;
        waiting.push(() => {
          machine.answered(output.call, other(machine).id, packet, 1000);
          return machine;
        });
      }
    }
  }
  if (toHex(a.fingerprint()) !== toHex(b.fingerprint())) throw new Error("the two do not agree");
  return { ...spent, ms: performance.now() - start };
}

const used = () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

function measure(size) {
  const rings = ringsNeeded({ members: size, byzantine: BYZANTINE }).rings;
  const certificates = Array.from({ length: size }, (_, number) => certificateOf(number));
  members.clear();
  for (const certificate of certificates) members.set(Buffer.from(certificate.leaf).toString("latin1"), certificate);
  const before = used();
  const shared = new SharedView({ ringCount: rings, sha256 });
  for (const [number, certificate] of certificates.entries())
    shared.add(certificate, noteOf(certificate, number, rings));
  const perMember = (used() - before) / size;
  const machine = machineOf(certificates[0], 0, rings, shared);
  const alone = used();
  const forks = Array.from({ length: FORKS }, (_, number) =>
    machineOf(certificates[number % size], number % size, rings, shared),
  );
  const perFork = (used() - alone) / forks.length;
  const neighbours = machine
    .members()
    .slice(0, rings)
    .map(({ id }) => id);
  let now = steady(machine, neighbours, new Times(), SECONDS / 4, 0);
  const times = new Times();
  now = steady(machine, neighbours, times, SECONDS, now);
  churn(machine, size, rings, now, times);
  const row = { members: size, rings };
  for (const what of ["tick", "ping", "pong", "insert", "accuse", "rebut", "remove"])
    row[`${what} us`] = round(times.of(what));
  const inputs = (times.of("tick") * 2 + times.of("ping") + times.of("pong")) / 4;
  row["inputs per s"] = Math.round(1e6 / inputs);
  for (const differing of [1, 20]) {
    const { packets, bytes: sent, ms } = reconcile(shared, certificates, rings, differing);
    row[`${differing} differ`] = `${packets} packets, ${sent} B, ${round(ms)} ms`;
  }
  row["B per member"] = Math.round(perMember);
  row["B per fork"] = Math.round(perFork);
  return row;
}

const round = (value) => Math.round(value * 100) / 100;
const rows = sizes.map(measure);
if (json) console.log(JSON.stringify({ node: process.version, rows }));
else {
  console.log(`the machine, Node ${process.version}; median microseconds per input and per change`);
  for (const key of Object.keys(rows[0])) {
    console.log(key.padEnd(14), ...rows.map((row) => String(row[key]).padStart(26)));
  }
}
