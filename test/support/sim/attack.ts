/** One network for programs to be played in: sixteen members of which three lie, so that liars stand in a row before a victim. */
import { LAN } from "../../../gossip/index.js";
import type { Program } from "../../../sim/puppets/program.js";
import type { Attack } from "../../../sim/search/attack.js";

export function attackWith(program: Program): Attack {
  return {
    plan: {
      seed: 1,
      members: 16,
      byzantine: 3,
      rings: 15,
      countExposed: false,
      adversaries: [],
      seconds: 26,
      start: "whole",
      crypto: "fake",
      settings: LAN,
      network: { latency: "lan", loss: 0, duplicates: 0, reordering: 0, bytesPerSecond: null },
      faults: [],
    },
    program,
  };
}
