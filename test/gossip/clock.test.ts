/** The clock by which dates are judged (rule R18): what it follows, what it refuses, and what convinces it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { believed, CLOCK_TOLERANCE_MS, PROOF_REACH_MS, TrustedClock } from "../../gossip/clock.js";
import { Overlay } from "../support/gossip/overlay.js";
import { revocationStatement, revocationsOf } from "../support/gossip/statements.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Unix milliseconds at the monotonic instant 0. */
const START = 1e12;

/** A clock that has run for a while, and the wall clock behind it. */
function running() {
  const wall = { offset: START };
  let now = 1000;
  const clock = new TrustedClock(() => now + wall.offset);
  clock.wall(now);
  return { wall, clock, read: () => clock.wall(now) - now - START, pass: (ms: number) => (now += ms), at: () => now };
}

describe("a step of the wall clock", () => {
  it.each([
    ["an hour ahead", HOUR, true],
    ["two hours back", -2 * HOUR, true],
    ["400 days ahead", 400 * DAY, true],
    ["four minutes", 4 * MINUTE, false],
  ])("of %s", (_, step, isFrozen) => {
    const { wall, clock, read } = running();
    wall.offset += step;
    expect(read()).toBe(isFrozen ? 0 : step);
    expect(clock.isFrozen).toBe(isFrozen);
    wall.offset -= step;
    expect(read()).toBe(0);
    expect(clock.isFrozen).toBe(false);
  });

  it("is none while it is slewed, however far it gets", () => {
    let wall = START;
    const clock = new TrustedClock(() => wall);
    for (let minute = 0; minute < 10_000; minute++) {
      wall += 61_000;
      expect(clock.wall(minute * 60_000)).toBe(wall);
    }
    expect(clock.isFrozen).toBe(false);
  });
});

describe("after a step, something that the authority signed", () => {
  it.each([
    // What the wall clock shows, what was signed, and what is believed then; all from the old time.
    ["an hour ago bears out three hours of sleep", 3 * HOUR, 2 * HOUR, 3 * HOUR],
    ["just now does so as well", 3 * HOUR, 3 * HOUR - CLOCK_TOLERANCE_MS, 3 * HOUR],
    ["before the step proves nothing", 3 * HOUR, -HOUR, 0],
    ["a day ago bears out a year", 365 * DAY, 364 * DAY, 365 * DAY],
    ["long ago counts as far as it goes, and the rest of the year is not believed", 365 * DAY, HOUR, HOUR],
    ["later than the wall clock moves it to the wall clock and no further", 3 * HOUR, 9 * HOUR, 3 * HOUR],
    ["does not move it back", -2 * HOUR, HOUR, 0],
  ])("%s", (_, step, begin, expected) => {
    const { wall, clock, read, at } = running();
    wall.offset += step;
    expect(read()).toBe(0);
    clock.proves(at() + START + begin, at());
    expect(read()).toBe(expected);
    expect(clock.isFrozen).toBe(expected !== step);
  });

  it("moves no clock that has not stepped, whatever it says", () => {
    const { clock, read, at, pass } = running();
    clock.proves(at() + START + 400 * DAY, at());
    expect(read()).toBe(0);
    pass(HOUR);
    expect(read()).toBe(0);
    expect(clock.isFrozen).toBe(false);
  });

  it("counts when it came before the step was seen", () => {
    const { wall, clock, read, at } = running();
    wall.offset += 3 * HOUR;
    clock.proves(at() + START + 2 * HOUR, at());
    expect(read()).toBe(3 * HOUR);
  });
});

describe("after a step, the time that the authority says", () => {
  it.each([
    ["is that of the wall clock: a sleep", 3 * HOUR, 3 * HOUR + MINUTE, 3 * HOUR],
    ["is that of the wall clock: the old time was wrong", -2 * HOUR, -2 * HOUR, -2 * HOUR],
    ["is the old time: the wall clock was set wrongly", 400 * DAY, MINUTE, 0],
    ["is neither, and counts itself", 400 * DAY, 3 * HOUR, 3 * HOUR],
    ["is between them after a step back", -9 * HOUR, -HOUR, -HOUR],
  ])("%s", (_, step, said, expected) => {
    const { wall, clock, read, at } = running();
    wall.offset += step;
    clock.heard(at() + START + said, at());
    expect(read()).toBe(expected);
    expect(clock.isFrozen).toBe(expected !== step);
  });

  it("moves no clock that has not stepped", () => {
    const { clock, read, at } = running();
    clock.heard(at() + START + HOUR, at());
    expect(read()).toBe(0);
  });
});

