/** Rules R1 to R8 of docs/protocol.md: what is held, and who is live by it. */
import { describe, expect, it } from "vitest";
import { CLOCK_TOLERANCE_MS } from "../../../gossip/clock.js";
import { EPOCH_MAX, type Output } from "../../../gossip/index.js";
import { ACCUSATIONS_PER_RING_MAX, ACCUSER_WINDOW, CERTIFICATES_PER_MEMBER_MAX } from "../../../gossip/limits.js";
import { noteProblem } from "../../../gossip/records/note.js";
import { fullMask, maskBytes, tolerance, withRing } from "../../../rings/index.js";
import { fakeSignature } from "../../support/gossip/authority.js";
import { Geometry } from "../../support/gossip/geometry.js";
import { Overlay, type Seat } from "../../support/gossip/overlay.js";
import { DELTA, Scene } from "../../support/gossip/scene.js";
import {
  accusationOf,
  accusationStatement,
  accusationsIn,
  certificateStatement,
  checked,
  noteOf,
  noteStatement,
} from "../../support/gossip/statements.js";

describe("R1 Certificates: several per id, the newest is current", () => {
  it("ranks by notBefore, then serial", () => {
    const { authority, evidence } = new Scene(0);
    const old = authority.issue("a", { notBefore: 1, serial: 9n });
    const newer = authority.issue("a", { notBefore: 2, serial: 1n });
    const newest = authority.issue("a", { notBefore: 2, serial: 2n });
    for (const facts of [newer, newest, old]) evidence.admitCertificate(checked(facts));
    expect(evidence.currentCertificate(old.id)?.hash).toBe(newest.hash);
    expect(evidence.rings.size).toBe(1);
  });

  it("holds a bounded number per id, the newest", () => {
    const { authority, evidence } = new Scene(0);
    const held = [5, 3, 1, 6, 2, 4].map((notBefore) => authority.issue("a", { notBefore }));
    for (const facts of held) evidence.admitCertificate(checked(facts));
    const kept = held.filter((facts) => evidence.certificate(facts.hash)).map((facts) => facts.notBefore);
    expect(kept.sort()).toEqual([3, 4, 5, 6]);
    expect(kept.length).toBe(CERTIFICATES_PER_MEMBER_MAX);
  });

  it("takes none that it would drop at once: told on as news, it would go round for ever", () => {
    const { authority, evidence } = new Scene(0);
    const old = authority.issue("a", { notBefore: 1 });
    for (let notBefore = 2; notBefore <= 5; notBefore++) {
      expect(evidence.admitCertificate(checked(authority.issue("a", { notBefore })))).toBe(true);
    }
    const before = evidence.version;
    expect(evidence.admitCertificate(checked(old))).toBe(false);
    expect(evidence.version).toBe(before);
  });

  it("takes a statement under any held certificate of its signer, and under no other", () => {
    const scene = new Scene(2);
    const [a, b] = scene.members as [(typeof scene.members)[0], (typeof scene.members)[0]];
    const second = scene.authority.issue("s0", { notBefore: 5 });
    expect(scene.evidence.noteProblem(noteOf(second, { epoch: 2n, ringCount: 3 }))).toBe("certificate-unknown");
    scene.evidence.admitCertificate(checked(second));
    expect(scene.evidence.noteProblem(noteOf(second, { epoch: 2n, ringCount: 3 }))).toBeUndefined();
    expect(scene.evidence.noteProblem(noteOf(a, { epoch: 2n, ringCount: 3 }))).toBeUndefined();
    const stolen = noteOf({ ...a, id: b.id }, { epoch: 2n, ringCount: 3 });
    expect(scene.evidence.noteProblem(stolen)).toBe("certificate-unknown");
  });

  it("stores none that its driver did not find good", () => {
    const overlay = new Overlay();
    const [seat, other] = overlay.grow(2) as [ReturnType<Overlay["start"]>, ReturnType<Overlay["start"]>];
    const root = seat.machine.fingerprint();
    const foreign = { ...other.certificate, leaf: new TextEncoder().encode('{"network":"another","serial":"1"}') };
    overlay.tell(other, seat, certificateStatement(foreign));
    overlay.run(100);
    expect(seat.machine.fingerprint()).toEqual(root);
    expect(overlay.told(seat, "rejected").map((told) => told.reason)).toContain("other-network");
  });
});

