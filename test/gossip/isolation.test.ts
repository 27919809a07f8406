/** What a member is told of itself while the others do not have it among them, and when that is over (R12, R13, R15). */
import { describe, expect, it } from "vitest";
import { encodePacket, type Output } from "../../gossip/index.js";
import { Overlay, type Seat } from "../support/gossip/overlay.js";
import { noteOf, noteStatement } from "../support/gossip/statements.js";

function grown(count: number) {
  const overlay = new Overlay();
  const seats = overlay.grow(count);
  overlay.run(3000);
  return { overlay, seats, victim: seats[2]! };
}

type Fate = Extract<Output, { kind: "isolated" | "back" }>;

/** What it was told of itself: the reason, with "!" before what is over. */
function fates({ outputs }: Seat): string[] {
  const own = outputs.filter((output): output is Fate => output.kind === "isolated" || output.kind === "back");
  return own.map(({ kind, reason }) => (kind === "back" ? `!${reason}` : reason));
}

function stop(overlay: Overlay, seat: Seat, ms: number): void {
  seat.paused = true;
  overlay.run(ms);
  overlay.resume(seat);
}

describe("a member that stands still", () => {
  it.each([15_000, 31_000])("for %s ms is told that it was removed, and that it is back", (ms) => {
    const { overlay, victim } = grown(5);
    stop(overlay, victim, ms);
    overlay.runUntil(() => overlay.isWhole());
    overlay.run(10_000);
    expect(fates(victim)).toEqual(["removed", "!removed"]);
    for (const seat of overlay.up()) if (seat !== victim) expect(fates(seat)).toEqual([]);
  });

  it("twice in a row is told that it waits, until when, and that it is back then", () => {
    const { overlay, seats, victim } = grown(5);
    stop(overlay, victim, 15_000);
    overlay.run(5000);
    expect(overlay.isWhole()).toBe(true);
    stop(overlay, victim, 15_000);
    overlay.run(5000);
    const others = seats.filter((seat) => seat !== victim);
    expect(others.map(({ machine }) => machine.standing(victim.id))).toEqual(Array(4).fill("waiting"));
    expect(fates(victim)).toEqual(["removed", "!removed", "removed", "waiting"]);
    const until = overlay.told(victim, "isolated").at(-1)!.until!;
    overlay.run(until - overlay.now - 1500);
    expect(others.map(({ machine }) => machine.standing(victim.id))).toEqual(Array(4).fill("waiting"));
    expect(fates(victim).at(-1)).toBe("waiting");
    overlay.run(3000);
    expect(overlay.isWhole()).toBe(true);
    expect(fates(victim).at(-1)).toBe("!waiting");
  });

  it("too shortly to be removed is told nothing", () => {
    const { overlay, victim } = grown(5);
    stop(overlay, victim, 2000);
    overlay.run(10_000);
    expect(fates(victim)).toEqual([]);
  });
});

describe("the words of others", () => {
  const says = (overlay: Overlay, from: Seat, to: Seat, kind: "gone" | "waits") => {
    const { epoch } = to.machine;
    const item = kind === "gone" ? ({ kind, epoch } as const) : ({ kind, epoch, ms: 3_000_000 } as const);
    overlay.input(to, () => to.machine.request(from.id, encodePacket([item]), overlay.now));
  };

  it.each(["gone", "waits"] as const)(
    "%s: those of fewer than half are not believed, however often they say it",
    (kind) => {
      const { overlay, seats, victim } = grown(8);
      for (let round = 0; round < 20; round++) {
        for (const liar of seats.slice(3, 6)) says(overlay, liar, victim, kind);
        overlay.run(500);
      }
      expect(fates(victim)).toEqual([]);
    },
  );

  it("are believed of half of those who are there; a wait is over when they answer and say no more of it", () => {
    const { overlay, seats, victim } = grown(8);
    for (const seat of seats.slice(3, 7)) says(overlay, seat, victim, "waits");
    expect(fates(victim)).toEqual(["waiting"]);
    // Rule R13: no wait is longer than ten minutes, whatever they say.
    expect(overlay.told(victim, "isolated")[0]!.until).toBeLessThanOrEqual(overlay.now + 600_000);
    overlay.run(60_000);
    expect(fates(victim)).toEqual(["waiting", "!waiting"]);
  });

  it("count in the order of the epochs that they are about, not in which they arrive", () => {
    const { overlay, seats, victim } = grown(4);
    const { epoch } = victim.machine;
    overlay.input(victim, () => victim.machine.describe({}, overlay.now));
    overlay.run(1000);
    for (const seat of seats.filter((each) => each !== victim)) {
      says(overlay, seat, victim, "waits");
      const late = encodePacket([{ kind: "gone", epoch }]);
      overlay.input(victim, () => victim.machine.request(seat.id, late, overlay.now));
    }
    expect(fates(victim)).toEqual(["waiting"]);
  });

  it("of an earlier life are none", () => {
    const { overlay, seats, victim } = grown(4);
    const item = { kind: "gone", epoch: victim.machine.epoch - 10n } as const;
    for (const seat of seats)
      if (seat !== victim)
        overlay.input(victim, () => victim.machine.request(seat.id, encodePacket([item]), overlay.now));
    overlay.run(10_000);
    expect(fates(victim)).toEqual([]);
  });
});

describe("a member that is cut off", () => {
  it("is told that nobody is left, and that it is back", () => {
    const { overlay, victim } = grown(4);
    overlay.passes = (from, to) => from !== victim && to !== victim;
    overlay.run(30_000);
    expect(fates(victim)).toEqual(["nobody"]);
    overlay.passes = () => true;
    overlay.run(20_000);
    expect(overlay.isWhole()).toBe(true);
    expect(fates(victim).at(-1)).toMatch(/^!/);
  });
});

describe("a member whose identity is used twice", () => {
  it("is told so by another note at its own epoch, and that it is back with a newer certificate", () => {
    const { overlay, seats, victim } = grown(5);
    const { epoch } = victim.machine;
    const foreign = noteOf(victim.certificate, { epoch, metadata: Uint8Array.of(9) });
    overlay.tell(seats[1]!, victim, noteStatement(foreign));
    overlay.run(3000);
    expect(fates(victim)).toEqual(["equivocated"]);
    const others = seats.filter((seat) => seat !== victim);
    expect(others.map(({ machine }) => machine.standing(victim.id))).toEqual(Array(4).fill("equivocated"));
    victim.certificate = overlay.authority.issue(victim.name, { notBefore: 1 });
    overlay.input(victim, () => victim.machine.renew(victim.certificate, overlay.now));
    overlay.run(5000);
    expect(fates(victim)).toEqual(["equivocated", "!equivocated"]);
    expect(others.map(({ machine }) => machine.standing(victim.id))).toEqual(Array(4).fill("live"));
  });
});
