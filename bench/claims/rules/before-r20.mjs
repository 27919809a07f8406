// The rules as they were before R20, as named switches: each is a few lines of the compiled code, changed back. A search for
// attacks runs over them (bench/claims/search.mjs) to show that it finds those that were found by reading.

/** R20 is off: no judge hears the accused, and nobody answers a summons. */
const NO_HEARINGS = [
  { file: "gossip/defence/hearings.js", find: "turned(ids, now) {", put: "turned(ids, now) {\n        return;" },
  {
    file: "gossip/defence/defence.js",
    find: "summoned(from, { ring, epoch }, isCall, now) {",
    put: "summoned(from, { ring, epoch }, isCall, now) {\n        return;",
  },
  { file: "gossip/spreading/exchanges.js", find: "if (!summons)", put: "if (!summons || summons)" },
];

/** A stranger has 4 answers at once and one more each 10 Delta; what it says beyond that is looked at again now and then. */
const STRANGERS_HAVE_BUDGETS = [
  {
    file: "gossip/defence/defence.js",
    find: 'import { Testimony } from "./testimony.js";',
    put: 'import { Budgets } from "../budget.js";\nimport { Testimony } from "./testimony.js";',
  },
  {
    file: "gossip/defence/defence.js",
    find: "this.#parts = parts;",
    put: `this.#parts = parts;
        this.strangers = new Budgets({ burst: 4, refillMs: 10 * parts.settings.deltaMs }, 1024);`,
  },
  {
    file: "gossip/defence/defence.js",
    find: `if (precedes)
            self.remember(accusation);
        this.#schedule(now, precedes, precedes ? now : this.#afterGrace(now));`,
    put: `if (!self.remembers(accusation)) {
            if (!precedes && !this.strangers.take(accusation.accuser, now))
                return;
            self.remember(accusation);
        }
        this.#schedule(now, precedes);`,
  },
  {
    file: "gossip/defence/defence.js",
    find: "hears(accusation) {",
    put: `reconsider(now) {
        this.strangers.tidy(now);
        const { view } = this.#parts;
        for (const { accusation } of view.evidence.accusations(view.me))
            this.accused(accusation, now);
    }
    hears(accusation) {`,
  },
  {
    file: "gossip/machine.js",
    find: "this.#intake.tidy(now);",
    put: "this.#intake.tidy(now);\n        this.#defence.reconsider(now);",
  },
];

/** R12: a proof has the budget of all proofs, also the first one that silences a certificate. */
const PROOFS_WAIT = [{ file: "gossip/view/intake.js", find: " || this.#evidence.silencesMore(pair)", put: "" }];

/** R11: a farewell waits for its time like any note, and R13: who left is back at once, however often. */
const FAREWELLS_WAIT = [
  { file: "gossip/view/intake.js", find: " || this.#evidence.isFarewell(claim.note)", put: "" },
  {
    file: "gossip/view/intake.js",
    find: "cost <= PARKED_PER_INTERVAL && this.#evidence.isFarewell(note)",
    put: "cost < 0",
  },
  {
    file: "gossip/view/judgement.js",
    find: "if (note && farewell !== undefined && farewell < note.note.epoch)",
    put: "if (note === undefined && farewell !== undefined)",
  },
  {
    file: "gossip/view/intake.js",
    find: 'problem === "stale" && this.#evidence.farewells.isNew(note)',
    put: "problem === null",
  },
];

/** R15: the accused is told the accusation without the certificate that it was signed under. */
const BARE_CHARGES = [
  {
    file: "gossip/spreading/exchanges.js",
    find: "certificate === undefined ? [digest] : [certificate, digest]",
    put: "[digest]",
  },
];

/** R3: an accusation outlives the certificate that it was signed under. */
const ENDED_ACCUSERS = [
  {
    file: "gossip/view/evidence.js",
    find: `this.#affect(facts.id);
                this.#dropAccusationsUnder(facts);`,
    put: "this.#affect(facts.id);",
  },
  { file: "gossip/view/evidence.js", find: 'return "accuser-expired";', put: "certificate;" },
];

/** By name. "before-r20": all of them. The others leave those ways open alone that one attack took. */
export const OLD_RULES = {
  "before-r20": [
    ...NO_HEARINGS,
    ...STRANGERS_HAVE_BUDGETS,
    ...PROOFS_WAIT,
    ...FAREWELLS_WAIT,
    ...BARE_CHARGES,
    ...ENDED_ACCUSERS,
  ],
  "farewells-wait": [...NO_HEARINGS, ...STRANGERS_HAVE_BUDGETS, ...FAREWELLS_WAIT],
  "proofs-wait": [...NO_HEARINGS, ...STRANGERS_HAVE_BUDGETS, ...PROOFS_WAIT],
};