describe("R2 Notes: the highest epoch, a mask that leaves its owner accusable", () => {
  it.each([
    ["the next epoch", { epoch: 6n }, undefined],
    ["a jump", { epoch: EPOCH_MAX }, undefined],
    ["the same body again", { epoch: 5n }, "duplicate"],
    ["another body at the same epoch", { epoch: 5n, leaving: true }, undefined],
    ["an older epoch", { epoch: 4n }, "stale"],
    ["epoch 0", { epoch: 0n }, "epoch-range"],
    ["epoch 2^63", { epoch: EPOCH_MAX + 1n }, "epoch-range"],
    ["t rings disabled", { epoch: 6n, mask: Uint8Array.of(0b11110000, 1) }, undefined],
    ["t + 1 rings disabled", { epoch: 6n, mask: Uint8Array.of(0b11100000, 1) }, "mask-too-many-disabled"],
    ["a bit beyond k", { epoch: 6n, mask: Uint8Array.of(0xff, 3) }, "mask-beyond-rings"],
    ["a short mask", { epoch: 6n, mask: Uint8Array.of(0xff) }, "mask-length"],
    ["a long mask", { epoch: 6n, mask: Uint8Array.of(0xff, 1, 0) }, "mask-length"],
  ])("%s", (_, options, problem) => {
    const scene = new Scene(1, 9);
    scene.note(scene.members[0]!, { epoch: 5n });
    expect(scene.evidence.noteProblem(noteOf(scene.members[0]!, options))).toBe(problem);
  });

  it("accepts exactly the masks with at most t rings disabled, for every mask of up to 15 rings", () => {
    for (const ringCount of [1, 2, 3, 7, 8, 9, 15]) {
      const scene = new Scene(1, ringCount);
      const note = noteOf(scene.members[0]!, { epoch: 2n, ringCount });
      const accepted: number[] = [];
      for (let bits = 0; bits < 2 ** (8 * maskBytes(ringCount)); bits++) {
        const mask = Uint8Array.of(bits & 255, bits >> 8).slice(0, maskBytes(ringCount));
        if (noteProblem({ ...note, mask }, ringCount) === undefined) accepted.push(bits);
      }
      const expected = Array.from({ length: 2 ** ringCount }, (_, bits) => bits).filter(
        (bits) => ringCount - [...bits.toString(2)].filter((bit) => bit === "1").length <= tolerance(ringCount),
      );
      expect(accepted).toEqual(expected);
    }
  });

  it("refuses what was signed under a revoked certificate", () => {
    const scene = new Scene(2);
    const [a] = scene.members;
    scene.evidence.admitRevocations(
      checked({
        number: 1n,
        issuedAt: 0,
        nextUpdate: 0,
        certificates: new Set([a!.hash]),
        members: new Set(),
        issuers: new Set(),
        body: Uint8Array.of(1),
        signature: new Uint8Array(64),
        issuer: new Uint8Array(1),
      }),
    );
    expect(scene.evidence.note(a!.id)).toBeUndefined();
    expect(scene.evidence.noteProblem(noteOf(a!, { epoch: 9n, ringCount: 3 }))).toBe("revoked");
  });
});

