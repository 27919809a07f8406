/** Two machines that differ in some notes compare views until they agree. */
import { toHex } from "../../dist/rings/index.js";
import { drain } from "./inputs.mjs";
import { Stopwatch } from "./stopwatch.mjs";
import { EPOCH, machineOf, noteStatement, verdictOf } from "./world.mjs";

/** A while after the last change: differences that are younger start no exchange. */
const NOW = 1000;

/** { packets, bytes, us }: both directions, the work of both. */
export function reconcile(shared, certificates, rings, differing) {
  const a = machineOf(certificates[0], 0, rings, shared);
  const beside = certificates.findIndex(({ id }) => id === a.neighboursOn(1).successor);
  const b = machineOf(certificates[beside], beside, rings, shared);
  const others = certificates.map((_, number) => number).filter((number) => number !== 0 && number !== beside);
  const news = others
    .slice(0, differing)
    .map((number) => noteStatement(certificates[number], number, rings, EPOCH + 1n));
  a.learn(news, 1);
  drain(a, 1, new Stopwatch());
  const start = performance.now();
  const spent = converse(a, b);
  const us = 1000 * (performance.now() - start);
  if (toHex(a.fingerprint()) !== toHex(b.fingerprint())) throw new Error("the two do not agree");
  return { ...spent, us };
}

/** A ping tells b that a holds something else. */
function converse(a, b) {
  const spent = { packets: 0, bytes: 0 };
  const other = (machine) => (machine === a ? b : a);
  b.pinged(a.id, a.fingerprint(), NOW);
  const waiting = [b];
  for (let machine = waiting.shift(); machine; machine = waiting.shift()) {
    for (let outputs = machine.takeOutputs(); outputs.length > 0; outputs = machine.takeOutputs()) {
      for (const output of outputs) {
        if (output.kind === "verify") machine.verified(output.batch, output.checks.map(verdictOf), NOW);
        if (output.kind !== "send" || output.to.id !== other(machine).id) continue;
        const answer = answerOf(other(machine), machine.id, output.packet);
        spent.packets += 2;
        spent.bytes += output.packet.length + answer.length;
        machine.answered(output.call, other(machine).id, answer, NOW);
        waiting.push(machine);
      }
    }
  }
  return spent;
}

function answerOf(machine, from, packet) {
  const answer = machine.request(from, packet, NOW);
  for (const output of machine.takeOutputs()) {
    if (output.kind === "verify") machine.verified(output.batch, output.checks.map(verdictOf), NOW);
  }
  return answer;
}
