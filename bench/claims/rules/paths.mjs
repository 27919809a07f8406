// Rule R21 with its switches, as in table.mjs: nobody is accused because a path died, and no relay decides who is alive.
import { accusedUnderAnEnd } from "./ended-accuser.mjs";
import { stage, verdict } from "./stage.mjs";

const SECONDS = 30;

/** A sixth of 24 lies as relays do; half sit behind NATs. Nobody stops: each suspicion of a correct member is a mistake. */
function behindNats(sim, adversary, happens = () => {}) {
  const behaviours = () => [sim.ADVERSARIES.get(adversary).create()];
  const on = stage(sim, { members: 24, byzantine: 4, nat: 0.5, rings: "auto", behaviours });
  happens(on);
  on.simulation.run(1000 * SECONDS);
  const correct = new Set(on.seats.filter(({ isCorrect }) => isCorrect).map(({ id }) => id));
  const isMistake = ({ seat, output }) => {
    return seat.isCorrect && output.kind === "suspected" && correct.has(output.member.id);
  };
  const mistakes = on.told.filter(isMistake).length;
  return verdict(mistakes > 0, `${mistakes} times a correct member was suspected by a correct one`);
}

/** The NATs of five members forget their sessions, one after the other. */
function remapping({ simulation, seats }) {
  const hidden = seats.filter((seat) => simulation.isBehindNat(seat)).slice(0, 5);
  hidden.forEach((seat, index) => void simulation.at(2000 + 5000 * index, () => simulation.remap(seat)));
}

export const PATH_RULES = [
  {
    rule: "R21",
    off: "what a relay says, that the member is gone, is believed",
    attack: "4 of 24 say as relays that the members that they relay for are gone",
    edits: [
      {
        file: "gossip/detection/verdict.js",
        find: "    if (open > 0)\n        return undefined;",
        put: '    if (ends.some(({ end }) => end === "refused"))\n        return "refused";\n    if (open > 0)\n        return undefined;',
      },
    ],
    run(sim) {
      return behindNats(sim, "relay-gravedigger");
    },
  },
  {
    rule: "R21",
    off: "a member behind a NAT has one relay",
    attack: "4 of 24 pass nothing on as relays",
    edits: [
      {
        file: "rings/relays.js",
        find: "    if (relays <= RELAYS_MIN)\n        return relays;",
        put: "    return Math.min(1, relays);",
      },
    ],
    run(sim) {
      return behindNats(sim, "relay-dropper");
    },
  },
  {
    rule: "R21",
    off: "a session that is dead is believed: when nothing comes back over it, no relay is asked",
    attack: "NATs forget the sessions of five members, one after the other",
    edits: [
      {
        file: "sim/paths/carriage.js",
        find: "                this.#paths.gaveUp(target, caller);\n                this.#throughRelays();",
        put: "",
      },
    ],
    run(sim) {
      return behindNats(sim, "relay-dropper", remapping);
    },
  },
  {
    rule: "R21",
    off: "a member is summoned, and called, through the first of its relays only",
    attack:
      "an accuser whose certificate has ended for all but one judge; both sides behind NATs, two of three relays pass nothing on",
    edits: [
      { file: "sim/paths/carriage.js", find: "of this.#waiting.splice(0))", put: "of [])" },
      { file: "sim/paths/signals.js", find: "of to.relays)", put: "of to.relays.slice(0, 1))" },
    ],
    run(sim) {
      return accusedUnderAnEnd(sim, 0.5);
    },
  },
];