describe("R3 Accusations: structural admission", () => {
  const scene = new Scene(30);
  const accused = scene.members[0]!;
  scene.note(accused, { epoch: 7n, mask: withRing(fullMask(3), 2, false) });
  const near = scene.before(1, accused, 29);

  it.each([
    ["by the direct predecessor", near[0]!, 1, 7n, undefined],
    ["by the last of the window", near[ACCUSER_WINDOW - 1]!, 1, 7n, undefined],
    ["from outside the window", near[ACCUSER_WINDOW]!, 1, 7n, "not-near"],
    ["on ring 0", near[0]!, 0, 7n, "ring-range"],
    ["beyond the rings", near[0]!, 4, 7n, "ring-range"],
    ["on a disabled ring", scene.before(2, accused)[0]!, 2, 7n, "ring-disabled"],
    ["of an older epoch", near[0]!, 1, 6n, "epoch-differs"],
    ["of a future epoch", near[0]!, 1, 8n, "epoch-differs"],
    ["of itself", accused, 1, 7n, "self-accusation"],
    ["by someone unknown", new Scene(0).authority.issue("x"), 1, 7n, "certificate-unknown"],
  ])("%s", (_, accuser, ring, epoch, problem) => {
    expect(scene.evidence.accusationProblem(accusationOf(accuser, accused.id, ring, epoch))).toBe(problem);
  });

  it("needs the note of the accused", () => {
    const stranger = scene.authority.issue("noteless");
    expect(scene.evidence.accusationProblem(accusationOf(near[0]!, stranger.id, 1))).toBe("note-unknown");
  });

  it("keeps the four closest accusers per ring, whatever the order of arrival", () => {
    for (const order of [
      [0, 1, 2, 3, 4, 5],
      [5, 4, 3, 2, 1, 0],
      [3, 5, 1, 0, 4, 2],
    ]) {
      const stage = new Scene(20);
      const target = stage.members[3]!;
      const accusers = stage.before(2, target, 6);
      for (const index of order) stage.accuse(accusers[index]!, target, 2);
      const held = stage.evidence.accusations(target.id).map(({ accusation }) => accusation.accuser);
      expect(new Set(held)).toEqual(new Set(accusers.slice(0, ACCUSATIONS_PER_RING_MAX).map(({ id }) => id)));
    }
  });

  it.each([
    ["older first", false],
    ["newer first", true],
  ])("keeps of one accuser with two certificates the accusation under the newer one: %s", (_, isNewerFirst) => {
    const stage = new Scene(5);
    const target = stage.members[0]!;
    const [older] = stage.before(1, target) as [(typeof stage.members)[0]];
    const newer = stage.authority.issue("newer", { id: older.id, notBefore: older.notBefore + 1 });
    stage.evidence.admitCertificate(checked(newer));
    for (const accuser of isNewerFirst ? [newer, older] : [older, newer]) stage.accuse(accuser, target, 1);
    expect(stage.evidence.accusations(target.id).map(({ accusation }) => accusation.certificate)).toEqual([newer.hash]);
  });

  it("lets a note whose certificate has ended give way to any note under one that has not", () => {
    const stage = new Scene(3);
    const end = 10_000_000;
    const subject = stage.members[0]!;
    const mortal = stage.authority.issue("mortal", { id: subject.id, notBefore: subject.notBefore - 1, notAfter: end });
    stage.evidence.admitCertificate(checked(mortal));
    stage.note(mortal, { epoch: 1000n });
    stage.judgement.update(0, end + CLOCK_TOLERANCE_MS);
    expect(stage.note(subject, { epoch: 2n })).toBe(false);
    expect(stage.standing(subject, 0)).toBe("live");
    stage.judgement.update(0, end + CLOCK_TOLERANCE_MS + 1);
    expect(stage.judgement.standing(subject.id)).toBe("expired");
    expect(stage.note(subject, { epoch: 2n })).toBe(true);
    stage.judgement.update(0, end + CLOCK_TOLERANCE_MS + 1);
    expect(stage.judgement.standing(subject.id)).toBe("live");
    expect(stage.note(mortal, { epoch: 1001n })).toBe(false);
  });

  it("begins anew with the epochs of a member that goes on under another certificate, also with what is remembered", () => {
    const stage = new Scene(6);
    const end = 10_000_000;
    const subject = stage.members[0]!;
    const mortal = stage.authority.issue("mortal", { id: subject.id, notBefore: subject.notBefore - 1, notAfter: end });
    stage.evidence.admitCertificate(checked(mortal));
    const hear = (by: typeof subject, epoch: bigint, now: number, wall: number, leaving = false) => {
      stage.note(by, { epoch, leaving });
      stage.judgement.noteAdmitted(subject.id, now);
      stage.judgement.update(now, wall);
      return stage.judgement.standing(subject.id);
    };
    const high = 2n ** 61n;
    hear(mortal, high - 2n, 0, 0);
    hear(mortal, high - 1n, 5 * DELTA, 0);
    expect(hear(mortal, high, 5 * DELTA, 0, true)).toBe("left");
    expect(hear(mortal, high + 1n, 5 * DELTA, 0)).toBe("live");
    stage.accuse(stage.before(1, subject)[0]!, subject, 1, high + 1n);
    stage.judgement.update(5 * DELTA, 0);
    stage.judgement.update(7 * DELTA, 0);
    expect(stage.judgement.standing(subject.id)).toBe("removed");
    const later = end + CLOCK_TOLERANCE_MS + 1;
    stage.judgement.update(8 * DELTA, later);
    expect(hear(subject, 10n, 8 * DELTA, later)).toBe("live");
    // Its farewells count again, whatever epochs it had.
    hear(subject, 11n, 20 * DELTA, later);
    for (let round = 0n; round < 5n; round++) {
      hear(subject, 12n + 2n * round, 20 * DELTA, later, true);
      hear(subject, 13n + 2n * round, 20 * DELTA, later);
    }
    expect(stage.judgement.standing(subject.id)).toBe("waiting");
  });

  it("drops an accusation when the certificate of its accuser ends by the judge's clock, and takes none after that", () => {
    const stage = new Scene(8);
    const end = 10_000_000;
    const target = stage.members[0]!;
    const [accuser] = stage.before(1, target) as [(typeof stage.members)[0]];
    const mortal = stage.authority.issue("mortal", { id: accuser.id, notBefore: accuser.notBefore + 1, notAfter: end });
    stage.evidence.admitCertificate(checked(mortal));
    stage.accuse(mortal, target, 1);
    const at = (now: number, wall: number) => {
      stage.judgement.update(now, wall);
      return stage.judgement.standing(target.id);
    };
    expect(at(0, end + CLOCK_TOLERANCE_MS)).toBe("suspected");
    expect(at(DELTA, end + CLOCK_TOLERANCE_MS + 1)).toBe("live");
    expect(stage.evidence.accusations(target.id)).toEqual([]);
    expect(stage.accuse(mortal, target, 1)).toBe(false);
    expect(at(9 * DELTA, end + CLOCK_TOLERANCE_MS + 1)).toBe("live");
    // Under its next certificate it may say so again; a removal that stood before is not undone.
    stage.accuse(accuser, target, 1);
    expect(at(10 * DELTA, end + CLOCK_TOLERANCE_MS + 1)).toBe("suspected");
  });

  it("drops them all with the accused's next note", () => {
    const stage = new Scene(10);
    const target = stage.members[0]!;
    stage.accuseFully(target);
    expect(stage.evidence.accusations(target.id).length).toBe(3);
    stage.note(target, { epoch: 2n });
    expect(stage.evidence.accusations(target.id)).toEqual([]);
  });

  it("drops those whose accusers newcomers push out of the window", () => {
    const stage = new Scene(ACCUSER_WINDOW + 4);
    const target = stage.members[0]!;
    stage.accuse(stage.before(1, target, ACCUSER_WINDOW)[ACCUSER_WINDOW - 1]!, target, 1);
    expect(stage.evidence.accusations(target.id).length).toBe(1);
    const farthest = stage.evidence.accusations(target.id)[0]!.accusation.accuser;
    const isPushed = () => stage.evidence.rings.distance(1, farthest, target.id, ACCUSER_WINDOW - 1) === undefined;
    for (let index = 0; !isPushed(); index++) stage.join(`newcomer ${index}`);
    expect(stage.evidence.accusations(target.id)).toEqual([]);
  });
});

