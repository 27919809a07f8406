/** One machine of gossip/ under measurement, in a process of its own: memory and compiled code are nobody else's. */
import { SharedView } from "../../dist/gossip/index.js";
import { generateKeyPair, sign, verify } from "../../dist/identity/index.js";
import { ringsNeeded } from "../../dist/rings/index.js";
import { memoryAfterCollection } from "../support/collect.mjs";
import { answer } from "../talk/child.mjs";
import { flood } from "./flood.mjs";
import { churn, drain, steady } from "./inputs.mjs";
import { reconcile } from "./reconciliation.mjs";
import { Stopwatch } from "./stopwatch.mjs";
import { certificateOf, certificateStatement, machineOf, noteOf, noteStatement, sha256 } from "./world.mjs";

/** Share of liars that the number of rings is planned for. */
const BYZANTINE = 0.2;
const KINDS = ["tick", "ping", "pong", "note", "accusation", "rebuttal", "insert", "remove"];
/** Of each kind, of which the median counts. */
const RECONCILIATIONS = 15;
/** Statements that a machine learns at once. */
const LEARNED_AT_ONCE = 500;

function network(size) {
  const rings = ringsNeeded({ members: size, byzantine: BYZANTINE }).rings;
  const certificates = Array.from({ length: size }, (_, number) => certificateOf(number));
  return { rings, certificates };
}

function sharedView({ rings, certificates }) {
  const shared = new SharedView({ ringCount: rings, sha256 });
  for (const [number, certificate] of certificates.entries())
    shared.add(certificate, noteOf(certificate, number, rings));
  return shared;
}

function neighboursOf(machine, rings) {
  const around = Array.from({ length: rings }, (_, index) => machine.neighboursOn(index + 1));
  return [...new Set(around.flatMap(({ predecessor, successor }) => [predecessor, successor]))];
}

function used() {
  const { heapUsed, external } = memoryAfterCollection();
  return heapUsed + external;
}

/** What was weighed: nothing of it is garbage before the scales are read. */
const held = [];

answer({
  /** Medians in microseconds by kind of input, and of reconciliations. */
  inputs({ size, seconds, changes }) {
    const { rings, certificates } = network(size);
    const machine = machineOf(certificates[0], 0, rings);
    learn(machine, rings, 1, size);
    const neighbours = neighboursOf(machine, rings);
    const warmed = steady(machine, neighbours, new Stopwatch(), seconds, 0);
    const watch = new Stopwatch();
    const from = steady(machine, neighbours, watch, seconds, warmed);
    churn(machine, { certificates, rings, neighbours, changes, watch, from });
    const us = Object.fromEntries(KINDS.map((kind) => [kind, watch.median(kind)]));
    const shared = sharedView({ rings, certificates });
    const reconciliations = {};
    for (const differing of [1, 20]) {
      const all = Array.from({ length: RECONCILIATIONS }, () => reconcile(shared, certificates, rings, differing));
      const [{ packets, bytes }] = all;
      const sorted = all.map((each) => each.us).sort((a, b) => a - b);
      reconciliations[differing] = { packets, bytes, us: sorted[sorted.length >> 1] };
    }
    return { rings, us, reconciliations };
  },

  /** What liars make one machine check and read. */
  flood({ size, liars, seconds, threads }) {
    const { rings, certificates } = network(size);
    const machine = machineOf(certificates[0], 0, rings, sharedView({ rings, certificates }));
    const checkMs = verifyMs();
    return flood(machine, { certificates, rings, liars, seconds, checkMs, threads });
  },

  /** Bytes that a machine holds for so many members. */
  weigh({ size, rings }) {
    const before = used();
    const machine = machineOf(certificateOf(0), 0, rings);
    learn(machine, rings, 1, size);
    held.push(machine);
    return { bytes: used() - before };
  },
});

/** Statement by statement, as they come over a link: nothing is shared with anybody, as in a process of one member. */
function learn(machine, rings, from, to) {
  for (let first = from; first < to; first += LEARNED_AT_ONCE) {
    const statements = [];
    for (let number = first; number < Math.min(to, first + LEARNED_AT_ONCE); number++) {
      const certificate = certificateOf(number);
      statements.push(certificateStatement(certificate), noteStatement(certificate, number, rings));
    }
    machine.learn(statements, 1);
    drain(machine, 1, new Stopwatch());
  }
  if (machine.members().length !== to - 1) throw new Error(`knows ${machine.members().length} of ${to - 1}`);
}

/** Milliseconds of a check of one signature on one thread. */
function verifyMs() {
  const { privateKey, publicKey } = generateKeyPair();
  const [network, body] = [new Uint8Array(32), new Uint8Array(200)];
  const signature = sign(privateKey, "note", network, body);
  const watch = new Stopwatch();
  for (let round = 0; round < 2000; round++) {
    watch.measure("verify", () => verify(publicKey, "note", network, body, signature));
  }
  return watch.median("verify") / 1000;
}
