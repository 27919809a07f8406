/** The attacks that removed correct members, as programs; docs/adversaries.md says of each why it did. */
import type { Audience, Move, Program } from "./program.js";

/** Accusations that use up what a member has for a stranger (STRANGER_REBUTTALS_MAX of gossip/limits.ts), and one more. */
const DRAIN = 5;
/** Liars that bring a packet which must not be lost: with a tenth of loss one of a thousand is late. */
const BEARERS = 3;
/** So many bearers and copies bring the first note that all others have it before the fastest of them can push it on. */
const FIRST = { bearers: 4, copies: 4 };
/**
 * When in each beat the screen's next notes are parked, the leave and then the live one. Everybody's budget refills with the
 * beat: then both are admitted, and what each side hears of the other is older than what it has, or than what waits there.
 */
const PARK_AT = { leave: 0.4, live: 0.6 };

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
const accuse: Move = { by: "accuser", say: "accusation", rings: "scene", to: "others", when: { epochsFrom: 1.2 } };

/** One side holds the screen as left and the other as live, as long as it likes: what each hears of the other waits, and is out of date. */
function split(left: Audience, live: Audience): Move[] {
  const screen = { by: "screen", bearers: BEARERS } as const;
  const leave = { ...screen, say: "leave", to: left } as const;
  const alive = { ...screen, say: "live", to: live } as const;
  const spend = { ...screen, say: "live", count: "budget", to: "all" } as const;
  return [
    // The beat of those who hold it as left begins a little earlier: what they push finds a newer note waiting.
    { ...screen, ...FIRST, say: "live", to: left, when: { at: 0 } },
    { ...spend, when: { at: 0.1 } },
    // To whom the first was lost: who has some left would admit what the other side says.
    { ...spend, when: { at: 0.25 } },
    { ...leave, when: { from: PARK_AT.leave, every: 1 } },
    { ...alive, when: { from: PARK_AT.live, every: 1 } },
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