describe("R4 One view: deduplicated by content, never by signature", () => {
  it("holds a note once, whatever valid signature it comes with", () => {
    const scene = new Scene(1);
    const note = noteOf(scene.members[0]!, { epoch: 3n, ringCount: 3 });
    scene.evidence.admitNote(note);
    const root = scene.evidence.tree.root();
    const again = checked({ ...note, signature: fakeSignature("other", "s", note.body) });
    expect(scene.evidence.noteProblem(again)).toBe("duplicate");
    expect(scene.evidence.admitNote(again)).toBe(false);
    expect(scene.evidence.tree.root()).toEqual(root);
  });

  it("keeps the lower body of two notes of one epoch, and the proof, in either order", () => {
    const roots = [0, 1].map((swap) => {
      const scene = new Scene(1);
      const pair = [Uint8Array.of(1), Uint8Array.of(2)].map((metadata) => ({ epoch: 3n, metadata }));
      for (const options of swap ? pair.reverse() : pair) scene.note(scene.members[0]!, options);
      return Buffer.from(scene.evidence.tree.root()).toString("hex");
    });
    expect(roots[0]).toBe(roots[1]);
  });

  it("keeps no proof that others could not verify, because its certificate is no longer held", () => {
    const scene = new Scene(0);
    const certificates = [1, 2, 3, 4, 5].map((notBefore) => scene.authority.issue("a", { notBefore }));
    scene.evidence.admitCertificate(checked(certificates[0]!));
    for (const byte of [1, 2]) scene.note(certificates[0]!, { epoch: 3n, metadata: Uint8Array.of(byte) });
    expect(scene.evidence.proof(certificates[0]!.id)).toBeDefined();
    for (const facts of certificates.slice(1)) scene.evidence.admitCertificate(checked(facts));
    expect(scene.evidence.proof(certificates[0]!.id)).toBeUndefined();
    expect(scene.evidence.tree.size).toBe(4);
  });

  // The property, over random orders, losses and duplicates, is in test/gossip/merge.test.ts.
});

