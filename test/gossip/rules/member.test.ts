/** Rules R9 to R19 of docs/protocol.md: what a member does. */
import { describe, expect, it, vi } from "vitest";
import { CLOCK_TOLERANCE_MS } from "../../../gossip/clock.js";
import {
  type CertificateFacts,
  encodePacket,
  parseAccusation,
  parseNote,
  parsePacket,
  parseStatement,
} from "../../../gossip/index.js";
import { EPOCH_BLOCK, STRANGER_BYTES_PER_INTERVAL } from "../../../gossip/limits.js";
import { recordDigest } from "../../../gossip/records/statement.js";
import { Intake, type Intaken } from "../../../gossip/view/intake.js";
import { RETURN_SOON_MS, RETURN_WINDOW_MS } from "../../../gossip/view/judgement.js";
import { disabledRings, type MemberId, toHex } from "../../../rings/index.js";
import { sha256 } from "../../support/gossip/authority.js";
import { Geometry } from "../../support/gossip/geometry.js";
import { Overlay, type Seat } from "../../support/gossip/overlay.js";
import { DELTA, Scene } from "../../support/gossip/scene.js";
import {
  accusationOf,
  accusationStatement,
  accusationsIn,
  certificateStatement,
  checked,
  equivocationStatement,
  noteOf,
  noteStatement,
  revocationStatement,
  revocationsOf,
  statementsOf,
} from "../../support/gossip/statements.js";

vi.setConfig({ testTimeout: 60_000 });

function grown(count: number, seed = 1): { overlay: Overlay; seats: Seat[]; geometry: Geometry } {
  const overlay = new Overlay({ seed });
  const seats = overlay.grow(count);
  overlay.run(5000);
  return { overlay, seats, geometry: new Geometry(overlay) };
}

describe("R9 Rebuttal", () => {
  it("is epoch + 1 with the ring of a direct predecessor disabled", () => {
    const { overlay, seats, geometry } = grown(8);
    const victim = seats[2]!;
    const { epoch } = victim.machine;
    overlay.accuse(geometry.predecessor(4, victim), victim, 4, [victim]);
    overlay.run(1000);
    expect(victim.machine.epoch).toBe(epoch + 1n);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([4]);
  });

  it("answers a stranger too, without disabling a ring, at most once per Delta", () => {
    const { overlay, seats, geometry } = grown(10);
    const victim = seats[2]!;
    const stranger = geometry.predecessors(4, victim, 5)[4]!;
    const { epoch } = victim.machine;
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      overlay.accuse(stranger, victim, 4, [victim]);
      overlay.run(500);
    }
    const answers = Number(victim.machine.epoch - epoch);
    expect(answers).toBeGreaterThan(4);
    expect(answers).toBeLessThanOrEqual(1 + (rounds * 500) / overlay.settings.deltaMs);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([]);
  });

  it("comes at most once per Delta / 2, and answers all that came meanwhile", () => {
    const { overlay, seats, geometry } = grown(10);
    const victim = seats[2]!;
    const { epoch } = victim.machine;
    overlay.accuse(geometry.predecessor(1, victim), victim, 1, [victim]);
    overlay.run(50);
    expect(victim.machine.epoch).toBe(epoch + 1n);
    const liars = [2, 3, 4].map((ring) => [geometry.predecessor(ring, victim), ring] as const);
    for (const [liar, ring] of liars) overlay.accuse(liar, victim, ring, [victim]);
    overlay.run(overlay.settings.deltaMs / 2 - 60);
    expect(victim.machine.epoch).toBe(epoch + 1n);
    overlay.run(60);
    expect(victim.machine.epoch).toBe(epoch + 2n);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([1, 2, 3, 4]);
  });

  it("with t rings disabled frees the oldest for a new one", () => {
    const { overlay, seats, geometry } = grown(20);
    const victim = seats[2]!;
    for (const ring of [5, 1, 2, 3, 4]) {
      overlay.accuse(geometry.predecessor(ring, victim), victim, ring, [victim]);
      overlay.run(1000);
    }
    expect(disabledRings(victim.machine.mask, 9)).toEqual([1, 2, 3, 4]);
  });

  it("is not given for an accusation of another epoch, nor on a disabled ring", () => {
    const { overlay, seats, geometry } = grown(8);
    const victim = seats[2]!;
    const liar = geometry.predecessor(4, victim);
    overlay.accuse(liar, victim, 4, [victim]);
    overlay.run(1000);
    const { epoch } = victim.machine;
    overlay.accuse(liar, victim, 4, [victim]);
    overlay.accuse(liar, victim, 5, [victim], epoch - 1n);
    overlay.accuse(liar, victim, 5, [victim], epoch + 1n);
    overlay.run(5000);
    expect(victim.machine.epoch).toBe(epoch);
  });

  it("is pushed to the neighbours on all rings at once, and again until 2 Delta have passed", () => {
    const { overlay, seats, geometry } = grown(8);
    const victim = seats[2]!;
    const before = victim.calls;
    overlay.accuse(geometry.predecessor(4, victim), victim, 4, [victim]);
    overlay.run(30);
    const atOnce = victim.calls - before;
    expect(atOnce).toBeGreaterThanOrEqual(7);
    overlay.run(2 * overlay.settings.deltaMs);
    expect(victim.calls - before - atOnce).toBeGreaterThanOrEqual(7);
  });

  it("is pushed every Delta / 2 to neighbours that do not answer", () => {
    const { overlay, seats, geometry } = grown(8);
    const victim = seats[2]!;
    overlay.accuse(geometry.predecessor(4, victim), victim, 4, [victim]);
    overlay.passes = (from, _, kind) => kind !== "call" || from !== victim;
    const before = victim.calls;
    overlay.run(2 * overlay.settings.deltaMs);
    expect(victim.calls - before).toBeGreaterThanOrEqual(3 * 7);
  });

  it("the accuser sends its accusation to the accused as well, at once", () => {
    const { overlay, seats } = grown(12);
    const victim = seats[2]!;
    const called: Seat[] = [];
    overlay.passes = (from, to, kind) => {
      if (kind === "call" && to === victim) called.push(from);
      return to !== victim;
    };
    const accuses = (seat: Seat) => seat.signed.some(({ body }) => parseAccusation(body)?.accused === victim.id);
    const accuser = () => seats.find(accuses);
    overlay.runUntil(() => {
      if (!accuser()) called.length = 0;
      return accuser() !== undefined;
    });
    expect(called).toContain(accuser());
  });

  it("takes for a predecessor whom another clock may: past one whose certificate ends within minutes", () => {
    const scene = new Scene(0);
    const end = 10_000_000;
    for (let index = 0; index < 12; index++) {
      const certificate = scene.authority.issue(`e${index}`, { notAfter: index === 3 ? end : 1e15 });
      scene.members.push(certificate);
      scene.evidence.admitCertificate(checked(certificate));
      scene.note(certificate, {});
    }
    const [mortal, liar] = [scene.members[3]!, scene.before(1, scene.members[3]!)[0]!];
    const victim = scene.of(scene.evidence.rings.successor(1, mortal.id, () => false)!);
    const direction = { ring: 1, accuser: liar.id, accused: victim.id };
    scene.judgement.update(0, end - CLOCK_TOLERANCE_MS - 1);
    expect(scene.judgement.mayStand(direction)).toBe(false);
    scene.judgement.update(0, end - CLOCK_TOLERANCE_MS + 1);
    expect(scene.judgement.mayStand(direction)).toBe(true);
    expect(scene.judgement.standing(mortal.id)).toBe("live");
  });

  it("disables the ring of a stranger that comes to stand before its answer is due", () => {
    const { overlay, seats, geometry } = grown(12);
    const victim = seats[4]!;
    const [between, liar] = geometry.predecessors(3, victim, 2) as [Seat, Seat];
    overlay.accuse(liar, victim, 3, [victim]);
    overlay.run(1000);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([]);
    const { epoch } = victim.machine;
    overlay.accuse(liar, victim, 3, [victim]);
    overlay.accuse(geometry.predecessor(5, between), between, 5, [victim]);
    overlay.run(1000);
    expect(victim.machine.epoch).toBe(epoch + 1n);
    expect(disabledRings(victim.machine.mask, 9)).toEqual([3]);
  });
});

