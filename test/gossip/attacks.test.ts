/**
 * Byzantine members against correct ones. An attacker is a seat whose own machine behaves while the test speaks in its
 * name: it signs what it likes and hands it to everybody first hand. No correct member may lose a correct one.
 */
import { describe, expect, it, vi } from "vitest";
import { encodePacket } from "../../gossip/index.js";
import { PARTNER_PACKETS_BURST, PARTNER_PACKETS_PER_INTERVAL } from "../../gossip/limits.js";
import { disabledRings, fullMask } from "../../rings/index.js";
import { Geometry } from "../support/gossip/geometry.js";
import { Overlay, type Seat } from "../support/gossip/overlay.js";
import {
  accusationOf,
  accusationStatement,
  certificateStatement,
  noteOf,
  noteStatement,
} from "../support/gossip/statements.js";

/** Calls `act` now and each `everyMs` of virtual time. */
function repeat(overlay: Overlay, totalMs: number, everyMs: number, act: () => void): void {
  for (let passed = 0; passed < totalMs; passed += everyMs) {
    act();
    overlay.run(everyMs);
  }
}

function expectNobodyLost(overlay: Overlay, victim: Seat, correct: readonly Seat[]): void {
  expect(overlay.losersOf(victim, correct)).toEqual([]);
  expect(correct.filter((seat) => seat !== victim && !seat.machine.member(victim.id))).toEqual([]);
}

vi.setConfig({ testTimeout: 120_000 });

describe("a false accusation", () => {
  it("by a direct predecessor is answered within a second, and the ring disabled", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(10);
    overlay.run(5000);
    const victim = seats[4]!;
    const liar = new Geometry(overlay).predecessor(3, victim);
    const epoch = victim.machine.epoch;
    overlay.accuse(liar, victim, 3);
    expect(overlay.runUntil(() => victim.machine.epoch > epoch)).toBeLessThan(1000);
    overlay.run(1000);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([3]);
    expect(victim.machine.epoch).toBe(epoch + 1n);
    const others = seats.filter((seat) => seat !== victim && seat !== liar);
    expect(others.every((seat) => overlay.told(seat, "suspected").length === 1)).toBe(true);
    expect(others.every((seat) => overlay.told(seat, "rebutted").length === 1)).toBe(true);
    overlay.run(10_000);
    expectNobodyLost(overlay, victim, seats);
  });

  it("told to everybody but the accused reaches it in time all the same", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(10);
    overlay.run(5000);
    const victim = seats[4]!;
    const liar = new Geometry(overlay).predecessor(2, victim);
    overlay.accuse(liar, victim, 2, seats.filter((seat) => seat !== victim && seat !== liar).slice(0, 1));
    overlay.run(10_000);
    expectNobodyLost(overlay, victim, seats);
    expect(overlay.told(seats[0]!, "suspected").length + overlay.told(seats[1]!, "suspected").length).toBeGreaterThan(
      0,
    );
  });

  it("of one who waits for its return is answered as any other (R13)", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(10);
    overlay.run(5000);
    const victim = seats[4]!;
    let isCut = true;
    overlay.passes = (from, to) => !isCut || (from !== victim && to !== victim);
    overlay.run(20_000);
    isCut = false;
    overlay.runUntil(() => overlay.isWhole());
    isCut = true;
    overlay.run(20_000);
    isCut = false;
    const others = seats.filter((seat) => seat !== victim);
    const isWaiting = () => others.every((seat) => seat.machine.standing(victim.id) === "waiting");
    overlay.runUntil(isWaiting);
    const liar = new Geometry(overlay).predecessor(3, victim);
    const correct = others.filter((seat) => seat !== liar);
    const back = overlay.now + 35_000;
    repeat(overlay, 25_000, 1000, () => {
      overlay.accuse(liar, victim, 3, correct);
      overlay.run(100);
      expect(correct.filter((seat) => seat.machine.standing(victim.id) === "removed")).toEqual([]);
    });
    overlay.runUntil(() => overlay.isWhole());
    expect(overlay.now).toBeLessThan(back);
  });

  it("is answered also when its author is gone", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(10);
    overlay.run(5000);
    const victim = seats[4]!;
    const geometry = new Geometry(overlay);
    const liar = geometry.predecessor(3, victim);
    liar.down = true;
    overlay.runUntil(() => overlay.isWhole());
    const correct = overlay.up();
    repeat(overlay, 30_000, 1000, () => {
      overlay.accuse(liar, victim, geometry.rings, correct);
    });
    expectNobodyLost(overlay, victim, correct);
  });

  it("is answered also when its author stands accused for all others", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(12);
    overlay.run(5000);
    const victim = seats[4]!;
    const geometry = new Geometry(overlay);
    const [near, far] = geometry.predecessors(3, victim, 2) as [Seat, Seat];
    const correct = seats.filter((seat) => seat !== near && seat !== far);
    // Both are silent: accused first, gone later, and accusing all the time.
    near.mute = true;
    far.mute = true;
    overlay.passes = (_, to) => to !== near && to !== far;
    repeat(overlay, 20_000, 500, () => {
      overlay.accuse(near, victim, geometry.rings, correct);
      overlay.accuse(far, victim, geometry.rings, correct);
    });
    expectNobodyLost(overlay, victim, correct);
  });

  it("by a stranger that comes to stand when its accomplice dies is answered then", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(12);
    overlay.run(5000);
    const victim = seats[4]!;
    const [accomplice, liar] = new Geometry(overlay).predecessors(3, victim, 2) as [Seat, Seat];
    const correct = seats.filter((seat) => seat !== accomplice && seat !== liar);
    // The liar is no predecessor while its accomplice lives; then the accomplice dies, and what it said becomes valid.
    repeat(overlay, 12_000, 1000, () => overlay.accuse(liar, victim, 3, correct));
    accomplice.down = true;
    repeat(overlay, 30_000, 1000, () => overlay.accuse(liar, victim, 3, correct));
    expectNobodyLost(overlay, victim, correct);
  });

  it("by colluders who stand before one victim on t rings, after each of its answers, costs at most t of them", () => {
    const overlay = new Overlay({ ringCount: 9, seed: 3 });
    const seats = overlay.grow(26);
    overlay.run(8000);
    const geometry = new Geometry(overlay);
    const victim = seats[7]!;
    const liars: Seat[] = [];
    for (const ring of geometry.rings) {
      const more = [...new Set([...liars, geometry.predecessor(ring, victim)])];
      if (geometry.ringsHeldBy(more, victim).length <= 4) liars.splice(0, liars.length, ...more);
    }
    const held = geometry.ringsHeldBy(liars, victim);
    expect(held.length).toBe(4);
    const correct = seats.filter((seat) => !liars.includes(seat));
    const epoch = victim.machine.epoch;
    repeat(overlay, 14_000, 250, () => {
      for (const liar of liars) overlay.accuse(liar, victim, held, correct);
    });
    expectNobodyLost(overlay, victim, correct);
    expect(disabledRings(victim.machine.mask, 9)).toEqual(held);
    // On rings where the others are strangers each costs a note per Delta at most.
    expect(Number(victim.machine.epoch - epoch)).toBeLessThanOrEqual(4 + 14_000 / overlay.settings.deltaMs);
  });
});