describe("R5 Accused set: the least fixpoint", () => {
  it("counts an accusation when only gone or accused members stand between", () => {
    const scene = new Scene(12);
    const target = scene.members[0]!;
    const [first, second, third] = scene.before(1, target, 3) as (typeof scene.members)[0][] as [
      (typeof scene.members)[0],
      (typeof scene.members)[0],
      (typeof scene.members)[0],
    ];
    scene.accuse(third, target, 1);
    expect(scene.standing(target, 0)).toBe("live");
    scene.note(first, { epoch: 2n, leaving: true });
    expect(scene.standing(target, 0)).toBe("live");
    scene.accuse(scene.before(2, second)[0]!, second, 2);
    expect(scene.standing(second, 0)).toBe("suspected");
    expect(scene.standing(target, 0)).toBe("suspected");
    scene.note(second, { epoch: 2n });
    expect(scene.standing(target, 0)).toBe("live");
  });

  it("lets an accused member accuse", () => {
    const scene = new Scene(12);
    const target = scene.members[0]!;
    const [accuser] = scene.before(1, target) as [(typeof scene.members)[0]];
    scene.accuse(scene.before(2, accuser)[0]!, accuser, 2);
    scene.accuse(accuser, target, 1);
    expect(scene.standing(accuser, 0)).toBe("suspected");
    expect(scene.standing(target, 0)).toBe("suspected");
  });

  it("does not let two members accuse each other into a circle that nobody outside began", () => {
    // On some ring a stands before b with c between, on another b before a with d between: c is only passed over when
    // accused, and nobody accuses it. Nothing stands, though "both accused" would be a fixpoint if c and d fell too.
    const scene = new Scene(12);
    const target = scene.members[0]!;
    const [between, far] = scene.before(1, target, 2) as [(typeof scene.members)[0], (typeof scene.members)[0]];
    scene.accuse(far, target, 1);
    // `between` would be accused by someone past the target: each needs the other to be accused first.
    for (let ring = 2; ring <= 3; ring++) {
      const accusers = scene.before(ring, between, ACCUSER_WINDOW);
      const past = accusers.findIndex((member) => member.id === target.id);
      if (past >= 0 && past + 1 < accusers.length) scene.accuse(accusers[past + 1]!, between, ring);
    }
    expect(scene.standing(target, 0)).toBe("live");
    expect(scene.standing(between, 0)).toBe("live");
  });

  it("is judged alike by two members with one evidence, whatever each of them remembers", () => {
    const scene = new Scene(12);
    const target = scene.members[0]!;
    const [between, far] = scene.before(1, target, 2) as [(typeof scene.members)[0], (typeof scene.members)[0]];
    const [helper, accuser] = scene.before(2, between, 2) as [(typeof scene.members)[0], (typeof scene.members)[0]];
    // One sees `between` accused past a helper that is accused itself, long enough to remove it ...
    scene.accuse(accuser, between, 2);
    scene.accuse(scene.before(3, helper)[0]!, helper, 3);
    expect(scene.standing(between, 0)).toBe("suspected");
    expect(scene.standing(between, 2 * DELTA)).toBe("removed");
    // ... and then the helper answers. Another one comes only now, and has never seen anything wrong with `between`.
    scene.note(helper, { epoch: 2n });
    const late = scene.judge();
    expect(scene.standing(between, 2 * DELTA, late)).toBe("live");
    expect(scene.standing(between, 2 * DELTA)).toBe("removed");
    scene.accuse(far, target, 1);
    expect(scene.standing(target, 3 * DELTA, late)).toBe(scene.standing(target, 3 * DELTA));
    expect(scene.standing(target, 9 * DELTA)).toBe("live");
    // The accused itself answers to both of them.
    expect(scene.judgement.mayStand({ ring: 1, accuser: far.id, accused: target.id })).toBe(true);
  });
});

