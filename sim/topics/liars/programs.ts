/** The adversaries of topics by their names; docs/adversaries.md says of each what it does, and what must hold. */
import { type Deed, type Program, QUEUE, type Rule } from "./program.js";

/** Milliseconds between two times of what is said again and again: often enough to be there first. */
const OFTEN_MS = 200;
/** Times at once of what is to be too much. */
const MANY = 5;

const NOTHING: Program = { rules: [], deeds: [] };
const rule = (does: Rule["does"], kind: Rule["kind"], changes: Partial<Rule> = {}): Rule => ({
  ...{ on: "sends", kind, with: "all", does },
  ...changes,
});
const deed = (say: Deed["say"], changes: Partial<Deed> = {}): Deed => ({
  ...{ say, to: "correct", everyMs: OFTEN_MS },
  ...changes,
});

/** Passes on no batch, announces none and gives none. */
const SWALLOW: readonly Rule[] = [rule("drop", "batch"), rule("drop", "announce")];
/** All that others could be helped with. */
const REFUSE: readonly Rule[] = [
  rule("drop", "pull", { on: "hears" }),
  rule("drop", "heads"),
  rule("drop", "ask", { on: "hears" }),
];

export const PROGRAMS: ReadonlyMap<string, Program> = new Map([
  ["topic-swallower", { ...NOTHING, rules: SWALLOW }],
  ["topic-delayer", { ...NOTHING, rules: [rule("delay", "any", { ms: 900 })] }],
  ["topic-acknowledger", { ...NOTHING, rules: SWALLOW, deeds: [deed("held")], acknowledges: true }],
  ["topic-pretender", { ...NOTHING, rules: SWALLOW, interests: [">"] }],
  [
    "topic-flooder",
    {
      ...NOTHING,
      deeds: [
        deed("flood", { count: MANY }),
        deed("junk", { count: MANY }),
        // Each is answered with all that there is: more of them is a flood of answers, up to the budget of each member.
        deed("pull", { everyMs: 1_000 }),
        deed("ask", { count: MANY }),
        deed("replay", { count: MANY }),
        deed("anything", { everyMs: 1_000, count: MANY }),
      ],
    },
  ],
  ["topic-equivocator", { ...NOTHING, deeds: [deed("twice", { everyMs: 500 })] }],
  ["topic-boaster", { ...NOTHING, rules: [rule("drop", "batch"), rule("drop", "gone")], deeds: [deed("claim")] }],
  ["topic-refuser", { ...NOTHING, rules: REFUSE, deeds: [deed("gone")] }],
  ["topic-hoarder", { ...NOTHING, rules: [rule("hoard", "batch", { until: 8 })] }],
  ["topic-head-liar", { ...NOTHING, deeds: [deed("heads", { everyMs: 500 })] }],
  ["topic-forger", { ...NOTHING, rules: [rule("alter", "batch")], deeds: [deed("forge", { everyMs: 500 })] }],
  ["topic-claimant", { ...NOTHING, deeds: [deed("handled", { everyMs: 50 })] }],
  [
    "topic-worker",
    { ...NOTHING, deeds: [deed("handled", { everyMs: 50 })], interests: [">"], queue: QUEUE, acknowledges: true },
  ],
  [
    "topic-eclipse",
    {
      rules: [
        ...SWALLOW.map((each) => ({ ...each, with: "victim" as const })),
        rule("drop", "heads", { with: "victim" }),
        rule("drop", "pull", { on: "hears", with: "victim" }),
      ],
      deeds: [deed("claim", { to: "victim" })],
      interests: [">"],
      isShared: true,
    },
  ],
  [
    "topic-conspiracy",
    {
      rules: [...SWALLOW, ...REFUSE],
      deeds: [deed("claim"), deed("held", { to: "correct" }), deed("gone", { to: "victim" })],
      interests: [">"],
      acknowledges: true,
      isShared: true,
    },
  ],
]);
