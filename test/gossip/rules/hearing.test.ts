/** Rule R20 of docs/protocol.md: the judge hears the accused. */
import { describe, expect, it, vi } from "vitest";
import { CLOCK_TOLERANCE_MS } from "../../../gossip/clock.js";
import { Testimony } from "../../../gossip/defence/testimony.js";
import { type CertificateFacts, encodePacket, type Output, parseStatement } from "../../../gossip/index.js";
import { BATCHES_MAX } from "../../../gossip/limits.js";
import { Intake } from "../../../gossip/view/intake.js";
import { disabledRings, type MemberId } from "../../../rings/index.js";
import { sha256 } from "../../support/gossip/authority.js";
import { Geometry } from "../../support/gossip/geometry.js";
import { Overlay, type Seat } from "../../support/gossip/overlay.js";
import { Scene } from "../../support/gossip/scene.js";
import { accusationsIn, noteOf, noteStatement, statementsOf } from "../../support/gossip/statements.js";

vi.setConfig({ testTimeout: 60_000 });

interface Stage {
  readonly overlay: Overlay;
  readonly geometry: Geometry;
  readonly victim: Seat;
  /** Directly before the victim on ring 3, and before it. */
  readonly leaver: Seat;
  readonly liar: Seat;
  readonly others: readonly Seat[];
}

function stage(seed = 1): Stage {
  const overlay = new Overlay({ seed });
  const seats = overlay.grow(14);
  overlay.run(5000);
  const geometry = new Geometry(overlay);
  const victim = seats[4]!;
  const [leaver, liar] = geometry.predecessors(3, victim, 2) as [Seat, Seat];
  const others = seats.filter((seat) => ![victim, leaver, liar].includes(seat));
  return { overlay, geometry, victim, leaver, liar, others };
}

/** For these judges the leaver has gone, for the victim it is back. Then the liar accuses, past it. */
function accuseBeforeOnly({ overlay, victim, leaver, liar }: Stage, judges: readonly Seat[]): void {
  const leave = noteStatement(noteOf(leaver.certificate, { epoch: leaver.machine.epoch + 10n, leaving: true }));
  const back = noteStatement(noteOf(leaver.certificate, { epoch: leaver.machine.epoch + 11n }));
  leaver.mute = true;
  overlay.tell(leaver, victim, back);
  for (const judge of judges) overlay.tell(leaver, judge, leave);
  overlay.accuse(liar, victim, 3, judges);
}

function saidBy(accuser: Seat, accused: Seat) {
  return accusationsIn(accuser.machine.statements()).filter((one) => {
    return one.accuser === accuser.id && one.accused === accused.id;
  });
}

/** The kind of a packet's first item. */
const SUMMONS = 10;
const summonsOf = (ring: number, epoch: bigint) => encodePacket([{ kind: "summons", ring, epoch }]);

function call(overlay: Overlay, from: MemberId, to: Seat, packet: Uint8Array): Uint8Array[] {
  let answer = new Uint8Array(0);
  overlay.input(to, () => {
    answer = Uint8Array.from(to.machine.request(from, packet, overlay.now));
  });
  return statementsOf(answer);
}