describe("a partner", () => {
  it("that always has more to say is called no oftener than it may call", () => {
    const overlay = new Overlay({ seed: 7 });
    const seats = overlay.grow(8);
    overlay.run(5000);
    const [liar, ...correct] = seats as [Seat, ...Seat[]];
    const more = encodePacket([{ kind: "more" }]);
    let calls = 0;
    vi.spyOn(liar.machine, "request").mockImplementation(() => {
      calls += 1;
      return more;
    });
    const seconds = 20;
    overlay.run(1000 * seconds);
    const most = PARTNER_PACKETS_BURST + PARTNER_PACKETS_PER_INTERVAL * seconds + 3 * seconds;
    expect(calls).toBeGreaterThan(correct.length);
    expect(calls).toBeLessThanOrEqual(correct.length * most);
  });
});

describe("strangers", () => {
  it("who make a member spin its epoch do not make its answer to a predecessor late", () => {
    const overlay = new Overlay({ ringCount: 5, seed: 5 });
    const seats = overlay.grow(22);
    overlay.run(8000);
    const geometry = new Geometry(overlay);
    const victim = seats[11]!;
    const liars = [1, 2].map((ring) => geometry.predecessor(ring, victim));
    const others = seats.filter((seat) => seat !== victim && !liars.includes(seat));
    const strangers = others.slice(0, 12);
    const correct = others.slice(12);
    let rounds = 0;
    repeat(overlay, 25_000, 100, () => {
      rounds += 1;
      const gone = encodePacket([{ kind: "gone", epoch: victim.machine.epoch }]);
      const one = strangers[rounds % strangers.length]!;
      overlay.input(victim, () => victim.machine.request(one.id, gone, overlay.now));
      if (rounds > 100 && rounds % 3 === 0)
        for (const liar of liars) overlay.accuse(liar, victim, liar === liars[0] ? 1 : 2, correct);
    });
    expectNobodyLost(overlay, victim, correct);
  });

  it("who forge notes of a busy member do not keep its own notes out", () => {
    const overlay = new Overlay({ seed: 6 });
    const seats = overlay.grow(12);
    overlay.run(5000);
    const geometry = new Geometry(overlay);
    const victim = seats[5]!;
    const liar = geometry.predecessor(1, victim);
    const correct = seats.filter((seat) => seat !== liar && seat !== victim);
    const forged = noteOf(victim.certificate, { epoch: 2n ** 62n });
    const statement = noteStatement({ ...forged, signature: new Uint8Array(64) });
    // The victim is busy: its metadata changes all the time, so that the others have no budget left for its notes.
    let count = 0;
    repeat(overlay, 20_000, 200, () => {
      count += 1;
      if (count % 2 === 0) {
        const metadata = Uint8Array.of(count & 255);
        overlay.input(victim, () => victim.machine.describe({ metadata }, overlay.now));
      }
      for (const seat of correct) overlay.tell(liar, seat, statement);
      overlay.accuse(liar, victim, 1, correct);
    });
    expectNobodyLost(overlay, victim, correct);
  });

  it("who lie go unheard for a while, and honest ones do not", () => {
    const overlay = new Overlay();
    const [seat, liar, honest] = overlay.grow(5) as [Seat, Seat, Seat];
    overlay.run(5000);
    const lies = Array.from({ length: 200 }, (_, index) => {
      return certificateStatement({ ...liar.certificate, leaf: new Uint8Array(100).fill(index) });
    });
    overlay.tell(liar, seat, ...lies);
    overlay.run(10);
    const refused = encodePacket([{ kind: "refused", reason: "busy" }]);
    expect(overlay.tell(liar, seat)).toEqual(refused);
    overlay.run(5000);
    expect(overlay.tell(liar, seat)).toEqual(refused);
    expect(overlay.tell(honest, seat)).not.toEqual(refused);
    overlay.run(6000);
    expect(overlay.tell(liar, seat)).not.toEqual(refused);
  });
});