describe("whatever happens to the wall clock and whatever the authority signed", () => {
  const offset = fc.integer({ min: -500 * DAY, max: 500 * DAY });

  it("what is believed is the old time, the wall clock's or a proof between them, and never beyond the wall clock", () => {
    fc.assert(
      fc.property(offset, offset, offset, (own, wall, earliest) => {
        const result = believed(own, wall, earliest);
        const isFollowed = Math.abs(wall - own) <= CLOCK_TOLERANCE_MS;
        if (isFollowed) expect(result).toBe(wall);
        else if (earliest <= own || wall < own) expect(result).toBe(own);
        else expect(result === wall || (result === earliest && earliest < wall - PROOF_REACH_MS)).toBe(true);
      }),
    );
  });

  it("statements that were signed before the step change nothing: nobody can sign later ones but the authority", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -500 * DAY, max: 0 })), offset, (begins, step) => {
        fc.pre(Math.abs(step) > CLOCK_TOLERANCE_MS);
        const { wall, clock, read, at } = running();
        wall.offset += step;
        for (const begin of begins) clock.proves(at() + START + begin, at());
        expect(read()).toBe(0);
      }),
    );
  });
});

describe("members that slept for three hours", () => {
  /** Their wall clocks go on, their monotonic ones do not. */
  function asleep() {
    const overlay = new Overlay();
    overlay.grow(4);
    overlay.run(3000);
    overlay.wallOffset += 3 * HOUR;
    overlay.run(20_000);
    return overlay;
  }
  const alarms = (overlay: Overlay) =>
    overlay.up().flatMap((seat) => overlay.told(seat, "alarm").map(({ what }) => what));

  it("take in a newcomer whose certificate is younger than their sleep", () => {
    const overlay = asleep();
    expect(alarms(overlay)).toEqual(Array(4).fill("clock-stepped"));
    const begin = overlay.now + overlay.wallOffset - CLOCK_TOLERANCE_MS;
    overlay.start("m4", ["m0"], { certificate: { notBefore: begin } });
    overlay.run(5000);
    expect(overlay.isWhole()).toBe(true);
    expect(overlay.up().map(({ clock }) => clock.isFrozen)).toEqual(Array(5).fill(false));
  });

  it("believe their clocks once they hold a list that was signed after it", () => {
    const overlay = asleep();
    const list = revocationsOf({ number: 1n, issuedAt: overlay.now + overlay.wallOffset - MINUTE });
    overlay.tell(overlay.seat("m0"), overlay.seat("m1"), revocationStatement(list));
    overlay.run(5000);
    expect(overlay.up().map(({ clock }) => clock.isFrozen)).toEqual(Array(4).fill(false));
  });
});

describe("a clock that was two hours ahead and is set back, as the authority confirms", () => {
  it("ends no certificate early, also none that had ended by the wrong time", () => {
    const overlay = new Overlay();
    overlay.start("m0");
    const end = overlay.now + overlay.wallOffset + 2 * HOUR - 7 * MINUTE;
    overlay.start("m1", ["m0"], { certificate: { notAfter: end } });
    overlay.runUntil(() => overlay.isWhole());
    const wrong = overlay.start("m2", ["m0"]);
    overlay.runUntil(() => overlay.isWhole());
    wrong.wallError = 2 * HOUR;
    wrong.clock.heard(overlay.now + overlay.wallOffset + 2 * HOUR, overlay.now);
    overlay.run(20_000);
    expect(wrong.machine.standing(overlay.seat("m1").id)).toBe("expired");
    wrong.wallError = 0;
    wrong.clock.heard(overlay.now + overlay.wallOffset, overlay.now);
    overlay.run(20_000);
    expect(wrong.machine.standing(overlay.seat("m1").id)).toBe("live");
    expect(overlay.isWhole()).toBe(true);
  });
});
