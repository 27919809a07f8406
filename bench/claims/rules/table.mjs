// Rules R1 to R22 of docs/protocol.md, each with its switch (`off`: in words, `edits`: in the compiled code) and a run that
// shows what it is for: `run` says whether the promise was broken, and by how much. Runs that are `isLong` are no part of
// the suite.
import { INTEREST_RULES } from "./interests.mjs";
import { LIFE_RULES } from "./life.mjs";
import { PATH_RULES } from "./paths.mjs";
import {
  accusation,
  beginning,
  datedCrypto,
  holders,
  lost,
  note,
  predecessor,
  puppet,
  repeat,
  SUMMONED_OFF,
  stage,
  tell,
  verdict,
} from "./stage.mjs";

/** Dates of certificates that nothing is to depend on. */
const LONG = { notBefore: 0, notAfter: 4e12 };
const RINGS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

export const RULES = [
  {
    rule: "R1",
    off: "certificates of another authority pass",
    attack: "a liar brings 20 identities of an authority of its own",
    edits: [{ file: "sim/crypto/fake-crypto.js", find: " || !this.#isIssuerOf(leaf, issuer)", put: "" }],
    run(sim) {
      const on = stage(sim);
      const liar = puppet(on, on.seats[0]);
      const mine = sim.fakeCrypto();
      const ids = Array.from({ length: 20 }, (_, index) => {
        const { certificate, sign } = mine.issue(`sybil-${index}`, LONG);
        return { id: certificate.id, name: "m0", certificate: { ...certificate, issuer: new Uint8Array(600) }, sign };
      });
      for (const one of ids) {
        const chain = sim.encodeStatement({ kind: "certificate", chain: one.certificate });
        tell(on, liar, [chain, note(sim, one)]);
      }
      on.simulation.run(1000);
      const seen = ids.filter(({ id }) => holders(on, id) > 0).length;
      return verdict(seen > 0, `${seen} of 20 made-up members in views`);
    },
  },
  {
    rule: "R2",
    off: "any mask is taken",
    attack: "a liar disables all its rings, then answers nothing",
    edits: [
      {
        file: "gossip/view/evidence.js",
        find: "const form = noteProblem(note, this.ringCount);",
        put: "const form = undefined;",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const liar = puppet(on, on.seats[3], true);
      tell(on, liar, [note(sim, liar, { mask: new Uint8Array(2) })]);
      on.simulation.run(20_000);
      const count = holders(on, liar.id);
      return verdict(count > 0, `${count} of 11 hold the mute one as live after 20 s`);
    },
  },
  {
    rule: "R3",
    off: "accusations on disabled rings are held",
    attack: "a predecessor accuses again on the ring that the victim has disabled",
    edits: [
      {
        file: "gossip/view/evidence.js",
        find: 'if (!isEnabled(target.mask, ring))\n            return "ring-disabled";',
        put: "",
      },
      {
        file: "gossip/view/evidence.js",
        find: 'return isEnabled(target.mask, accusation.ring) ? undefined : "ring-disabled";',
        put: "return undefined;",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const victim = on.seats[4];
      const liar = puppet(on, predecessor(on, victim, 3));
      repeat(on, 10, 1000, () => tell(on, liar, [accusation(sim, liar, victim, 3)]));
      return lost(on);
    },
  },
  {
    rule: "R3",
    off: "no window of 16, no limit of 4 accusers per ring",
    attack: "8 liars accuse everybody on all rings, from wherever they stand",
    isLong: true,
    edits: [
      { file: "gossip/view/evidence.js", find: 'return "not-near";', put: "return undefined;" },
      {
        file: "gossip/view/evidence.js",
        find: "const kept = new Set(firstPerAccuser(crowd).slice(0, ACCUSATIONS_PER_RING_MAX));",
        put: "const kept = new Set(crowd);",
      },
      { file: "gossip/view/evidence.js", find: "closer >= ACCUSATIONS_PER_RING_MAX", put: "closer >= 1e9" },
    ],
    run(sim) {
      const on = stage(sim, { members: 50, rings: 5 });
      const crowd = on.seats.slice(0, 8).map((seat) => puppet(on, seat));
      const [holder, ...victims] = on.seats.slice(8);
      on.simulation.run(500);
      for (const liar of crowd) {
        const said = victims.flatMap((victim) => RINGS.slice(0, 5).map((ring) => accusation(sim, liar, victim, ring)));
        tell(on, liar, said, [holder]);
      }
      on.simulation.run(60);
      const held = holder.machine.statements().filter((bytes) => bytes[0] === 3).length;
      return verdict(held > 5 * 8 * 16, `${held} accusations held (8 liars x 5 rings x 16 places = 640 at most)`);
    },
  },
  {
    rule: "R4",
    off: "what a proven liar said last stays where it came before the proof",
    attack: "a liar signs two notes with one epoch, one for each half",
    edits: [
      {
        file: "gossip/view/evidence.js",
        find: "this.#silence(id);",
        put: "",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const liar = puppet(on, on.seats[3], true);
      for (const parity of [0, 1]) {
        const half = on.seats.filter(({ number }) => number % 2 === parity);
        tell(on, liar, [note(sim, liar, { metadata: Uint8Array.of(parity) })], half);
      }
      on.simulation.run(20_000);
      const roots = new Set(
        on.seats.filter((seat) => seat.isCorrect).map(({ machine }) => sim.toHex(machine.fingerprint())),
      );
      return verdict(roots.size > 1, `${roots.size} different views after 20 s`);
    },
  },
  {
    rule: "R5",
    off: "whoever is accused by anybody is passed over (not the least fixpoint)",
    attack: "2 of 12 accuse all whom they do not monitor, on all rings",
    edits: [
      {
        file: "gossip/view/accused.js",
        find: "return this.#accused.has(id) || this.#isGone(id);",
        put: "return this.#accused.has(id) || this.#isGone(id) || this.#evidence.accusations(id).length > 0;",
      },
      {
        file: "gossip/view/accused.js",
        find: "if (this.#isGone(id))\n                pushAll(",
        put: "pushAll(",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const crowd = on.seats.slice(0, 2).map((seat) => puppet(on, seat));
      const victims = on.seats.slice(2);
      const said = (liar, victim) =>
        RINGS.filter((ring) => predecessor(on, victim, ring) !== liar).map((ring) =>
          accusation(sim, liar, victim, ring),
        );
      const strange = crowd.map((liar) => victims.filter((victim) => said(liar, victim).length === RINGS.length));
      for (const [index, liar] of crowd.entries()) {
        tell(
          on,
          liar,
          strange[index].flatMap((victim) => said(liar, victim)),
        );
      }
      on.simulation.run(1000);
      const suspected = on.count("suspected");
      return verdict(suspected > 0, `${suspected} times a correct member was suspected by a correct one`);
    },
  },
  {
    rule: "R6",
    off: "an accusation removes at once, not after 2 Delta",
    attack: "a single false accusation by a predecessor",
    edits: [
      { file: "gossip/view/judgement.js", find: "if (since + this.#removalMs > now)\n                break;", put: "" },
      {
        file: "gossip/view/judgement.js",
        find: "return Math.min(since + this.#removalMs, waited ?? Infinity);",
        put: "return Math.min(since, waited ?? Infinity);",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const victim = on.seats[4];
      const liar = puppet(on, predecessor(on, victim, 3));
      tell(on, liar, [accusation(sim, liar, victim, 3)]);
      on.simulation.run(5000);
      return lost(on);
    },
  },
  {
    rule: "R7",
    off: "nobody renews accusations against the dead",
    attack: "a member dies; then 12 newcomers come between it and those who accused it",
    edits: [
      {
        file: "gossip/detection/monitor.js",
        find: "    guardTheDead(now) {",
        put: "    guardTheDead(now) {\n        return;",
      },
    ],
    run(sim) {
      const on = stage(sim, { members: 6, rings: 3 });
      const [dead] = on.seats;
      on.simulation.crash(dead);
      on.simulation.run(12_000);
      repeat(on, 12, 1000, () => on.simulation.join());
      const wrong = on.count("joined", dead);
      return verdict(wrong > 0, `${wrong} newcomers were told that the dead one is a member`);
    },
  },
  {
    rule: "R8",
    off: "nothing is ever forgotten",
    attack: "10 members with certificates for a minute come and go; 12 minutes pass",
    edits: [
      { file: "gossip/view/evidence.js", find: "    forget(wall) {", put: "    forget(wall) {\n        return [];" },
    ],
    run(sim) {
      const isShort = (name) => Number(name.slice(1)) >= 4;
      const crypto = datedCrypto(sim, (name, dates) =>
        isShort(name) ? { ...dates, notAfter: beginning(dates) + 60_000 } : dates,
      );
      const settings = { gossipMs: 5000, monitorMs: 5000 };
      const on = stage(sim, { members: 4, rings: 3, crypto, settings });
      repeat(on, 10, 1000, () => on.simulation.join());
      for (const seat of on.seats.slice(4)) on.simulation.crash(seat);
      on.simulation.run(12 * 60_000);
      const held = on.seats[0].machine.statements().length;
      return verdict(held > 8, `${held} statements held about 4 members`);
    },
  },
  {
    rule: "R9",
    off: "accusations are not answered",
    attack: "a single false accusation by a predecessor",
    edits: [
      {
        file: "gossip/defence/defence.js",
        find: "    accused(accusation, now) {",
        put: "    accused(accusation, now) {\n        return;",
      },
      SUMMONED_OFF,
    ],
    run(sim) {
      const on = stage(sim);
      const victim = on.seats[4];
      const liar = puppet(on, predecessor(on, victim, 3));
      tell(on, liar, [accusation(sim, liar, victim, 3)]);
      on.simulation.run(5000);
      return lost(on);
    },
  },
  {
    rule: "R9",
    off: "no ring is disabled in an answer",
    attack: "a predecessor accuses again after each answer",
    edits: [{ file: "gossip/defence/rebuttal.js", find: "if (!counts ||", put: "if (true ||" }],
    run(sim) {
      const on = stage(sim);
      const victim = on.seats[4];
      const liar = puppet(on, predecessor(on, victim, 3));
      const { epoch } = victim.machine;
      repeat(on, 20, 100, () => tell(on, liar, [accusation(sim, liar, victim, 3)]));
      const answers = Number(victim.machine.epoch - epoch);
      return verdict(answers > 4, `${answers} answers in 20 s to one predecessor (t = 4)`);
    },
  },
  {
    rule: "R9",
    off: "a member does not take its own answer when by its own clock its certificate has ended",
    attack: "a predecessor accuses, once, a member whose clock is four minutes ahead; its certificate ends soon",
    edits: [{ file: "gossip/view/evidence.js", find: "if (!isMine && ", put: "if (" }],
    run(sim) {
      const victimsName = stage(sim).seats[4].name;
      // With the tolerated five minutes it ends a minute after the beginning, and for the victim three minutes before.
      const crypto = datedCrypto(sim, (name, dates) => ({
        ...dates,
        notAfter: name === victimsName ? beginning(dates) - 240_000 : dates.notAfter,
      }));
      const on = stage(sim, { crypto });
      const victim = on.seats[4];
      on.simulation.skewClock(victim, 240_000);
      on.simulation.run(2000);
      const liar = puppet(on, predecessor(on, victim, 3));
      tell(on, liar, [accusation(sim, liar, victim, 3)]);
      on.simulation.run(10_000);
      return lost(on);
    },
  },
  {
    rule: "R10",
    off: "epochs begin at 1 in every life, and a note of one's own above is ignored",
    attack: "a member loses its state and starts again",
    edits: [
      {
        file: "gossip/defence/epochs.js",
        find: "savedMark + 1n > clock ? savedMark : clock - 1n",
        put: "0n * (savedMark + clock)",
      },
      {
        file: "gossip/defence/defence.js",
        find: "    sawMyNote(note, now) {",
        put: "    sawMyNote(note, now) {\n        return;",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const [, seat] = on.seats;
      on.simulation.crash(seat);
      on.simulation.run(10_000);
      on.simulation.restart(seat, { keepState: false });
      on.simulation.run(10_000);
      const count = holders(on, seat.id);
      return verdict(count < 11, `in ${count} of 11 views 10 s after it started again`);
    },
  },
  {
    rule: "R11",
    off: "no budget for the notes of one member",
    attack: "a liar signs 100 notes a second",
    edits: [{ file: "gossip/machine.js", find: "burst: tolerance(ringCount) + 2,", put: "burst: 1e9," }],
    run(sim) {
      const on = stage(sim);
      // Its machine says nothing: it would go above each of these notes.
      const liar = puppet(on, on.seats[3], true);
      let { epoch } = liar.machine;
      repeat(on, 5, 100, () => {
        const notes = Array.from({ length: 10 }, () =>
          note(sim, liar, { epoch: ++epoch, metadata: Uint8Array.of(Number(epoch & 255n)) }),
        );
        tell(on, liar, notes, on.seats.slice(0, 3));
      });
      const most = Math.max(
        ...on.seats.map(
          (seat) => on.told.filter((entry) => entry.seat === seat && entry.output.kind === "updated").length,
        ),
      );
      return verdict(
        most > 4 + 2 + 5 + 1,
        `${most} notes of it taken by one member in 5 s (t + 2 + one a second = 11)`,
      );
    },
  },
  {
    rule: "R11",
    off: "a farewell waits for the budget of notes, and an old one counts for nothing",
    attack: "a liar tells one half each second that it has gone, the other that it is there",
    edits: [
      {
        file: "gossip/view/evidence.js",
        find: "return note.leaving && held !== undefined && !held.leaving;",
        put: "return false;",
      },
      {
        file: "gossip/view/farewells.js",
        find: "return leaving && epoch > (this.epochOf(id) ?? -1n);",
        put: "return false;",
      },
    ],
    run(sim) {
      const on = stage(sim, { byzantine: 1, behaviours: () => [sim.ADVERSARIES.get("splitter").create()] });
      const liar = on.seats.find((seat) => !seat.isCorrect);
      const others = on.seats.filter((seat) => seat.isCorrect);
      let apart = 0;
      repeat(on, 20, 100, () => {
        const held = others.filter((seat) => seat.machine.member(liar.id)).length;
        if (held > 0 && held < others.length) apart += 0.1;
      });
      return verdict(apart > 10, `views differ about the liar for ${apart.toFixed(0)} of 20 s`);
    },
  },
  {
    rule: "R12",
    off: "a proof of contradiction silences nobody",
    attack: "a liar signs two notes with one epoch, one for each half",
    edits: [
      {
        file: "gossip/view/evidence.js",
        find: "return held !== undefined && silences(held.proof, facts);",
        put: "return held === undefined && silences === undefined;",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const liar = puppet(on, on.seats[3]);
      for (const parity of [0, 1]) {
        const half = on.seats.filter(({ number }) => number % 2 === parity);
        tell(on, liar, [note(sim, liar, { metadata: Uint8Array.of(parity) })], half);
      }
      on.simulation.run(10_000);
      const count = holders(on, liar.id);
      return verdict(count > 0, `${count} of 11 hold the proven liar as live after 10 s`);
    },
  },
  {
    rule: "R12",
    off: "a note under a silenced certificate counts by its epoch, as any other",
    attack:
      "a liar is proven under its older certificate; notes under the older and the newer one by turns, to each half",
    edits: [
      {
        file: "gossip/view/evidence.js",
        find: 'return this.isSilenced(certificate) ? "silenced" : undefined;',
        put: "return undefined;",
      },
      {
        file: "gossip/view/evidence.js",
        find: "certificate.notAfter >= this.#ended && !this.isSilenced(certificate)",
        put: "certificate.notAfter >= this.#ended",
      },
      {
        file: "gossip/view/evidence.js",
        find: "if (this.isSilenced(found.certificate))\n            return contradicts;",
        put: "",
      },
      { file: "gossip/view/evidence.js", find: "this.#silence(id);", put: "" },
    ],
    run(sim) {
      const on = stage(sim);
      const [liar, teller] = [puppet(on, on.seats[3]), puppet(on, on.seats[4])];
      const newer = liar.reissue({ notBefore: 1_799_999_000_000, notAfter: 4_953_600_000_000 });
      const chain = sim.encodeStatement({ kind: "certificate", chain: newer.certificate });
      const as = {
        name: liar.name,
        machine: liar.machine,
        certificate: newer.certificate,
        sign: (type, body) => newer.sign(type, body),
      };
      const first = liar.machine.epoch + 1n;
      tell(on, liar, [chain, ...[0, 1].map((one) => note(sim, liar, { epoch: first, metadata: Uint8Array.of(one) }))]);
      on.simulation.run(2_000);
      for (let turn = 0; turn < 30; turn++) {
        for (const parity of [0, 1]) {
          const half = on.seats.filter(({ number }) => number % 2 === parity);
          const epoch = first + BigInt(2 * turn + 1 + parity);
          tell(on, teller, [note(sim, (turn + parity) % 2 === 0 ? as : liar, { epoch })], half);
        }
        on.simulation.run(1_000);
      }
      const [broken] = on.checks.violations();
      return verdict(
        broken !== undefined,
        broken ? broken.text : `${holders(on, liar.id)} of 10 hold it as live, all alike`,
      );
    },
  },
  ...LIFE_RULES,
  ...PATH_RULES,
  ...INTEREST_RULES,
];