describe("R10 Epochs", () => {
  it("start at the wall clock, or above the saved mark", () => {
    const overlay = new Overlay();
    const seat = overlay.start("m0");
    expect(seat.machine.epoch).toBe(BigInt(overlay.now + overlay.wallOffset));
    expect(seat.savedMark).toBe(seat.machine.epoch + EPOCH_BLOCK);
    overlay.wallOffset -= 3_600_000;
    overlay.start("m0", [], { keepState: true });
    expect(seat.machine.epoch).toBe(seat.savedMark - EPOCH_BLOCK);
    expect(seat.machine.epoch).toBeGreaterThan(BigInt(overlay.now + overlay.wallOffset + 3_600_000));
  });

  it("go above a note of my own key that I did not write in this life", () => {
    const { overlay, seats } = grown(5);
    const victim = seats[2]!;
    const old = noteOf(victim.certificate, { epoch: victim.machine.epoch + 1_000_000n });
    overlay.tell(seats[1]!, victim, noteStatement(old));
    overlay.tell(seats[3]!, victim, noteStatement(old));
    overlay.run(2000);
    expect(victim.machine.epoch).toBe(old.epoch + 1n);
    expect(overlay.told(victim, "alarm")).toEqual([]);
  });

  it("above another body at my own epoch too, though then the proof is out", () => {
    const { overlay, seats } = grown(5);
    const victim = seats[2]!;
    const { epoch } = victim.machine;
    overlay.tell(seats[1]!, victim, noteStatement(noteOf(victim.certificate, { epoch, metadata: Uint8Array.of(9) })));
    overlay.run(2000);
    expect(victim.machine.epoch).toBe(epoch + 1n);
  });

  it("raise an alarm when my identity is in use elsewhere", () => {
    const { overlay, seats } = grown(5);
    const victim = seats[2]!;
    for (let round = 0; round < 2; round++) {
      const note = noteOf(victim.certificate, { epoch: victim.machine.epoch + 5n });
      overlay.tell(seats[1]!, victim, noteStatement(note));
      overlay.run(2000);
    }
    expect(overlay.told(victim, "alarm").map((told) => told.what)).toEqual(["identity-in-use"]);
  });

  it("never repeat among the notes that a member signs", () => {
    const { overlay, seats, geometry } = grown(6);
    const victim = seats[2]!;
    for (let life = 0; life < 3; life++) {
      for (const ring of [1, 2, 3]) overlay.accuse(geometry.predecessor(ring, victim), victim, ring);
      overlay.run(1500);
      victim.down = true;
      overlay.run(1500);
      overlay.wallOffset -= 10_000;
      overlay.start("m2", ["m0"], { keepState: true });
      overlay.run(1500);
    }
    const epochs = victim.signed.filter(({ type }) => type === "note").map(({ body }) => parseNote(body)!.epoch);
    expect(epochs.length).toBeGreaterThan(5);
    expect(epochs.every((epoch, index) => index === 0 || epoch > epochs[index - 1]!)).toBe(true);
  });
});