describe("a storm of lies", () => {
  it.each([2])(
    "by a sixth of the members, in and out of the view themselves, costs no correct one (seed %i)",
    (seed) => {
      const overlay = new Overlay({ ringCount: 15, seed });
      const seats = overlay.grow(18);
      overlay.run(8000);
      const geometry = new Geometry(overlay);
      const liars = seats.slice(0, 3);
      const correct = seats.slice(3);
      // Nobody is promised anything with more than t liars directly before it.
      const exposed = correct.filter((seat) => geometry.ringsHeldBy(liars, seat).length > 7);
      expect(exposed).toEqual([]);
      const silent = new Set<Seat>();
      overlay.passes = (_, to) => !silent.has(to);
      const one = <T>(from: readonly T[]) => from[Math.floor(overlay.chance() * from.length)]!;
      repeat(overlay, 15_000, 500, () => {
        const turning = one(liars);
        if (overlay.chance() < 0.2 && !silent.delete(turning)) silent.add(turning);
        for (const liar of liars) {
          const victim = overlay.chance() < 0.2 ? one(liars) : one(correct);
          const rings = geometry.rings.filter((ring) => geometry.predecessors(ring, victim, 3).includes(liar));
          overlay.accuse(liar, victim, rings, overlay.chance() < 0.5 ? correct : [one(correct), one(correct)]);
        }
      });
      for (const seat of correct) expect(overlay.losersOf(seat, correct)).toEqual([]);
    },
  );
});

describe("statements that no correct member would make", () => {
  it("change nothing anywhere: stale and future epochs, unknown rings, self-accusations, wrong masks", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(8);
    overlay.run(5000);
    const victim = seats[3]!;
    const liar = new Geometry(overlay).predecessor(1, victim);
    const { epoch } = victim.machine;
    const lies = [
      ...[epoch - 1n, epoch + 1n, 2n ** 64n - 1n, 0n].map((at) => accusationOf(liar.certificate, victim.id, 1, at)),
      ...[0, 10, 65535].map((ring) => accusationOf(liar.certificate, victim.id, ring, epoch)),
      accusationOf(liar.certificate, liar.id, 1, liar.machine.epoch),
    ].map(accusationStatement);
    const notes = [
      { epoch: 2n ** 63n },
      { epoch: 2n ** 64n - 1n },
      { epoch: 0n },
      { epoch: 2n ** 61n, mask: new Uint8Array([0xf0, 0x00]) },
      { epoch: 2n ** 61n, mask: new Uint8Array([0xff, 0xff]) },
      { epoch: 2n ** 61n, mask: new Uint8Array([0xff]) },
    ].map((options) => noteStatement(noteOf(liar.certificate, options)));
    const roots = seats.map((seat) => seat.machine.fingerprint());
    for (const seat of seats) for (const lie of [...lies, ...notes]) overlay.tell(liar, seat, lie);
    overlay.run(100);
    expect(seats.map((seat) => seat.machine.fingerprint())).toEqual(roots);
    expect(victim.machine.epoch).toBe(epoch);
    expect(victim.machine.mask).toEqual(fullMask(9));
    expect(seats.flatMap((seat) => overlay.told(seat, "suspected"))).toEqual([]);
  });
});
