/** A whole overlay in one thread, from a seed: `import { Simulation } from "fireflies/sim"`. */
export type { Actor, Behaviour, Identity, Seat, SimEvent, StatementKind, TrafficKind, Watcher } from "./actor.js";
export { TURN_MS } from "./actor.js";
export { Chance } from "./chance.js";