describe("R6 Removal: one accusation, valid without a break for 2 Delta", () => {
  it("happens then and not a millisecond before, and sticks to the epoch", () => {
    const scene = new Scene(8);
    const target = scene.members[0]!;
    scene.accuse(scene.before(1, target)[0]!, target, 1);
    expect(scene.standing(target, 100)).toBe("suspected");
    expect(scene.judgement.deadline).toBe(100 + 2 * DELTA);
    expect(scene.standing(target, 100 + 2 * DELTA - 1)).toBe("suspected");
    expect(scene.standing(target, 100 + 2 * DELTA)).toBe("removed");
    expect(scene.judgement.deadline).toBeUndefined();
    scene.note(target, { epoch: 2n });
    scene.judgement.noteAdmitted(target.id, 100 + 2 * DELTA);
    expect(scene.standing(target, 100 + 2 * DELTA)).toBe("live");
  });

  it("starts the time of each accusation anew when it was void in between", () => {
    const scene = new Scene(12);
    const target = scene.members[0]!;
    const [between, far] = scene.before(1, target, 2) as [(typeof scene.members)[0], (typeof scene.members)[0]];
    scene.accuse(far, target, 1);
    scene.accuse(scene.before(2, between)[0]!, between, 2);
    expect(scene.standing(target, 0)).toBe("suspected");
    scene.note(between, { epoch: 2n });
    expect(scene.standing(target, DELTA)).toBe("live");
    scene.accuse(scene.before(2, between)[0]!, between, 2, 2n);
    expect(scene.standing(target, 1.5 * DELTA)).toBe("suspected");
    expect(scene.standing(target, 3.4 * DELTA)).toBe("suspected");
    expect(scene.standing(target, 3.5 * DELTA)).toBe("removed");
  });

  it("is not put off by an accuser that says the same under another certificate", () => {
    const replaced = [false, true].map((isReversed) => {
      const scene = new Scene(5);
      const target = scene.members[0]!;
      const [accuser] = scene.before(1, target) as [(typeof scene.members)[0]];
      const second = { ...scene.authority.issue("other", { id: accuser.id }) };
      scene.evidence.admitCertificate(checked(second));
      const [former, latter] = isReversed ? [second, accuser] : [accuser, second];
      scene.accuse(former, target, 1);
      scene.standing(target, 0);
      const isReplaced = scene.accuse(latter, target, 1);
      expect(scene.standing(target, DELTA)).toBe("suspected");
      expect(scene.standing(target, 2 * DELTA)).toBe("removed");
      return isReplaced;
    });
    // The lower hash stays, so one order of the two replaces it.
    expect(replaced.toSorted()).toEqual([false, true]);
  });

  it("does not add up the times of different accusations", () => {
    const scene = new Scene(12);
    const target = scene.members[0]!;
    scene.accuse(scene.before(1, target)[0]!, target, 1);
    scene.standing(target, 0);
    scene.accuse(scene.before(2, target)[0]!, target, 2);
    scene.standing(target, DELTA);
    // The mask of another note of the same epoch takes ring 1 away; the accusation on ring 2 is a second old.
    scene.note(target, { epoch: 2n, mask: withRing(fullMask(3), 1, false) });
    scene.accuse(scene.before(2, target)[0]!, target, 2, 2n);
    expect(scene.standing(target, 1.5 * DELTA)).toBe("suspected");
    expect(scene.standing(target, 3.4 * DELTA)).toBe("suspected");
    expect(scene.standing(target, 3.5 * DELTA)).toBe("removed");
  });
});