/** An intake over a scene's evidence that admits so many notes of one member at once, and one more each second. */
function intakeOver(scene: Scene, burst: number) {
  const intake = new Intake({
    evidence: scene.evidence,
    sha256,
    me: scene.members[2]!.id,
    isHeard: () => true,
    isReturn: () => true,
    noteRate: { burst, refillMs: 1000 },
  });
  /** One statement, and the verdicts on it. */
  const submit = (bytes: Uint8Array, now: number): Intaken[] => {
    const done = intake.submit([bytes], scene.members[1]!.id, true, now);
    const asked = done.find((event) => event.kind === "verify");
    if (asked?.kind !== "verify") return done;
    const verdicts = asked.checks.map((check) => scene.authority.check(check));
    return [...done, ...intake.verified(asked.batch, verdicts, now)];
  };
  return { intake, submit };
}

describe("R11 Note budget per subject", () => {
  const scene = new Scene(3);
  const { intake, submit } = intakeOver(scene, 3);
  const subject = scene.members[0]!;
  const note = (epoch: number, signature?: Uint8Array) => {
    const signed = noteOf(subject, { epoch: BigInt(epoch), ringCount: 3 });
    return noteStatement(signature ? { ...signed, signature } : signed);
  };
  const held = () => Number(scene.evidence.note(subject.id)?.note.epoch);

  it("admits a burst, then parks, and of those that wait the newest supersedes", () => {
    for (const epoch of [2, 3, 4]) submit(note(epoch), 0);
    expect(held()).toBe(4);
    expect(submit(note(5), 0)).toContainEqual({ kind: "parked", what: "note", id: subject.id, until: 1000 });
    submit(note(7), 100);
    submit(note(6), 200);
    expect(held()).toBe(4);
    expect(intake.unpark("note", subject.id, 1000).map((event) => event.kind)).toEqual(["admitted"]);
    expect(held()).toBe(7);
  });

  it("lets no forged note wait in the place of a real one", () => {
    expect(held()).toBe(7);
    submit(note(1000, new Uint8Array(64)), 1100);
    submit(note(8), 1100);
    submit(note(1001, new Uint8Array(64)), 1200);
    intake.unpark("note", subject.id, 2000);
    expect(held()).toBe(8);
  });

  it("does not check more than a few that must wait", () => {
    const reasons: string[] = [];
    for (let epoch = 100; epoch < 130; epoch++) {
      for (const event of submit(note(epoch), 2000)) if (event.kind === "rejected") reasons.push(event.reason);
    }
    expect(reasons.length).toBeGreaterThan(20);
    expect(new Set(reasons)).toEqual(new Set(["note-budget"]));
  });
});

describe("R11 and R12: what waits for no budget", () => {
  /** The subject with an older and a newer certificate; an intake that admits one note or proof at once. */
  const stage = () => {
    const scene = new Scene(3);
    const subject = scene.members[0]!;
    const newer = scene.authority.issue("newer", { id: subject.id, notBefore: subject.notBefore + 1 });
    scene.evidence.admitCertificate(checked(newer));
    const { submit } = intakeOver(scene, 1);
    const kinds = (bytes: Uint8Array) =>
      submit(bytes, 0).map((event) => (event.kind === "rejected" ? event.reason : event.kind));
    return { scene, subject, newer, kinds };
  };
  const note = (by: CertificateFacts, epoch: bigint, leaving = false) =>
    noteStatement(noteOf(by, { epoch, leaving, ringCount: 3 }));
  const proof = (by: CertificateFacts, epoch: bigint) => {
    const [one, other] = [1, 2].map((byte) => noteOf(by, { epoch, ringCount: 3, metadata: Uint8Array.of(byte) }));
    return equivocationStatement(one!, other!);
  };

  it("a farewell is admitted at once; the next one only after a note that had to wait", () => {
    const { scene, subject, kinds } = stage();
    expect(kinds(note(subject, 2n))).toEqual(["verify", "admitted"]);
    expect(kinds(note(subject, 3n))).toEqual(["verify", "parked"]);
    expect(kinds(note(subject, 4n, true))).toEqual(["verify", "admitted"]);
    expect(scene.standing(subject, 0)).toBe("left");
    expect(kinds(note(subject, 5n, true))).toEqual(["verify", "parked"]);
    expect(kinds(note(subject, 6n))).toEqual(["verify", "parked"]);
  });

  it("an old farewell is counted as a return and passed on, once, and changes nothing that is held", () => {
    const { scene, subject, kinds } = stage();
    kinds(note(subject, 10n));
    const root = scene.evidence.tree.root();
    expect(kinds(note(subject, 5n, true))).toEqual(["verify", "admitted"]);
    expect(kinds(note(subject, 5n, true))).toEqual(["duplicate"]);
    expect(kinds(note(subject, 4n, true))).toEqual(["stale"]);
    expect(kinds(note(subject, 6n))).toEqual(["stale"]);
    // At the rate of its notes.
    expect(kinds(note(subject, 7n, true))).toEqual(["note-budget"]);
    expect(scene.evidence.farewells.epochOf(subject.id)).toBe(5n);
    expect(scene.evidence.tree.root()).toEqual(root);
    expect(scene.standing(subject, 0)).toBe("live");
  });

  it("a proof that silences a newer certificate is admitted at once, ever better ones about the older are not", () => {
    const { scene, subject, newer, kinds } = stage();
    kinds(note(newer, 2n));
    expect(kinds(proof(subject, 1000n))).toEqual(["verify", "admitted"]);
    expect(kinds(proof(subject, 999n))).toEqual(["proof-budget"]);
    expect(scene.standing(subject, 0)).toBe("live");
    expect(kinds(proof(newer, 1001n))).toEqual(["verify", "admitted"]);
    expect(scene.standing(subject, 0)).toBe("equivocated");
    expect(kinds(proof(newer, 900n))).toEqual(["proof-budget"]);
  });
});

