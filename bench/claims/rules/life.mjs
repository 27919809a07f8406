// The rules of coming, going and time, R13 to R20; see table.mjs.
import { accusedUnderAnEnd } from "./ended-accuser.mjs";
import {
  accusation,
  beginning,
  datedCrypto,
  holders,
  lost,
  predecessor,
  puppet,
  repeat,
  SUMMONED_OFF,
  stage,
  tell,
  verdict,
} from "./stage.mjs";

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

export const LIFE_RULES = [
  {
    rule: "R13",
    off: "a removed member is back at once, however often",
    attack: "nothing reaches one member for 10 s, then all does for 10 s, for 8 min",
    isLong: true,
    edits: [
      {
        file: "gossip/view/judgement.js",
        find: "return again <= 0 ?",
        put: "return again <= Number.MAX_VALUE ?",
      },
    ],
    run(sim) {
      const on = stage(sim, { members: 8, rings: 5 });
      const [flapper] = on.seats;
      on.simulation.network.add(sim.flipFlop("flip-flop", [flapper], 10_000));
      on.simulation.run(8 * 60_000);
      const each = Math.round(on.count("failed", flapper) / 7);
      return verdict(each > 12, `removed ${each} times in each view`);
    },
  },
  {
    rule: "R14",
    off: "a last note is a note like any other",
    attack: "a member leaves",
    edits: [
      { file: "gossip/view/judgement.js", find: 'return held.note.leaving ? "left" : "live";', put: 'return "live";' },
    ],
    run(sim) {
      const on = stage(sim);
      const [, leaver] = on.seats;
      on.simulation.leave(leaver);
      const took = on.simulation.runUntil(() => holders(on, leaver.id) === 0, 20_000);
      const failed = on.count("failed", leaver);
      return verdict(
        failed > 0,
        `out of all views after ${(took / 1000).toFixed(1)} s, told ${failed} times as a failure`,
      );
    },
  },
  {
    rule: "R15",
    off: "nobody calls the removed, nor strange contacts",
    attack: "a partition in halves, for 30 s",
    edits: [
      {
        file: "gossip/spreading/rounds.js",
        find: "    #contactTheLost(now) {",
        put: "    #contactTheLost(now) {\n        return;",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const cut = on.simulation.network.add(sim.partition("cut", [on.seats.slice(0, 6), on.seats.slice(6)]));
      on.simulation.run(30_000);
      on.simulation.network.remove(cut);
      const took = on.simulation.runUntil(() => on.simulation.isWhole(), 30_000);
      return verdict(
        took === undefined,
        took === undefined ? "not whole 30 s after healing" : `whole after ${took / 1000} s`,
      );
    },
  },
  {
    rule: "R16",
    off: "a newcomer asks one contact, and is done when it has answered",
    attack: "7 of 14 show newcomers a network of liars only; 10 come and go",
    edits: [
      {
        file: "gossip/spreading/joining.js",
        find: "this.#needed = tolerance + 1;",
        put: "this.#needed = Math.min(1, tolerance);",
      },
      {
        file: "gossip/spreading/joining.js",
        find: "this.#contacts = [...contacts];",
        put: "this.#contacts = contacts.slice(0, 1);",
      },
    ],
    run(sim) {
      const on = stage(sim, { members: 14, rings: 15, byzantine: 7, behaviours: () => [new sim.Eclipser()] });
      on.simulation.run(1000);
      const newcomers = [];
      repeat(on, 5, 500, () => {
        const last = newcomers.at(-1);
        if (last) on.simulation.leave(last);
        newcomers.push(on.simulation.join());
      });
      const blind = newcomers.filter((seat) => {
        const told = on.told.filter((entry) => entry.seat === seat);
        const ready = told.findIndex(({ output }) => output.kind === "ready");
        const heard = told.slice(0, ready).filter(({ output }) => output.kind === "joined");
        const isCorrect = (id) => on.seats.some((other) => other.id === id && other.isCorrect);
        return ready >= 0 && !heard.some(({ output }) => isCorrect(output.member.id));
      });
      return verdict(
        blind.length > 0,
        `${blind.length} of 10 newcomers were ready without having heard of a correct member`,
      );
    },
  },
  {
    rule: "R17",
    off: "the revocation list is not looked at",
    attack: "the authority revokes a member",
    edits: [
      {
        file: "gossip/view/evidence.js",
        find: "    isRevoked(facts) {",
        put: "    isRevoked(facts) {\n        return false;",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const [, out] = on.seats;
      on.simulation.revoke(out);
      on.simulation.run(5000);
      const count = holders(on, out.id);
      return verdict(count > 0, `${count} of 11 hold the revoked one as live after 5 s`);
    },
  },
  {
    rule: "R18",
    off: "a step of the wall clock is believed",
    attack: "one member's clock jumps 400 days ahead; certificates last a year",
    edits: [
      {
        file: "gossip/clock.js",
        find: "if (wall < own || earliest <= own)\n        return own;",
        put: "return wall;",
      },
    ],
    run(sim) {
      const crypto = datedCrypto(sim, (_, dates) => ({ ...dates, notAfter: beginning(dates) + YEAR_MS }));
      const on = stage(sim, { crypto });
      on.simulation.skewClock(on.seats[2], 400 * DAY_MS);
      on.simulation.run(15_000);
      return lost(on);
    },
  },
  {
    rule: "R19",
    off: "a member may wait less than 2 Delta",
    attack: "members wait 30 ms, links take 40 ms, and a predecessor accuses falsely",
    edits: [{ file: "gossip/settings.js", find: "if (removalMs < 2 * deltaMs) {", put: "if (removalMs < 0) {" }],
    run(sim) {
      try {
        const on = stage(sim, { settings: { removalMs: 30 }, network: { latency: [40, 40] } });
        const victim = on.seats[4];
        const liar = puppet(on, predecessor(on, victim, 3));
        tell(on, liar, [accusation(sim, liar, victim, 3)]);
        on.simulation.run(5000);
        return lost(on);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return verdict(false, "refused: no such member starts");
      }
    },
  },
  {
    rule: "R20",
    off: "nobody is heard before its removal",
    attack: "an accuser whose certificate has ended for all but one judge, whose clock is slow by four minutes",
    edits: [
      {
        file: "gossip/defence/hearings.js",
        find: "    turned(ids, now) {",
        put: "    turned(ids, now) {\n        return;",
      },
    ],
    run(sim) {
      return accusedUnderAnEnd(sim);
    },
  },
  {
    rule: "R20",
    off: "whoever is summoned answers only what it holds for valid itself",
    attack: "the same",
    edits: [SUMMONED_OFF],
    run(sim) {
      return accusedUnderAnEnd(sim);
    },
  },
];
