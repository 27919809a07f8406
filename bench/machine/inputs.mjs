/** What an input costs one machine that knows so many members: in a steady network, and when members come, go and accuse. */
import { encodePacket } from "../../dist/gossip/index.js";
import { Rings } from "../../dist/rings/index.js";
import { Stopwatch } from "./stopwatch.mjs";
import {
  accusationStatement,
  certificateOf,
  certificateStatement,
  EPOCH,
  noteStatement,
  sha256,
  verdictOf,
} from "./world.mjs";

/** Takes outputs until there are none: pongs and verdicts come at once, calls are answered with nothing, all are well. */
export function drain(machine, now, watch) {
  for (let outputs = machine.takeOutputs(); outputs.length > 0; outputs = machine.takeOutputs()) {
    for (const output of outputs) {
      if (output.kind === "probe")
        watch.measure("pong", () => machine.pong(output.to, output.nonce, machine.fingerprint(), now));
      if (output.kind === "send") machine.answered(output.call, output.to.id, Uint8Array.of(1), now);
      if (output.kind === "verify") machine.verified(output.batch, output.checks.map(verdictOf), now);
    }
  }
}

/** One ping from each neighbour in turn, once a second, and every tick that is due. Returns the time at the end. */
export function steady(machine, neighbours, watch, seconds, from) {
  let now = from;
  for (let second = 0; second < seconds; second++) {
    const end = now + 1000;
    while ((machine.deadline ?? Infinity) <= end) {
      now = machine.deadline;
      watch.measure("tick", () => machine.tick(now));
      drain(machine, now, watch);
    }
    const neighbour = neighbours[second % neighbours.length];
    watch.measure("ping", () => machine.pinged(neighbour, machine.fingerprint(), now));
    drain(machine, now, watch);
  }
  return now;
}

/**
 * Newcomers come, each is accused by its predecessor, answers, tells something new of itself, and leaves: a neighbour's packet
 * each time, from its arrival until all is judged and told.
 */
export function churn(machine, { certificates, rings, neighbours, changes, watch, from }) {
  const order = new Rings({ count: 1, sha256 });
  for (const { id } of certificates) order.add(id);
  const byId = new Map(certificates.map((certificate) => [certificate.id, certificate]));
  let now = from;
  let turn = 0;
  const hear = (what, ...statements) => {
    const items = statements.map((bytes) => ({ kind: "statement", bytes }));
    const [packet, partner] = [encodePacket(items), neighbours[turn++ % neighbours.length]];
    watch.measure(what, () => {
      machine.request(partner, packet, now);
      drain(machine, now, watch);
    });
    now = steady(machine, neighbours, new Stopwatch(), 1, now);
  };
  for (let change = 0; change < changes; change++) {
    const number = certificates.length + change;
    const newcomer = certificateOf(number);
    const note = (epoch, leaving) => noteStatement(newcomer, number, rings, epoch, leaving);
    hear("insert", certificateStatement(newcomer), note(EPOCH));
    const accuser = byId.get(order.predecessor(1, newcomer.id, () => false));
    hear("accusation", accusationStatement(accuser, newcomer.id));
    hear("rebuttal", note(EPOCH + 1n));
    hear("note", note(EPOCH + 2n));
    hear("remove", note(EPOCH + 3n, true));
    if (machine.standing(newcomer.id) !== "left")
      throw new Error(`a newcomer stands as ${machine.standing(newcomer.id)}`);
  }
  return now;
}