describe("R12 Equivocation", () => {
  it("silences everywhere whoever signed two notes of one epoch, until it has a new certificate", () => {
    const { overlay, seats } = grown(8);
    const [cheat, ...others] = [seats[3]!, ...seats.filter((seat) => seat !== seats[3])] as [Seat, ...Seat[]];
    const epoch = cheat.machine.epoch + 1n;
    const pair = [1, 2].map((byte) => noteOf(cheat.certificate, { epoch, metadata: Uint8Array.of(byte) }));
    overlay.tell(cheat, others[0]!, noteStatement(pair[0]!));
    overlay.tell(cheat, others[5]!, noteStatement(pair[1]!));
    overlay.run(2 * overlay.settings.deltaMs);
    expect(others.map((seat) => seat.machine.standing(cheat.id))).toEqual(Array(7).fill("equivocated"));
    expect(others.map((seat) => overlay.told(seat, "failed").map((told) => told.reason))).toEqual(
      Array(7).fill(["equivocated"]),
    );
    overlay.run(5000);
    expect(overlay.told(cheat, "isolated").map((told) => told.reason)).toContain("equivocated");
    // A new certificate of the authority frees it.
    cheat.down = true;
    overlay.start(cheat.name, ["m0"], { certificate: { notBefore: 1 } });
    expect(overlay.runUntil(() => overlay.isWhole())).toBeLessThan(5000);
  });

  it("takes a proof as such from anyone", () => {
    const scene = new Scene(2);
    const cheat = scene.members[0]!;
    const pair = [1, 2, 3].map((byte) => noteOf(cheat, { epoch: 9n, ringCount: 3, metadata: Uint8Array.of(byte) }));
    scene.evidence.admitEquivocation([pair[0]!, pair[1]!]);
    expect(scene.standing(cheat, 0)).toBe("equivocated");
    const claim = parseStatement(equivocationStatement(pair[0]!, pair[0]!));
    expect(claim?.kind === "equivocation" && scene.evidence.equivocationProblem(claim.pair)).toBe("duplicate");
    const innocent = new Scene(2);
    const same = noteOf(innocent.members[0]!, { epoch: 9n, ringCount: 3 });
    const older = noteOf(innocent.members[0]!, { epoch: 8n, ringCount: 3 });
    expect(innocent.evidence.equivocationProblem([same, same])).toBe("no-contradiction");
    expect(innocent.evidence.equivocationProblem([same, older])).toBe("no-contradiction");
  });
});

describe("R13 Return from leaving", () => {
  const stage = () => {
    const scene = new Scene(4);
    const target = scene.members[0]!;
    const clock = { now: 0, epoch: 100n };
    const hear = (epoch: bigint, leaving: boolean) => {
      scene.note(target, { epoch, leaving });
      scene.judgement.noteAdmitted(target.id, clock.now);
      return scene.standing(target, clock.now);
    };
    const say = (leaving: boolean) => {
      clock.epoch += 1n;
      return hear(clock.epoch, leaving);
    };
    /** Heard of long enough ago. */
    hear(clock.epoch, false);
    clock.now = 5 * DELTA;
    say(false);
    return { scene, target, clock, hear, say };
  };

  it("is free four times in a row, then waits as a return from removals does, for longer each time", () => {
    const { scene, target, clock, say } = stage();
    for (let round = 0; round < 4; round++) expect([say(true), say(false)]).toEqual(["left", "live"]);
    expect([say(true), say(false)]).toEqual(["left", "waiting"]);
    clock.now += 19 * DELTA;
    // What it says while it waits begins the wait anew, and makes it no longer.
    expect([say(true), say(false)]).toEqual(["left", "waiting"]);
    clock.now += 20 * DELTA - 1;
    expect(scene.standing(target, clock.now)).toBe("waiting");
    clock.now += 1;
    expect(scene.standing(target, clock.now)).toBe("live");
    expect([say(true), say(false)]).toEqual(["left", "waiting"]);
    clock.now += 40 * DELTA - 1;
    expect(scene.standing(target, clock.now)).toBe("waiting");
  });

  it("is always free for a service that is there for more than two minutes each time", () => {
    const { clock, say } = stage();
    for (let round = 0; round < 20; round++) {
      clock.now += RETURN_SOON_MS + 1;
      expect([say(true), say(false)]).toEqual(["left", "live"]);
    }
  });

  it.each([
    ["a newcomer", 1 * DELTA],
    ["one that was cut off for long", RETURN_SOON_MS + 1],
  ])("is not counted from farewells of the past that a liar tells %s", (_, pause) => {
    const scene = new Scene(4);
    const target = scene.members[0]!;
    let now = 0;
    const admit = (epoch: bigint) => {
      scene.note(target, { epoch });
      scene.judgement.noteAdmitted(target.id, now);
    };
    // An old note first, then the present one; and between them all the farewells that it ever said.
    admit(10n);
    now += pause;
    admit(1000n);
    for (let epoch = 100n; epoch < 110n; epoch++) expect(scene.judgement.isReturn(target.id, epoch)).toBe(false);
    now += 10 * DELTA;
    admit(1001n);
    for (let epoch = 100n; epoch < 110n; epoch++) expect(scene.judgement.isReturn(target.id, epoch)).toBe(false);
  });
});

