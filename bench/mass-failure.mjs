/**
 * What it takes when many members die at one moment, a rack or a zone: virtual time until they are out of all views, and what
 * that costs each survivor in processor time (the protocol alone: signatures are the simulator's) and in bytes.
 *
 *   npm run build && node bench/mass-failure.mjs [--members 30,100,300] [--dead 0.3] [--byzantine 0.2]
 */
import { parseArgs } from "node:util";
import { ringsNeeded } from "../dist/rings/index.js";
import { Simulation } from "../dist/sim/index.js";
import { bytesOf } from "./claims/run.mjs";

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "30,100,300" },
    dead: { type: "string", default: "0.3" },
    /** The rings are planned for this share of liars; none of them lies. */
    byzantine: { type: "string", default: "0.2" },
  },
});
const SEED = 1;
const WARM_UP_MS = 10_000;
const STEP_MS = 100;
/** Virtual milliseconds after which a run is given up. */
const PATIENCE_MS = 120_000;

console.log("members  dead  rings  out of all views s  CPU s of each survivor  MB sent by each  MB/s at most");
for (const members of values.members.split(",").map(Number)) print(measure(members, Number(values.dead)));

function measure(members, share) {
  const rings = ringsNeeded({ members, byzantine: Number(values.byzantine) }).rings;
  const simulation = new Simulation({ members, rings, seed: SEED });
  simulation.run(WARM_UP_MS);
  const dead = simulation.members.slice(0, Math.ceil(share * members));
  const survivors = simulation.members.slice(dead.length);
  const holds = () => survivors.some(({ machine }) => dead.some(({ id }) => machine.member(id)));
  const sent = () => bytesOf(simulation, survivors);
  for (const seat of dead) simulation.crash(seat);
  const [startedAt, cpu, before] = [simulation.now, process.cpuUsage(), sent()];
  let most = 0;
  while (holds() && simulation.now < startedAt + PATIENCE_MS) {
    const last = sent();
    simulation.run(STEP_MS);
    most = Math.max(most, sent() - last);
  }
  const { user, system } = process.cpuUsage(cpu);
  const each = (total) => total / survivors.length;
  return {
    members,
    dead: dead.length,
    rings,
    seconds: holds() ? Infinity : (simulation.now - startedAt) / 1000,
    cpu: each((user + system) / 1e6),
    megabytes: each((sent() - before) / 1e6),
    most: each(most / 1e6) / (STEP_MS / 1000),
  };
}

function print({ members, dead, rings, seconds, cpu, megabytes, most }) {
  const columns = [
    String(members).padStart(7),
    String(dead).padStart(5),
    String(rings).padStart(6),
    seconds.toFixed(1).padStart(19),
    cpu.toFixed(2).padStart(23),
    megabytes.toFixed(2).padStart(16),
    most.toFixed(2).padStart(13),
  ];
  console.log(columns.join(" "));
}
