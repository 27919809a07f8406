/** The attacks that removed correct members, as programs; docs/adversaries.md says of each why it did. */
import type { Audience, Move, Program } from "./program.js";

/** Accusations that use up what a member has for a stranger (STRANGER_REBUTTALS_MAX of gossip/limits.ts), and one more. */
const DRAIN = 5;
/** Beats between two of the screen's notes for one side: several while another one is parked, so that news is out of date. */
const PARK_BEATS = 0.2;

/** The accuser is a stranger to the victim, and over its budget. */
const drain: Move = {
  by: "accuser",
  say: "accusation",
  rings: "strange",
  count: DRAIN,
  to: "victim",
  when: { at: 0 },
};

/** Again at each new epoch, whoever hears of it. */
const accuse: Move = { by: "accuser", say: "accusation", rings: "scene", to: "others", when: { epochsFrom: 0.5 } };

/** One side holds the screen as left and the other as live, as long as it likes: what each hears of the other waits, and is out of date. */
function split(left: Audience, live: Audience): Move[] {
  const both = [
    { say: "leave", to: left },
    { say: "live", to: live },
  ] as const;
  return [
    // Nobody has anything left for more of its notes.
    { by: "screen", say: "live", count: "budget", to: "all", when: { at: 0 } },
    ...both.map(({ say, to }): Move => ({ by: "screen", say, to, when: { at: 0.1 } })),
    ...both.map(({ say, to }, index): Move => {
      const from = 0.2 + (index * PARK_BEATS) / 2;
      return { by: "screen", say, to, when: { from, every: PARK_BEATS } };
    }),
  ];
}

function twoFaced(left: Audience, live: Audience, changes: Partial<Program> = {}): Program {
  return {
    casting: "screened",
    scenes: 1,
    moves: [drain, ...split(left, live), accuse],
    withheld: [{ what: "screen", from: "all" }],
    ...changes,
  };
}

/** Scenes of the variant that attacks as many as there are. */
const CROWD = 100;

export const TWO_FACED_LEAVER = twoFaced("others", "victim");
export const TWO_FACED_FEW = twoFaced("few", "rest");
export const TWO_FACED_CROWD = twoFaced("others", "victim", { scenes: CROWD });
export const TWO_FACED_QUIET = twoFaced("others", "victim", {
  withheld: [
    { what: "screen", from: "all" },
    { what: "notes", from: "all" },
    { what: "all", from: "victim" },
  ],
});

export const SPLITTER: Program = {
  casting: "alone",
  scenes: 1,
  moves: split("half", "other-half"),
  withheld: [{ what: "screen", from: "all" }],
};

/** Nobody that lies helps the newcomer to the certificate without which it cannot look at the accusation. */
export const DOORSTEP: Program = {
  casting: "newcomer",
  scenes: CROWD,
  moves: [{ by: "accuser", say: "accusation", rings: "scene", to: "others", when: { epochsFrom: 0 } }],
  withheld: [
    { what: "certificates", from: "victim" },
    { what: "all", from: "victim" },
  ],
};