describe("R13 Return", () => {
  const fall = (scene: Scene, epoch: bigint, now: number) => {
    const target = scene.members[0]!;
    scene.accuse(scene.before(1, target)[0]!, target, 1, epoch);
    scene.judgement.update(now, 0);
    scene.judgement.update(now + 2 * DELTA, 0);
    expect(scene.judgement.standing(target.id)).toBe("removed");
    scene.note(target, { epoch: epoch + 1n });
    scene.judgement.noteAdmitted(target.id, now + 2 * DELTA);
    return scene.standing(target, now + 2 * DELTA);
  };

  const WAIT = 20 * DELTA;

  it("is accepted at once, and from the second removal within two minutes on after a wait that doubles", () => {
    const scene = new Scene(6);
    const target = scene.members[0]!;
    expect(fall(scene, 1n, 0)).toBe("live");
    expect(fall(scene, 2n, 10_000)).toBe("waiting");
    expect(scene.standing(target, 12_000 + WAIT - 1)).toBe("waiting");
    expect(scene.standing(target, 12_000 + WAIT)).toBe("live");
    expect(fall(scene, 3n, 40_000)).toBe("waiting");
    expect(scene.judgement.deadline).toBe(42_000 + 2 * WAIT);
  });

  it("is accepted at once twice when the removals are further apart, but not a third time within ten minutes", () => {
    const scene = new Scene(6);
    const target = scene.members[0]!;
    expect(fall(scene, 1n, 0)).toBe("live");
    expect(fall(scene, 2n, RETURN_SOON_MS + 1)).toBe("live");
    expect(fall(scene, 3n, 2 * RETURN_SOON_MS + 2)).toBe("waiting");
    const back = 2 * RETURN_SOON_MS + 2 + 2 * DELTA + WAIT;
    expect(scene.standing(target, back - 1)).toBe("waiting");
    expect(scene.standing(target, back)).toBe("live");
  });

  it("is one return: what it says afterwards, or while it waits, makes it wait no more", () => {
    const scene = new Scene(6);
    const target = scene.members[0]!;
    for (const epoch of [1n, 2n]) fall(scene, epoch, Number(epoch) * 5000);
    const back = 10_000 + 2 * DELTA + WAIT;
    scene.note(target, { epoch: 4n });
    scene.judgement.noteAdmitted(target.id, back - 1);
    expect(scene.standing(target, back - 1)).toBe("waiting");
    expect(scene.standing(target, back)).toBe("live");
    scene.note(target, { epoch: 5n });
    scene.judgement.noteAdmitted(target.id, back + 1);
    expect(scene.standing(target, back + 1)).toBe("live");
  });

  it("counts only removals of the last ten minutes", () => {
    const scene = new Scene(6);
    expect(fall(scene, 1n, 0)).toBe("live");
    expect(fall(scene, 2n, 200_000)).toBe("live");
    expect(fall(scene, 3n, 200_000 + RETURN_WINDOW_MS)).toBe("live");
  });

  it("counts nobody's removal while most are gone: the trouble is mine or the network's", () => {
    const scene = new Scene(6);
    const [target, ...others] = scene.members;
    expect(fall(scene, 1n, 0)).toBe("live");
    for (const member of [target!, ...others.slice(0, 3)]) {
      scene.accuse(scene.before(1, member)[0]!, member, 1, member === target ? 2n : 1n);
      scene.judgement.update(10_000, 0);
    }
    scene.judgement.update(10_000 + 2 * DELTA, 0);
    expect(scene.judgement.standing(target!.id)).toBe("removed");
    scene.note(target!, { epoch: 3n });
    scene.judgement.noteAdmitted(target!.id, 10_000 + 2 * DELTA);
    expect(scene.standing(target!, 10_000 + 2 * DELTA)).toBe("live");
  });

  it("lets one that waits be a partner, monitored, accused, heard and removed again", () => {
    const scene = new Scene(6);
    const target = scene.members[0]!;
    for (const epoch of [1n, 2n]) fall(scene, epoch, Number(epoch) * 5000);
    expect(scene.judgement.standing(target.id)).toBe("waiting");
    expect(scene.judgement.skip(target.id)).toBe(true);
    expect(scene.judgement.skipUnwatched(target.id)).toBe(false);
    expect(scene.judgement.skipAbsent(target.id)).toBe(false);
    expect(scene.judgement.mayAnswer(target.id)).toBe(false);
    scene.accuse(scene.before(1, target)[0]!, target, 1, 3n);
    scene.standing(target, 12_500);
    expect(scene.judgement.skipUnwatched(target.id)).toBe(true);
    expect(scene.judgement.skipAbsent(target.id)).toBe(false);
    expect(scene.judgement.mayAnswer(target.id)).toBe(true);
    expect(scene.standing(target, 14_500)).toBe("removed");
    // And its wait begins anew, but no longer: it has not been back.
    scene.note(target, { epoch: 4n });
    scene.judgement.noteAdmitted(target.id, 14_500);
    expect(scene.standing(target, 14_500 + WAIT - 1)).toBe("waiting");
    expect(scene.standing(target, 14_500 + WAIT)).toBe("live");
  });
});