describe("R7 The dead stay accused", () => {
  /** A network that has removed one of so many members. */
  const afterDeath = (count: number, ringCount?: number) => {
    const overlay = new Overlay(ringCount === undefined ? {} : { ringCount });
    const seats = overlay.grow(count);
    overlay.run(5000);
    const dead = seats[4]!;
    dead.down = true;
    overlay.runUntil(() => overlay.isWhole());
    return { overlay, seats, dead };
  };

  it("by their present predecessors, also when all who accused them first are gone, so that joiners see it", () => {
    const { overlay, dead } = afterDeath(10);
    const geometry = new Geometry(overlay);
    // Everybody who stood directly before it leaves for good, one after the other.
    const accusers = [...new Set([1, 2, 3, 4, 5, 6, 7, 8, 9].map((ring) => geometry.predecessor(ring, dead)))];
    for (const accuser of accusers.slice(0, 6)) {
      accuser.down = true;
      overlay.runUntil(() => overlay.isWhole());
    }
    const joiner = overlay.start("late", [overlay.up()[0]!.name]);
    overlay.runUntil(() => overlay.isWhole());
    overlay.run(5000);
    for (const kind of ["joined", "failed"] as const) {
      expect(overlay.told(joiner, kind).map((told) => told.member.id)).not.toContain(dead.id);
    }
    expect(joiner.machine.standing(dead.id)).toBe("removed");
    expect(overlay.isEqual()).toBe(true);
  });

  it("by all of them, and what changes nothing is not pushed: nobody hears the rest four times", () => {
    const { overlay, seats, dead } = afterDeath(20);
    const heldBy = ({ machine }: Seat) => accusationsIn(machine.statements());
    const held = () => overlay.up().flatMap(heldBy).length;
    const copies = () => overlay.up().flatMap((seat) => seat.outputs.filter(isCopy)).length;
    const before = { held: held(), copies: copies() };
    overlay.run(20_000);
    expect(overlay.isEqual()).toBe(true);
    const geometry = new Geometry(overlay);
    const monitors = geometry.rings.map((ring) => ({ ring, accuser: geometry.predecessor(ring, dead).id }));
    expect(heldBy(seats[0]!)).toEqual(expect.arrayContaining(monitors.map((each) => expect.objectContaining(each))));
    expect(copies() - before.copies).toBeLessThan((held() - before.held) / 5);
  });

  it("a reserve is one against the removed who is accused still; without another it is news", () => {
    const scene = new Scene(12);
    const target = scene.members[0]!;
    const [between, far] = scene.before(1, target, 2) as [(typeof scene.members)[0], (typeof scene.members)[0]];
    scene.accuse(far, target, 1);
    scene.accuse(scene.before(2, between)[0]!, between, 2);
    const [near, past] = [between, far].map(({ id }) => ({ ring: 1, accuser: id, accused: target.id }));
    expect(scene.standing(target, 0)).toBe("suspected");
    expect(scene.judgement.isReserve(near!)).toBe(false);
    expect(scene.standing(target, 2 * DELTA)).toBe("removed");
    expect(scene.judgement.isReserve(near!)).toBe(true);
    scene.note(between, { epoch: 2n });
    expect(scene.standing(target, 2 * DELTA)).toBe("removed");
    expect(scene.judgement.isReserve(near!)).toBe(false);
    // Past somebody who is there it changes nothing.
    expect(scene.judgement.isReserve(past!)).toBe(true);
  });

  it("also when newcomers have come between the dead and all who accused it first", () => {
    const { overlay, dead } = afterDeath(5, 3);
    const late: Seat[] = [];
    for (let index = 0; index < 24; index++) {
      late.push(overlay.start(`late${index}`, ["m0"]));
      overlay.runUntil(() => overlay.isWhole());
      overlay.run(4000);
    }
    const geometry = new Geometry(overlay);
    const before = geometry.rings.map((ring) => geometry.predecessor(ring, dead).name);
    expect(before.filter((name) => !name.startsWith("late"))).toEqual([]);
    for (const seat of late) {
      const told = [...overlay.told(seat, "joined"), ...overlay.told(seat, "failed")];
      expect(told.filter(({ member }) => member.id === dead.id)).toEqual([]);
    }
  });
});