describe("R20 the judge hears the accused", () => {
  it.each([1, 2, 11])("also when only %i of them see it accused, who hear nobody but the victim", (count) => {
    const on = stage();
    const judges = on.others.slice(0, count);
    // Not a word of others, and no exchange: what a judge knows of the answer, the accused itself has told it.
    on.overlay.passes = (from, to) => {
      const [apart] = [from, to].filter((seat) => judges.includes(seat));
      return apart === undefined || from === on.victim || to === on.victim;
    };
    const { epoch } = on.victim.machine;
    accuseBeforeOnly(on, judges);
    on.overlay.run(on.overlay.settings.removalMs + 100);
    const suspects = judges.filter((judge) =>
      on.overlay.told(judge, "suspected").some(({ member }) => member.id === on.victim.id),
    );
    expect(suspects).toEqual(judges);
    expect(on.victim.machine.epoch).toBeGreaterThan(epoch);
    expect(on.overlay.losersOf(on.victim, judges)).toEqual([]);
    expect(judges.map((judge) => judge.machine.standing(on.victim.id))).toEqual(judges.map(() => "live"));
  });

  it("by calls where no datagram arrives", () => {
    const on = stage();
    const [judge] = on.others as [Seat];
    on.overlay.passes = (from, to, kind) => {
      if (from !== judge && to !== judge) return true;
      return kind === "call" && (from === on.victim || to === on.victim);
    };
    accuseBeforeOnly(on, [judge]);
    on.overlay.run(on.overlay.settings.removalMs + 1000);
    expect(on.overlay.losersOf(on.victim, [judge])).toEqual([]);
  });

  it("while it joins, too: a joiner judges", () => {
    const on = stage();
    const joiner = on.overlay.start("late", ["m0"]);
    on.overlay.passes = (from, to) => ![from, to].includes(joiner) || [from, to].includes(on.victim);
    on.overlay.runUntil(() => joiner.machine.standing(on.victim.id) === "live" || on.overlay.now > 60_000, 70_000);
    on.overlay.passes = () => true;
    on.overlay.runUntil(() => joiner.machine.members().length > 0);
    on.overlay.passes = (from, to) => ![from, to].includes(joiner) || [from, to].includes(on.victim);
    accuseBeforeOnly(on, [joiner]);
    on.overlay.run(on.overlay.settings.removalMs + 1000);
    expect(joiner.machine.standing(on.victim.id)).toBe("live");
  });

  it("two calls begin in time though the first is held until its deadline, and no more than three", () => {
    const on = stage();
    const [judge] = on.others as [Seat];
    const { deltaMs } = on.overlay.settings;
    on.overlay.passes = (from, to) => from !== judge && to !== judge;
    const calls: number[] = [];
    const took = vi.spyOn(judge.machine, "takeOutputs");
    accuseBeforeOnly(on, [judge]);
    const from = on.overlay.now;
    for (let passed = 0; passed < on.overlay.settings.removalMs; passed += 5) {
      on.overlay.run(5);
      const outputs = took.mock.results.splice(0).flatMap(({ value }) => value as Output[]);
      const isSummons = (output: Output) =>
        output.kind === "send" && output.to.id === on.victim.id && output.packet[1] === SUMMONS;
      if (outputs.some(isSummons)) calls.push((on.overlay.now - from) / deltaMs);
    }
    expect(calls.length).toBeGreaterThanOrEqual(2);
    expect(calls.length).toBeLessThanOrEqual(3);
    expect(calls[0]).toBeGreaterThanOrEqual(3 / 4);
    expect(calls[1]).toBeGreaterThanOrEqual(9 / 8);
    expect(calls[1]).toBeLessThanOrEqual(7 / 4 + 0.01);
  });

  it("a summons costs the dead six datagrams at most of each judge", () => {
    const overlay = new Overlay({ seed: 3 });
    const seats = overlay.grow(12);
    overlay.run(5000);
    const [dead, judge] = [seats[3]!, seats[7]!];
    const summoned = vi.spyOn(dead.machine, "summoned");
    dead.machine.summoned = summoned.mockImplementation(() => {});
    dead.mute = true;
    // It hears, and neither answers nor acts.
    overlay.input(dead, () => {});
    dead.paused = true;
    overlay.runUntil(() => judge.machine.standing(dead.id) === "removed");
    overlay.run(1000);
    const waiting = dead.inbox.length;
    expect(waiting).toBeGreaterThan(0);
    dead.paused = false;
    for (const each of dead.inbox.splice(0)) each();
    const judges = seats.length - 1;
    expect(summoned.mock.calls.length).toBeGreaterThanOrEqual(2 * judges);
    expect(summoned.mock.calls.length).toBeLessThanOrEqual(6 * judges);
  });

  it("the answer to a call bears the new note and the certificate, whoever calls", () => {
    const { overlay, victim } = stage();
    const { epoch } = victim.machine;
    const stranger = overlay.authority.issue("nobody has heard of it").id;
    const statements = call(overlay, stranger, victim, summonsOf(2, epoch)).map((bytes) => parseStatement(bytes));
    expect(statements.map((claim) => claim?.kind)).toEqual(["certificate", "note"]);
    expect(statements.map((claim) => (claim?.kind === "note" ? claim.note.epoch : undefined))).toContain(epoch + 1n);
  });

  it("a summons of an earlier epoch is answered with the note that there is, and costs no new one", () => {
    const { overlay, victim, others } = stage();
    const { epoch } = victim.machine;
    const [, note] = call(overlay, others[0]!.id, victim, summonsOf(2, epoch - 1n)).map((bytes) =>
      parseStatement(bytes),
    );
    expect(note?.kind === "note" && note.note.epoch).toBe(epoch);
    overlay.run(5000);
    expect(victim.machine.epoch).toBe(epoch);
  });

  it.each([
    ["an unknown ring", 10],
    ["no ring", 0],
  ])("a summons on %s is none", (_, ring) => {
    const { overlay, victim, others } = stage();
    const { epoch } = victim.machine;
    overlay.input(victim, () => victim.machine.summoned(others[0]!.id, ring, epoch, overlay.now));
    overlay.run(5000);
    expect(victim.machine.epoch).toBe(epoch);
  });

  it("false words of any number of liars cost one note per Delta, and disable no ring", () => {
    const { overlay, geometry, victim } = stage();
    // Those who stand before the victim on t rings, and everybody who stands before it on none.
    const before = geometry.rings.map((ring) => geometry.predecessor(ring, victim));
    const liars = [...overlay.seats.values()].filter((seat) => seat !== victim && !before.slice(4).includes(seat));
    const { epoch } = victim.machine;
    const seconds = 30;
    for (let round = 0; round < 10 * seconds; round++) {
      for (const liar of liars) {
        overlay.input(victim, () => victim.machine.summoned(liar.id, 6, victim.machine.epoch, overlay.now));
      }
      overlay.run(100);
    }
    const notes = Number(victim.machine.epoch - epoch);
    expect(notes).toBeLessThanOrEqual((1000 * seconds) / overlay.settings.deltaMs + 1);
    expect(notes).toBeGreaterThan(5);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([]);
  });

  it("words of those who stand before it on more than t rings disable the ring that they name", () => {
    const { overlay, geometry, victim } = stage();
    const before = new Set(geometry.rings.map((ring) => geometry.predecessor(ring, victim)));
    const { epoch } = victim.machine;
    for (const teller of before) {
      overlay.input(victim, () => victim.machine.summoned(teller.id, 6, epoch, overlay.now));
    }
    overlay.run(overlay.settings.deltaMs / 4);
    expect(victim.machine.epoch).toBe(epoch + 1n);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([6]);
  });

  it("the answer is checked also while liars keep every place among the checks taken", () => {
    const scene = new Scene(3);
    const [subject, liar, me] = scene.members as [CertificateFacts, CertificateFacts, CertificateFacts];
    const noteRate = { burst: 4, refillMs: 1000 };
    const intake = new Intake({
      evidence: scene.evidence,
      sha256,
      me: me.id,
      isHeard: () => true,
      isReturn: () => true,
      noteRate,
    });
    const note = (by: CertificateFacts, epoch: bigint) => noteStatement(noteOf(by, { epoch, ringCount: 3 }));
    for (let batch = 0; batch < BATCHES_MAX + 1; batch++) {
      const from = batch.toString(16).padStart(64, "0") as MemberId;
      intake.submit([note(liar, 2n)], from, true, 0);
    }
    const kinds = (isHearing: boolean) =>
      intake.submit([note(subject, 2n)], subject.id, true, 0, isHearing).map((event) => event.kind);
    expect(kinds(false)).toEqual(["rejected"]);
    expect(kinds(true)).toEqual(["verify"]);
  });

  it("who renews its certificate says its accusations of the dead again", () => {
    const overlay = new Overlay({ seed: 4 });
    const seats = overlay.grow(8);
    overlay.run(5000);
    const dead = seats[3]!;
    dead.down = true;
    const others = seats.filter((seat) => seat !== dead);
    overlay.runUntil(() => others.every((seat) => seat.machine.standing(dead.id) === "removed"));
    overlay.run(5000);
    const accuser = others.find((seat) => saidBy(seat, dead).length > 0)!;
    const renewed = overlay.authority.issue("renewed", {
      id: accuser.id,
      notBefore: accuser.certificate.notBefore + 1,
    });
    overlay.input(accuser, () => accuser.machine.renew(renewed, overlay.now));
    overlay.run(1000);
    expect(new Set(saidBy(accuser, dead).map(({ certificate }) => certificate))).toEqual(new Set([renewed.hash]));
  });

  it("a summons does no harm to a member whose certificate has ended and is forgotten", () => {
    const overlay = new Overlay({ settings: { gossipMs: 20_000, monitorMs: 20_000 } });
    const [other] = Array.from({ length: 6 }, (_, index) => overlay.start(`m${index}`, ["m0"])) as [Seat];
    const notAfter = overlay.now + overlay.wallOffset + 1000;
    const mortal = overlay.start("mortal", ["m0"], { certificate: { notAfter } });
    overlay.run(2 * CLOCK_TOLERANCE_MS + 300_000);
    expect(mortal.machine.certificateOf(mortal.id)).toBeUndefined();
    const before = mortal.machine.epoch;
    for (let round = 0; round < 3; round++) {
      call(overlay, other.id, mortal, summonsOf(2, mortal.machine.epoch));
      overlay.run(2000);
    }
    expect(mortal.machine.epoch).toBeGreaterThan(before);
  });

  it("judges that were told the accused note are sent the next one", () => {
    const { overlay, victim, others } = stage();
    const [judge] = others as [Seat];
    call(overlay, judge.id, victim, summonsOf(2, victim.machine.epoch));
    const { epoch } = victim.machine;
    // Its pace allows none now.
    const [, note] = call(overlay, judge.id, victim, summonsOf(2, epoch)).map((bytes) => parseStatement(bytes));
    expect(note?.kind === "note" && note.note.epoch).toBe(epoch);
    overlay.passes = (from, to) => to !== judge || from === victim;
    const calls = vi.spyOn(judge.machine, "request");
    overlay.run(overlay.settings.deltaMs + 100);
    const pushed = calls.mock.calls
      .filter(([from]) => from === victim.id)
      .flatMap(([, packet]) => statementsOf(packet));
    const epochs = pushed
      .map((bytes) => parseStatement(bytes))
      .map((claim) => claim?.kind === "note" && claim.note.epoch);
    expect(epochs).toContain(epoch + 1n);
  });
});

describe("testimony", () => {
  const id = (byte: number) => byte.toString(16).padStart(2, "0").repeat(32) as MemberId;
  it("is proven on more than t rings, whoever stands there, and each teller is asked once", () => {
    const testimony = new Testimony();
    const asked = vi.fn(() => [1, 2]);
    testimony.hear(id(1), 5, asked);
    testimony.hear(id(1), 6, asked);
    expect(asked).toHaveBeenCalledTimes(1);
    expect(testimony.proven(2)).toEqual([]);
    testimony.hear(id(2), 5, () => [2]);
    expect(testimony.proven(2)).toEqual([]);
    testimony.hear(id(3), 5, () => [3]);
    expect(testimony.proven(2)).toEqual([5]);
    testimony.clear();
    expect(testimony.proven(0)).toEqual([]);
  });
});