describe("R14 Leaving", () => {
  it("is gone at once, told as left and not as failed, and its word is final for that epoch", () => {
    const { overlay, seats } = grown(6);
    const leaver = seats[2]!;
    overlay.input(leaver, () => leaver.machine.leave(overlay.now));
    overlay.run(500);
    const others = seats.filter((seat) => seat !== leaver);
    expect(others.map((seat) => overlay.told(seat, "left").length)).toEqual(Array(5).fill(1));
    expect(others.map((seat) => seat.machine.standing(leaver.id))).toEqual(Array(5).fill("left"));
    expect(leaver.signed.at(-1)?.type).toBe("leave");
  });

  it("cannot be made from a note that says otherwise: its signature has a type of its own", () => {
    const { overlay, seats } = grown(4);
    const [a, b] = seats as [Seat, Seat];
    const note = noteOf(b.certificate, { epoch: b.machine.epoch + 1n });
    const leaving = noteOf(b.certificate, { epoch: b.machine.epoch + 1n, leaving: true });
    overlay.tell(b, a, noteStatement({ ...leaving, signature: note.signature }));
    overlay.run(1000);
    expect(a.machine.standing(b.id)).toBe("live");
  });
});

describe("R15 The removed", () => {
  it("are contacted now and then, one a round, and whoever holds you as gone says so", () => {
    const { overlay, seats } = grown(6);
    const lost = seats[2]!;
    overlay.passes = (from, to) => from !== lost && to !== lost;
    overlay.runUntil(() => seats.every((seat) => seat === lost || seat.machine.standing(lost.id) === "removed"));
    overlay.run(20_000);
    overlay.passes = () => true;
    const took = overlay.runUntil(() => overlay.isWhole());
    expect(took).toBeLessThan(5000);
  });

  /** What a packet offers, of what this member holds. */
  const offered = (packet: Uint8Array, by: Seat) => {
    const parsed = parsePacket(packet);
    const digests = parsed.ok ? parsed.items.flatMap((item) => (item.kind === "offer" ? item.digests : [])) : [];
    const held = by.machine.statements().filter((bytes) => {
      const claim = parseStatement(bytes);
      return claim && digests.includes(recordDigest(sha256, claim).slice(0, digests[0]?.length));
    });
    return held.toSorted((a, b) => a[0]! - b[0]!);
  };

  it("are called with the offer of one of the charges, which stands, and ask for it", () => {
    const { overlay, seats, geometry } = grown(6);
    const [lost, caller] = [seats[2]!, seats[3]!];
    // Held first, and void: its accuser does not stand before the lost one.
    overlay.accuse(geometry.predecessors(1, lost, 3)[2]!, lost, 1, [caller]);
    overlay.passes = (from, to) => from !== lost && to !== lost;
    overlay.runUntil(() => caller.machine.standing(lost.id) === "removed");
    overlay.run(10_000);
    expect(accusationsIn(caller.machine.statements()).length).toBeGreaterThan(3);
    const heard = vi.spyOn(lost.machine, "request");
    overlay.passes = (from, to) => to !== lost || from === caller;
    overlay.runUntil(() => heard.mock.calls.length > 0);
    const charges = accusationsIn(offered(heard.mock.calls[0]![1], caller));
    expect(charges.length).toBe(1);
    overlay.run(50);
    const told = heard.mock.calls.flatMap(([from, packet]) => (from === caller.id ? statementsOf(packet) : []));
    expect(accusationsIn(told)).toContainEqual(charges[0]);
    const { ring, accuser } = charges[0]!;
    const before = geometry.predecessors(ring, lost, 5).map(({ id }) => id);
    expect(before.slice(0, before.indexOf(accuser))).toEqual([]);
  });

  it("bring two halves together though nobody has a contact in the other one", () => {
    const { overlay, seats } = grown(6);
    const right = new Set(seats.slice(3));
    overlay.passes = (from, to) => right.has(from) === right.has(to);
    overlay.run(30_000);
    for (const { name } of right) overlay.start(name, [], { keepState: true });
    overlay.run(30_000);
    expect(seats.map((seat) => seat.machine.members().length)).toEqual(Array(6).fill(2));
    overlay.passes = () => true;
    expect(overlay.runUntil(() => overlay.isWhole())).toBeLessThan(10_000);
  });

  it("answer a gone once each and epoch, at the strangers' pace", () => {
    const { overlay, seats } = grown(6);
    const [victim, teller] = [seats[2]!, seats[3]!];
    const { epoch } = victim.machine;
    const gone = (at: bigint) =>
      overlay.input(victim, () =>
        victim.machine.request(teller.id, encodePacket([{ kind: "gone", epoch: at }]), overlay.now),
      );
    gone(epoch - 1n);
    overlay.run(2000);
    expect(victim.machine.epoch).toBe(epoch);
    for (let round = 0; round < 12; round++) {
      gone(victim.machine.epoch);
      overlay.run(1000);
    }
    const answers = Number(victim.machine.epoch - epoch);
    expect(answers).toBeGreaterThan(4);
    expect(answers).toBeLessThanOrEqual(1 + 12_000 / overlay.settings.deltaMs);
    // One of five alone is not believed (test/gossip/isolation.test.ts).
    expect(overlay.told(victim, "isolated")).toEqual([]);
  });

  it("are offered the accusations against them by whoever they call, with the certificates they were signed under", () => {
    const { overlay, seats, geometry } = grown(8);
    const victim = seats[2]!;
    const liar = geometry.predecessor(4, victim);
    const holder = seats.find((seat) => seat !== victim && seat !== liar)!;
    overlay.passes = (from, to) => to !== victim && from !== holder;
    overlay.accuse(liar, victim, 4, [holder]);
    overlay.run(50);
    const answer = overlay.tell(victim, holder);
    const statements = offered(answer, holder);
    expect(statements.map((bytes) => parseStatement(bytes)?.kind)).toEqual(["certificate", "accusation"]);
    expect(statements[0]).toEqual(certificateStatement(liar.certificate));
  });
});