describe("R8 Forgetting", () => {
  it("takes certificate, note, accusations and removal together, after the end plus tolerated skew", () => {
    const scene = new Scene(6);
    const mortal = scene.authority.issue("mortal", { notAfter: 1000 });
    scene.members.push(mortal);
    scene.evidence.admitCertificate(checked(mortal));
    const before = scene.evidence.tree.root();
    scene.note(mortal, {});
    scene.accuseFully(mortal);
    scene.standing(mortal, 0);
    expect(scene.standing(mortal, 2 * DELTA)).toBe("removed");
    expect(scene.evidence.forget(1000 + 2 * CLOCK_TOLERANCE_MS)).toEqual([]);
    expect(scene.evidence.forget(1001 + 2 * CLOCK_TOLERANCE_MS)).toEqual([mortal.id]);
    expect(scene.evidence.tree.root()).not.toEqual(before);
    expect(scene.evidence.rings.has(mortal.id)).toBe(false);
    expect(scene.evidence.accusations(mortal.id)).toEqual([]);
    expect(scene.evidence.note(mortal.id)).toBeUndefined();
    expect([...scene.evidence.ids()].length).toBe(6);
  });

  it("keeps the member while another certificate of it lasts", () => {
    const scene = new Scene(3);
    const first = scene.authority.issue("mortal", { notAfter: 1000 });
    const second = scene.authority.issue("mortal", { notAfter: 1e12, notBefore: 1 });
    for (const facts of [first, second]) scene.evidence.admitCertificate(checked(facts));
    scene.note(second, {});
    expect(scene.evidence.forget(1e9)).toEqual([]);
    expect(scene.evidence.certificate(first.hash)).toBeUndefined();
    expect(scene.evidence.note(first.id)).toBeDefined();
  });

  it("is done by members that run, and reconciliation does not bring the forgotten back", () => {
    const overlay = new Overlay();
    const end = overlay.now + overlay.wallOffset + 60_000;
    overlay.start("m0", [], {});
    for (const name of ["m1", "m2", "m3"]) overlay.start(name, ["m0"]);
    const mortal = overlay.start("mortal", ["m0"], { certificate: { notAfter: end } });
    overlay.runUntil(() => overlay.isWhole());
    mortal.down = true;
    overlay.run(30_000);
    const seat = overlay.seat("m1");
    expect(seat.machine.standing(mortal.id)).toBe("removed");
    overlay.run(30_000 + 2 * CLOCK_TOLERANCE_MS + 30_000);
    expect(seat.machine.certificateOf(mortal.id)).toBeUndefined();
    expect(overlay.up().map((up) => up.machine.statements().length)).toEqual([8, 8, 8, 8]);
    // Told again by someone with a memory, nobody takes it up.
    overlay.tell(overlay.seat("m0"), seat, certificateStatement(mortal.certificate));
    overlay.tell(overlay.seat("m0"), seat, noteStatement(noteOf(mortal.certificate)));
    overlay.tell(overlay.seat("m0"), seat, accusationStatement(accusationOf(seat.certificate, mortal.id, 1)));
    overlay.run(20_000);
    expect(overlay.up().map((up) => up.machine.statements().length)).toEqual([8, 8, 8, 8]);
  });
});

function isCopy(output: Output): boolean {
  return output.kind === "rejected" && output.what === "accusation" && output.reason === "duplicate";
}
