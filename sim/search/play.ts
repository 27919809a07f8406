/** Plays an attack once, with all invariants watched, until the first of them is broken. */
import type { Output } from "../../gossip/index.js";
import type { Seat, Watcher } from "../actor.js";
import { fakeCrypto } from "../crypto/fake-crypto.js";
import { invariants } from "../invariants/invariants.js";
import { watchedOf } from "../invariants/watched.js";
import { plot } from "../puppets/plot.js";
import { Script } from "../puppets/script.js";
import { firstDates } from "../run/endings.js";
import { LATENCIES } from "../run/plan.js";
import { Stage } from "../run/stage.js";
import { Simulation } from "../simulation.js";
import type { Attack, Outcome } from "./attack.js";
import { NearnessWatch } from "./nearness-watch.js";

/** Looks at all views in a beat. */
const LOOKS_PER_BEAT = 2;
/** Once faults have stopped, what must follow has so many Delta to do so: the bound of sim/run/run.ts. */
const QUIET_DELTAS = 60;
/** An attack that is dearer is left: it is a flood, and others are played in its time. A usual one takes 20,000. */
const EVENTS_MAX = 80_000;

export function play({ plan, program }: Attack): Outcome {
  const checks = invariants();
  let nearness: NearnessWatch | undefined;
  // It can only be made of the simulation that it watches.
  const watch: Watcher = {
    told: (seat: Seat, output: Output, now: number) => nearness?.told(seat, output, now),
  };
  const create = plot("program", () => new Script(program));
  const simulation = new Simulation({
    ...plan,
    crypto: fakeCrypto(),
    network: {
      ...plan.network,
      latency: LATENCIES[plan.network.latency],
      bytesPerSecond: plan.network.bytesPerSecond ?? Number.POSITIVE_INFINITY,
    },
    behaviours: () => [create()],
    dates: firstDates(plan),
    watchers: [checks, watch],
  });
  checks.attach(simulation);
  nearness = new NearnessWatch(watchedOf(simulation), checks);
  const stage = new Stage(simulation, plan, () => {});
  const { gossipMs, deltaMs } = plan.settings;
  const goesOn = () => checks.violations().length === 0 && simulation.events < EVENTS_MAX;
  while (simulation.now < 1_000 * plan.seconds && goesOn()) {
    simulation.run(gossipMs / LOOKS_PER_BEAT);
    nearness.look(simulation.now);
  }
  const near = nearness.nearness(simulation.now);
  stage.end();
  const end = simulation.now + QUIET_DELTAS * deltaMs;
  while (goesOn() && simulation.now < end && checks.problems().length > 0) simulation.run(deltaMs);
  if (goesOn()) checks.judge();
  const [violation] = checks.violations();
  return { nearness: near, events: simulation.events, ...(violation && { violation }) };
}