describe("R16 Strangers and joiners", () => {
  const world = () => {
    const overlay = new Overlay({ ringCount: 3, seed: 2 });
    const seats = overlay.grow(24);
    overlay.run(3000);
    return { overlay, seats };
  };
  const ask = (overlay: Overlay, from: { id: MemberId }, to: Seat, packet: Uint8Array) => {
    let answer = new Uint8Array(0);
    overlay.input(to, () => {
      answer = Uint8Array.from(to.machine.request(from.id, packet, overlay.now));
    });
    const parsed = parsePacket(answer);
    return parsed.ok ? parsed.items : [];
  };

  it("a partner that is not my neighbour is told its neighbours, at most once per interval", () => {
    const { overlay, seats } = world();
    const [host] = seats as [Seat];
    const joiner = { id: overlay.authority.issue("j7").id };
    const range = encodePacket([{ kind: "range", prefix: "", hash: new Uint8Array(16) }]);
    const first = ask(overlay, joiner, host, range);
    if (first.every((item) => item.kind !== "offer")) throw new Error("choose another joiner: this one is a neighbour");
    expect(first.map((item) => item.kind)).toEqual(["offer"]);
    expect(first.flatMap((item) => (item.kind === "offer" ? item.digests : [])).length).toBeLessThanOrEqual(2 * 7);
    expect(ask(overlay, joiner, host, range)).toEqual([]);
    overlay.run(1000);
    expect(ask(overlay, joiner, host, range).map((item) => item.kind)).toEqual(["offer"]);
  });

  it("pulls no more than its bytes per interval", () => {
    const { overlay, seats } = world();
    const [host] = seats as [Seat];
    const metadata = new Uint8Array(4096);
    for (const seat of seats) overlay.input(seat, () => seat.machine.describe({ metadata }, overlay.now));
    overlay.run(5000);
    const joiner = { id: overlay.authority.issue("j7").id };
    const wanted = host.machine.statements().map((bytes) => recordDigest(sha256, parseStatement(bytes)!));
    let bytes = 0;
    for (let call = 0; call < 3; call++) {
      for (const item of ask(overlay, joiner, host, encodePacket([{ kind: "want", digests: wanted }]))) {
        if (item.kind === "statement") bytes += item.bytes.length;
      }
    }
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThanOrEqual(STRANGER_BYTES_PER_INTERVAL);
  });

  it("a joiner asks on until t + 1 distinct ring neighbours have answered", () => {
    const { overlay, seats } = world();
    const geometry = new Geometry(overlay);
    const joiner = overlay.start("joiner", [seats[0]!.name]);
    overlay.runUntil(() => overlay.told(joiner, "ready").length === 1);
    expect(joiner.machine.members().length).toBe(24);
    expect(geometry.rings.length).toBe(3);
  });
});

describe("R17 Revocation", () => {
  it("by id or by certificate: out of all views at once, and told so", () => {
    for (const by of ["certificates", "members"] as const) {
      const { overlay, seats } = grown(6);
      const thief = seats[3]!;
      const list = revocationsOf({
        number: 1n,
        certificates: new Set(by === "certificates" ? [thief.certificate.hash] : []),
        members: new Set(by === "members" ? [thief.id] : []),
      });
      overlay.input(seats[0]!, () => seats[0]!.machine.learn([revocationStatement(list)], overlay.now));
      overlay.run(1500);
      const others = seats.filter((seat) => seat !== thief);
      expect(others.map((seat) => seat.machine.standing(thief.id))).toEqual(Array(5).fill("revoked"));
      expect(others.map((seat) => overlay.told(seat, "failed").map((told) => told.reason))).toEqual(
        Array(5).fill(["revoked"]),
      );
      overlay.run(5000);
      expect(overlay.told(thief, "isolated").map((told) => told.reason)).toContain("revoked");
    }
  });

  it("of an issuing certificate: whoever it admitted is out, and who has another one stays", () => {
    const scene = new Scene(2);
    const [first, second] = scene.members as [CertificateFacts, CertificateFacts];
    const renewed = { ...scene.authority.issue("s1", { notBefore: 1 }), issuer: Uint8Array.of(9) };
    scene.evidence.admitCertificate(checked(renewed));
    scene.note(renewed, { epoch: 2n });
    scene.evidence.admitRevocations(revocationsOf({ number: 1n, issuers: new Set([toHex(sha256(first.issuer))]) }));
    expect(scene.standing(first, 0)).toBe("revoked");
    expect(scene.standing(second, 0)).toBe("live");
    expect(scene.evidence.isRevoked(second)).toBe(true);
  });

  it("a re-keyed member lives on under its new certificate", () => {
    const scene = new Scene(3);
    const first = scene.members[0]!;
    const second = scene.authority.issue("s0", { notBefore: 1 });
    scene.evidence.admitCertificate(second as never);
    scene.evidence.admitRevocations(revocationsOf({ number: 1n, certificates: new Set([first.hash]) }));
    expect(scene.standing(first, 0)).toBe("silent");
    expect(scene.note(second, { epoch: 2n })).toBe(true);
    expect(scene.standing(second, 0)).toBe("live");
  });

  it.each([
    ["a higher number", 6n, 1, undefined],
    ["a lower number", 4n, 1, "stale"],
    ["the same list", 5n, 0, "duplicate"],
  ])("%s", (_, number, issuedAt, problem) => {
    const scene = new Scene(1);
    scene.evidence.admitRevocations(revocationsOf({ number: 5n }));
    expect(scene.evidence.revocationProblem(revocationsOf({ number, issuedAt }))).toBe(problem);
  });

  it("takes no list that the authority did not sign", () => {
    const { overlay, seats } = grown(4);
    const [a, b] = seats as [Seat, Seat];
    const list = revocationsOf({ number: 1n, members: new Set([b.id]) });
    overlay.tell(b, a, revocationStatement({ ...list, signature: new Uint8Array(64) }));
    overlay.run(1000);
    expect(a.machine.standing(b.id)).toBe("live");
  });
});

