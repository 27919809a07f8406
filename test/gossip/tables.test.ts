/** The arithmetic of the protocol, as tables: pure functions of values. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Epochs } from "../../gossip/defence/epochs.js";
import { type Answered, type DisabledBy, rebut } from "../../gossip/defence/rebuttal.js";
import { LocalHealth } from "../../gossip/detection/local-health.js";
import { missLimit, NEW_PATH, probeTimeoutMs, withOutcome, withRoundTrip } from "../../gossip/detection/path.js";
import { EPOCH_BLOCK, EPOCH_MAX } from "../../gossip/limits.js";
import { checkSettings, LAN } from "../../gossip/settings.js";
import { returnWaitMs } from "../../gossip/view/judgement.js";
import { disabledRings, fullMask, type MemberId, withRing } from "../../rings/index.js";
import { idOf } from "../support/gossip/authority.js";

describe("misses in a row until a verdict", () => {
  it.each([
    [0, 3],
    [0.01, 3],
    [0.05, 5],
    [0.1, 6],
    [0.2, 9],
    [0.3, 12],
    [0.5, 14],
    [1, 14],
  ])("at a measured loss of %d: %d", (loss, limit) => {
    expect(missLimit(loss)).toBe(limit);
  });
});

describe("round-trip timeout (RFC 6298)", () => {
  it("starts from the first sample R with SRTT = R, RTTVAR = R / 2", () => {
    expect(withRoundTrip(NEW_PATH, 100)).toMatchObject({ srtt: 100, rttvar: 50 });
  });

  it("then updates RTTVAR before SRTT, by 1/4 and 1/8", () => {
    expect(withRoundTrip({ ...NEW_PATH, srtt: 100, rttvar: 50 }, 180)).toMatchObject({ srtt: 110, rttvar: 57.5 });
  });

  it.each([
    ["nothing measured", NEW_PATH, 5000, 300],
    ["SRTT + 4 RTTVAR", { ...NEW_PATH, srtt: 110, rttvar: 57.5 }, 5000, 340],
    ["never below 100 ms", { ...NEW_PATH, srtt: 1, rttvar: 0.1 }, 5000, 100],
    ["never above the period", { ...NEW_PATH, srtt: 900, rttvar: 400 }, 1000, 1000],
  ])("%s", (_, path, max, expected) => expect(probeTimeoutMs(path, max)).toBe(expected));

  it("moves the loss by a thirty-second part with each visit", () => {
    let path = { ...NEW_PATH, loss: 0 };
    for (let ping = 0; ping < 1000; ping++) path = withOutcome(path, ping % 10 !== 0);
    expect(path.loss).toBeGreaterThan(0.08);
    expect(path.loss).toBeLessThan(0.12);
  });
});

describe("epochs (R10)", () => {
  it.each([
    ["a first life starts at the clock", 0n, 5000, 5000n],
    ["a later one above its mark", 9000n, 5000, 9001n],
    ["the clock, when it is ahead of the mark", 4000n, 5000, 5000n],
    ["a clock before 1970 counts as 1970", 0n, -5, 1n],
  ])("%s", (_, mark, wall, first) => {
    // Epoch 0 does not exist: nothing is below the first.
    expect(new Epochs(mark, wall).advance()).toBe(first === 1n && wall < 0 ? new Epochs(0n, 0).advance() : first);
  });

  it("are never below 1", () => {
    expect(new Epochs(0n, 0).advance()).toBe(1n);
    expect(new Epochs(0n, -5).advance()).toBe(1n);
  });

  it("go above a floor", () => {
    const epochs = new Epochs(0n, 100);
    expect(epochs.advance(777n)).toBe(778n);
    expect(epochs.advance(5n)).toBe(779n);
  });

  it("end at 2^63 - 1", () => {
    const epochs = new Epochs(EPOCH_MAX - 2n, 0);
    expect([epochs.advance(), epochs.advance(), epochs.advance()]).toEqual([EPOCH_MAX - 1n, EPOCH_MAX, undefined]);
    expect(epochs.markToSave()).toBe(EPOCH_MAX);
  });

  it("never repeat over crashes at any moment, with any clock", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1200), fc.integer({ min: -1e6, max: 1e6 })), { maxLength: 6 }), (lives) => {
        let saved = 0n;
        let last = 0n;
        for (const [notes, wall] of lives) {
          const epochs = new Epochs(saved, wall);
          for (let count = 0; count <= notes; count++) {
            const epoch = epochs.advance()!;
            // The mark is saved before the note is sent.
            saved = epochs.markToSave() ?? saved;
            if (epoch <= last || saved < epoch) throw new Error(`epoch ${epoch} after ${last}, mark ${saved}`);
            last = epoch;
          }
        }
      }),
    );
  });

  it("are saved ahead, half a block before they are needed, and not at every note", () => {
    const epochs = new Epochs(0n, 0);
    const saves: number[] = [];
    for (let note = 1; note <= 2000; note++) {
      epochs.advance();
      if (epochs.markToSave() !== undefined) saves.push(note);
    }
    expect(saves).toEqual([1, 502, 1003, 1504]);
    expect(EPOCH_BLOCK).toBe(1000n);
  });
});

describe("rebuttal masks (R9)", () => {
  const K = 9;
  const [a, b, c, d, e, f] = ["a", "b", "c", "d", "e", "f"].map(idOf) as MemberId[] as [
    MemberId,
    MemberId,
    MemberId,
    MemberId,
    MemberId,
    MemberId,
  ];
  const always = () => true;
  const maskOf = (...rings: number[]) => rings.reduce((mask, ring) => withRing(mask, ring, false), fullMask(K));
  const by = (...pairs: [number, MemberId][]): DisabledBy => new Map(pairs);
  const full: [number, MemberId][] = [
    [1, a],
    [2, b],
    [3, c],
    [4, d],
  ];

  it.each<[string, Uint8Array, DisabledBy, Answered[], (ring: number, id: MemberId) => boolean, number[]]>([
    ["a predecessor's ring is disabled", fullMask(K), by(), [{ ring: 5, accuser: e }], always, [5]],
    ["a stranger's is not", fullMask(K), by(), [{ ring: 5, accuser: e }], () => false, []],
    [
      "two at once",
      fullMask(K),
      by(),
      [
        { ring: 5, accuser: e },
        { ring: 6, accuser: f },
      ],
      always,
      [5, 6],
    ],
    [
      "twice on one ring counts once",
      fullMask(K),
      by(),
      [
        { ring: 5, accuser: e },
        { ring: 5, accuser: f },
      ],
      always,
      [5],
    ],
    [
      "with t disabled the oldest goes",
      maskOf(1, 2, 3, 4),
      by(...full),
      [{ ring: 5, accuser: e }],
      always,
      [2, 3, 4, 5],
    ],
    [
      "but rather one whose accuser precedes me no longer",
      maskOf(1, 2, 3, 4),
      by(...full),
      [{ ring: 5, accuser: e }],
      (_, id) => id !== c,
      [1, 2, 4, 5],
    ],
  ])("%s", (_, mask, disabledBy, accusations, precedes, expected) => {
    const next = rebut(mask, K, disabledBy, accusations, precedes);
    expect(disabledRings(next.mask, K)).toEqual(expected);
    expect([...next.disabledBy.keys()].sort()).toEqual(expected);
  });

  it.each<[string, MemberId[], number[]]>([
    ["leaves the rings alone whose accusers precede me also when nobody is accused", [a, b, c, d], [1, 2, 3, 4]],
    ["takes the place of one that does so only past the accused as well", [a, b, d], [1, 2, 4, 5]],
    ["gives way to one that precedes me also when nobody is accused", [a, b, d, e], [1, 2, 4, 5]],
  ])("an accuser past the accused, with t disabled, %s", (_, alone, expected) => {
    const mask = maskOf(1, 2, 3, 4);
    const next = rebut(mask, K, by(...full), [{ ring: 5, accuser: e }], always, (_, id) => alone.includes(id));
    expect(disabledRings(next.mask, K)).toEqual(expected);
  });

  it.each([1, 2])("with %i rings, and t = 0, disable none: others would refuse the note", (count) => {
    const { mask } = rebut(fullMask(count), count, by(), [{ ring: 1, accuser: e }], always);
    expect(disabledRings(mask, count)).toEqual([]);
  });

  it("disable a ring by the word of many, and enable it first when another needs the room", () => {
    const unknown: Answered = { ring: 5, accuser: undefined };
    const three = rebut(maskOf(1, 2, 3), K, by(...full.slice(0, 3)), [unknown], always);
    expect(disabledRings(three.mask, K)).toEqual([1, 2, 3, 5]);
    const next = rebut(three.mask, K, three.disabledBy, [{ ring: 6, accuser: f }], always);
    expect(disabledRings(next.mask, K)).toEqual([1, 2, 3, 6]);
    // Whom I do not know takes no room from those that I do.
    expect(disabledRings(rebut(next.mask, K, next.disabledBy, [unknown], always).mask, K)).toEqual([1, 2, 3, 6]);
  });

  it("never disable more than t, and always the ring just answered", () => {
    const accusations = fc.array(
      fc.record({ ring: fc.integer({ min: 1, max: K }), accuser: fc.constantFrom(a, b, c) }),
    );
    fc.assert(
      fc.property(fc.array(accusations, { maxLength: 20 }), fc.func(fc.boolean()), (rounds, precedes) => {
        let state = { mask: fullMask(K), disabledBy: by() };
        for (const round of rounds) {
          state = rebut(state.mask, K, state.disabledBy, round, precedes);
          expect(disabledRings(state.mask, K).length).toBeLessThanOrEqual(4);
          const last = round.at(-1);
          if (last && precedes(last.ring, last.accuser)) expect(disabledRings(state.mask, K)).toContain(last.ring);
        }
      }),
    );
  });
});

describe("waiting to return (R13)", () => {
  const MINUTE = 60_000;
  it.each([
    ["one removal", [0], 0],
    ["two, three minutes apart", [0, 180_000], 0],
    ["two, just over two minutes apart", [0, 120_001], 0],
    ["two, two minutes apart", [0, 120_000], 30_000],
    ["a second one ten minutes after the first", [0, 10 * MINUTE], 0],
    ["three, apart", [0, 180_000, 360_000], 30_000],
    ["three, the last two soon after each other", [0, 180_000, 200_000], 60_000],
    ["three, the first two soon after each other", [0, 10_000, 190_000], 30_000],
    ["three soon", [0, 40_000, 80_000], 60_000],
    ["four soon", [0, 40_000, 80_000, 120_000], 120_000],
    ["five soon", [0, 40_000, 80_000, 120_000, 160_000], 240_000],
    ["six soon", [0, 40_000, 80_000, 120_000, 160_000, 200_000], 480_000],
    ["as many as are remembered", Array.from({ length: 16 }, (_, index) => 30_000 * index), 600_000],
    ["many, of which all but two are older than ten minutes", [0, 1, 2, 3, 180_000, 601_000], 0],
  ])("after %s", (_, removals, wait) => {
    expect(returnWaitMs(removals, removals.at(-1)!, 1500)).toBe(wait);
  });
});

describe("local health (Lifeguard)", () => {
  const ids = Array.from({ length: 8 }, (_, index) => idOf(`t${index}`));
  const miss = (health: LocalHealth, count: number, now: number) => {
    for (const id of ids.slice(0, count)) health.record(id, true, now);
  };

  it.each([
    ["four targets are too few", 4, 0, false],
    ["five of five", 5, 0, true],
    ["three of six are not most", 3, 3, false],
    ["four of seven are", 4, 3, true],
  ])("%s", (_, missed, answered, isVoid) => {
    const health = new LocalHealth(10_000);
    for (const id of ids.slice(missed, missed + answered)) health.record(id, false, 0);
    miss(health, missed, 0);
    expect(health.isVoid(0)).toBe(isVoid);
  });

  it("voids two windows in a row and no third, so that a real disaster is seen", () => {
    const health = new LocalHealth(10_000);
    const seen: boolean[] = [];
    for (let now = 0; now < 40_000; now += 5000) {
      miss(health, 8, now);
      seen.push(health.isVoid(now));
    }
    expect(seen).toEqual([true, true, true, true, false, false, false, false]);
  });

  it("forgets what is older than its window", () => {
    const health = new LocalHealth(10_000);
    miss(health, 8, 0);
    health.record(ids[0]!, true, 20_000);
    expect(health.isVoid(20_000)).toBe(false);
  });

  it("counts anew after most have answered again", () => {
    const health = new LocalHealth(1000);
    for (let cycle = 0; cycle < 3; cycle++) {
      const now = cycle * 10_000;
      miss(health, 8, now);
      expect(health.isVoid(now)).toBe(true);
      for (const id of ids) health.record(id, false, now + 1500);
    }
  });
});

describe("settings (R19)", () => {
  it.each([
    ["as they are", {}, true],
    ["waiting longer than 2 Delta", { removalMs: 10_000 }, true],
    ["waiting shorter", { removalMs: 2999 }, false],
    ["no interval", { gossipMs: 0 }, false],
    ["not a number", { monitorMs: Number.NaN }, false],
    ["more misses than the cap", { pingLimit: 15 }, false],
    ["half a ring", { ringsPerVisit: 0.5 }, false],
  ])("%s", (_, change, isFine) => {
    const check = () => checkSettings({ ...LAN, ...change });
    if (isFine) expect(check).not.toThrow();
    else expect(check).toThrow(RangeError);
  });
});
