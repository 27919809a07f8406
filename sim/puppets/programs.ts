/** The attacks that removed correct members, as programs; docs/adversaries.md says of each why it did. */
import type { Audience, Move, Program } from "./program.js";

/** Accusations that, before R20, used up what a member had for a stranger, and one more. */
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

/** Beats for one scene: a removal takes 2 Delta, which is 3 beats in a LAN and 6 over continents, and beginning takes one. */
const LASTS = 12;

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
  // One that comes late, and the victim believes the others: that is the end of it.
  const alive = { ...screen, say: "live", to: live, copies: 2 } as const;
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
    lasts: LASTS,
    moves: [drain, ...split(left, live), accuse],
    withheld: [{ what: "screen", from: "all" }],
    ...changes,
  };
}

/** Scenes of the variant that attacks as many as there are. */
const CROWD = 100;

export const TWO_FACED_LEAVER = twoFaced("others", "victim");
export const TWO_FACED_FEW = twoFaced("few", "rest");
export const TWO_FACED_ONE = twoFaced("few", "rest", { few: 1 });
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
  // As long as it likes: views are never equal.
  lasts: Number.POSITIVE_INFINITY,
  moves: split("half", "other-half"),
  withheld: [{ what: "screen", from: "all" }],
};

/** As many certificates as are held of one member: the one that it came with, and three more. */
const CERTIFICATES = 4;
/** All that is held of one liar is 13 KiB, and that of a correct member 2. */
const bulk: Move[] = Array.from({ length: CERTIFICATES - 1 }, (_, index): Move[] => [
  { by: "screen", say: "renewal", when: { at: 0.1 * index } },
  { by: "screen", say: "certificate", under: "last", to: "all", when: { at: 0.1 * index + 0.05 }, bearers: BEARERS },
]).flat();

/** Nobody that lies helps the newcomer to the certificate without which it cannot look at the accusation. */
export const DOORSTEP: Program = {
  casting: "newcomer",
  scenes: CROWD,
  lasts: LASTS,
  prelude: [...bulk, { by: "screen", say: "bulky", to: "all", when: { at: 0.5 } }],
  moves: [{ by: "accuser", say: "accusation", rings: "scene", to: "others", when: { epochsFrom: 0 } }],
  withheld: [
    { what: "screen", from: "all" },
    { what: "certificates", from: "victim" },
    { what: "all", from: "victim" },
  ],
};

/** Proofs around the moment at which the budget refills: one must come before any that others hand on. */
const JAM = { times: 90, apart: 0.0005 };
/** When in a beat the victim's budget for proofs has been emptied, and refills with each beat. */
const JAM_AT = 0.3;

const jam = { by: "screen", say: "proof", under: "first", to: "victim" } as const;

/**
 * The screen lives under its newer certificate. The victim's budget for proofs goes on better and better ones about the older,
 * and the proof about the newer one, which all others have, is not looked at.
 */
export const PROOF_JAM: Program = {
  casting: "screened",
  scenes: 1,
  lasts: LASTS,
  moves: [
    drain,
    { by: "screen", say: "renewal", when: { at: 0 } },
    { by: "screen", say: "certificate", under: "last", to: "all", when: { at: 0.01 }, bearers: BEARERS },
    { by: "screen", say: "live", under: "last", to: "all", when: { at: 0.15 }, bearers: BEARERS },
    { ...jam, ...FIRST, when: { at: JAM_AT } },
    { ...jam, bearers: BEARERS, count: "budget", when: { at: JAM_AT + 0.02 } },
    { ...jam, bearers: BEARERS, count: "budget", when: { at: JAM_AT + 0.15 } },
    { ...jam, bearers: "any", when: { from: JAM_AT + 1 - (JAM.times * JAM.apart) / 2, every: 1, ...JAM } },
    { by: "screen", say: "proof", under: "last", to: "others", when: { at: 0.7 }, bearers: BEARERS },
    // Half of a removal later, and each Delta / 2 from then on, all others ask the victim: not in the moment of the jam.
    { ...accuse, when: { epochsFrom: 1.1 } },
  ],
  withheld: [{ what: "screen", from: "all" }],
};

/** When the accuser's certificate is over for the victim, and not yet for the others. */
const GHOST_AT = 1;

/** The victim refuses the signature as expired, and the others keep what they looked at a moment before (R8). */
export const GHOST_ACCUSER: Program = {
  casting: "ahead",
  scenes: 1,
  lasts: LASTS,
  moves: [
    { by: "accuser", say: "renewal", overAfter: GHOST_AT, when: { at: 0 } },
    { by: "accuser", say: "certificate", under: "last", to: "all", when: { at: 0.1 }, bearers: BEARERS },
    {
      by: "accuser",
      say: "accusation",
      rings: "scene",
      under: "last",
      to: "others",
      when: { at: GHOST_AT },
      bearers: BEARERS,
    },
  ],
  withheld: [],
};

/**
 * Beats until the certificate of the last words is over for all. They must be looked at before; and each looks for what it may
 * forget every ten beats, who began with the network in the middle of them: a newcomer's look then comes first.
 */
const WORDS_BEATS = 6;

/**
 * Last words under an older certificate, with a high epoch, are forgotten ten minutes after its end, by each member at its next look
 * (R8). Who has forgotten them takes a note with a lower epoch, which the others call stale.
 */
export const FORGOTTEN_LEAVER: Program = {
  casting: "forgetful",
  scenes: CROWD,
  lasts: Number.POSITIVE_INFINITY,
  prelude: [
    { by: "screen", say: "renewal", overAfter: WORDS_BEATS, when: { at: 0 } },
    { by: "screen", say: "certificate", under: "last", to: "all", when: { at: 0.2 }, bearers: BEARERS },
    { by: "screen", say: "leave", under: "last", to: "all", when: { at: 1 }, bearers: BEARERS },
  ],
  moves: [
    drain,
    { by: "screen", say: "low", to: "victim", when: { at: 0 }, bearers: BEARERS },
    { ...accuse, when: { epochsFrom: 0.3 } },
  ],
  withheld: [{ what: "screen", from: "all" }],
};