describe("R18 Two clocks", () => {
  it.each([
    ["an hour ahead", 3_600_000],
    ["an hour back", -3_600_000],
    ["400 days ahead", 400 * 86_400_000],
  ])("a step of the wall clock by %s accuses and expires nobody, and raises one alarm", (_, step) => {
    const overlay = new Overlay();
    const end = overlay.now + overlay.wallOffset + 30 * 60_000;
    overlay.start("m0", [], { certificate: { notAfter: end } });
    for (const name of ["m1", "m2", "m3"]) overlay.start(name, ["m0"], { certificate: { notAfter: end } });
    overlay.runUntil(() => overlay.isWhole());
    overlay.run(3000);
    const stepped = overlay.seat("m1");
    stepped.wallError = step;
    overlay.run(60_000);
    const seats = overlay.up();
    expect(overlay.isWhole()).toBe(true);
    expect(seats.flatMap((seat) => overlay.told(seat, "suspected"))).toEqual([]);
    expect(overlay.told(stepped, "alarm").map((told) => told.what)).toEqual(["clock-stepped"]);
  });

  it("an expired member is gone, after the tolerated five minutes", () => {
    const overlay = new Overlay();
    const end = overlay.now + overlay.wallOffset + 60_000;
    overlay.start("m0");
    overlay.start("m1", ["m0"]);
    const mortal = overlay.start("m2", ["m0"], { certificate: { notAfter: end } });
    overlay.runUntil(() => overlay.isWhole());
    overlay.run(60_000 + 290_000);
    expect(overlay.isWhole()).toBe(true);
    overlay.run(25_000);
    expect(overlay.seat("m0").machine.standing(mortal.id)).toBe("expired");
    expect(overlay.told(mortal, "isolated").map((told) => told.reason)).toContain("expired");
  });

  it("nobody pays for handing on a certificate that has expired meanwhile", () => {
    const { overlay, seats } = grown(3);
    const [a, b] = seats as [Seat, Seat];
    const expired = Array.from({ length: 40 }, (_, index) => overlay.authority.issue(`old ${index}`, { notAfter: 1 }));
    overlay.tell(b, a, ...expired.map(certificateStatement));
    overlay.run(100);
    const parsed = parsePacket(overlay.tell(b, a));
    expect(parsed.ok && parsed.items).toEqual([]);
  });
});

describe("R19 Delta and k are the network's", () => {
  it("a member that waits longer is in step with the others, only later", () => {
    const overlay = new Overlay();
    const patient = overlay.start("patient", [], { settings: { removalMs: 12_000 } });
    for (const name of ["m1", "m2", "m3", "m4", "m5"]) overlay.start(name, ["patient"]);
    overlay.runUntil(() => overlay.isWhole());
    overlay.run(3000);
    overlay.seat("m3").down = true;
    const dead = overlay.seat("m3").id;
    const quick = overlay.runUntil(() => overlay.seat("m1").machine.standing(dead) === "removed");
    expect(patient.machine.standing(dead)).toBe("suspected");
    const slow = overlay.runUntil(() => patient.machine.standing(dead) === "removed");
    expect(quick).toBeLessThan(12_000);
    expect(slow).toBeGreaterThan(5000);
  });

  it("nobody may wait shorter", () => {
    const overlay = new Overlay();
    expect(() => overlay.start("hasty", [], { settings: { removalMs: 2 * overlay.settings.deltaMs - 1 } })).toThrow(
      RangeError,
    );
  });

  it("an accusation of a ring that the network does not have is refused", () => {
    const { overlay, seats } = grown(4);
    const [a, b] = seats as [Seat, Seat];
    const lie = accusationOf(b.certificate, a.id, overlay.ringCount + 1, a.machine.epoch);
    const { epoch } = a.machine;
    overlay.tell(b, a, accusationStatement(lie));
    overlay.run(2000);
    expect(a.machine.epoch).toBe(epoch);
  });
});
