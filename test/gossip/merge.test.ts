/**
 * Rule R4 as a property: whatever a member was told, in whatever order, how often, and however much of it was lost, after
 * reconciling to quiescence it holds what the others hold. fast-check prints the seed and the smallest case it finds.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CertificateFacts } from "../../gossip/index.js";
import type { Evidence } from "../../gossip/view/evidence.js";
import { fullMask, withRing } from "../../rings/index.js";
import { FakeAuthority } from "../support/gossip/authority.js";
import {
  evidenceOf,
  heldBy,
  type Known,
  knownOf,
  offer,
  reconcileToQuiescence,
  rootOf,
} from "../support/gossip/holdings.js";
import {
  accusationOf,
  accusationStatement,
  certificateStatement,
  equivocationStatement,
  interestOf,
  interestStatement,
  noteOf,
  noteStatement,
  revocationStatement,
  revocationsOf,
} from "../support/gossip/statements.js";

const RINGS = 3;
const authority = new FakeAuthority();

interface World {
  readonly known: Known;
  readonly statements: readonly Uint8Array[];
}

/** Certificates of some members, several each; notes that contradict each other; accusations from everywhere; interests. */
function worldOf(members: number, spec: readonly number[]): World {
  const certificates: CertificateFacts[][] = Array.from({ length: members }, (_, index) => [
    authority.issue(`w${index}`, { serial: 1n }),
  ]);
  let cursor = 0;
  const draw = (limit: number) => (spec[cursor++ % spec.length] ?? 0) % limit;
  const statements: Uint8Array[] = [];
  const certificateOf = () => {
    const own = certificates[draw(members)]!;
    return own[draw(own.length)]!;
  };
  for (let index = 0; index < spec.length; index++) {
    const kind = draw(12);
    if (kind === 0) {
      const member = draw(members);
      const serial = BigInt(2 + draw(8));
      certificates[member]!.push(authority.issue(`w${member}`, { serial, notBefore: draw(3) }));
    } else if (kind <= 4) {
      // Few epochs and few bodies, so that ties and contradictions are common.
      const mask = draw(2) ? withRing(fullMask(RINGS), 1 + draw(RINGS), false) : fullMask(RINGS);
      const note = { epoch: BigInt(1 + draw(3)), ringCount: RINGS, mask, leaving: draw(8) === 0 };
      statements.push(noteStatement(noteOf(certificateOf(), note)));
    } else if (kind === 5) {
      const [first, second] = [certificateOf(), certificateOf()];
      const other = certificates.find((held) => held.includes(first))!;
      const epoch = BigInt(1 + draw(3));
      const a = noteOf(first, { epoch, ringCount: RINGS });
      const b = noteOf(second.id === first.id ? second : other[draw(other.length)]!, {
        epoch,
        ringCount: RINGS,
        metadata: Uint8Array.of(draw(3)),
      });
      statements.push(equivocationStatement(a, b));
    } else if (kind === 6 && draw(3) === 0) {
      const revoked = certificateOf();
      const list = draw(2) ? { certificates: new Set([revoked.hash]) } : { members: new Set([revoked.id]) };
      statements.push(revocationStatement(revocationsOf({ number: BigInt(1 + draw(2)), ...list })));
    } else if (kind === 7) {
      const content = Uint8Array.of(draw(3));
      statements.push(interestStatement(interestOf(certificateOf(), { version: BigInt(1 + draw(3)), content })));
    } else {
      const accused = certificateOf();
      const accusation = accusationOf(certificateOf(), accused.id, 1 + draw(RINGS), BigInt(1 + draw(3)));
      statements.push(accusationStatement(accusation));
    }
  }
  const all = certificates.flat();
  return { known: knownOf(all), statements: [...all.map(certificateStatement), ...statements] };
}

const spec = fc.array(fc.nat(0xffff), { minLength: 20, maxLength: 160 });
/** Per member of the test: what it hears, in its own order, with losses and duplicates. */
const hearings = fc.array(fc.array(fc.nat(0xffff), { maxLength: 250 }), { minLength: 2, maxLength: 4 });

/** Mostly certificates, proofs and notes of few epochs: draws that are below 6 more often than not. */
const rekeyed = fc.array(fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 5, 12, 17, 24, 29)), {
  minLength: 20,
  maxLength: 160,
});

/** All of them reconcile with each other until nothing moves any more, and then hold one and the same. */
function expectOneView(held: readonly Evidence[], known: Known): void {
  for (let pass = 0; pass < held.length; pass++) {
    for (let index = 1; index < held.length; index++) reconcileToQuiescence(held[index - 1]!, held[index]!, known);
  }
  expect(new Set(held.map(heldBy)).size).toBe(1);
  expect(new Set(held.map(rootOf)).size).toBe(1);
}

function hear(world: World, hearing: readonly number[]) {
  const evidence = evidenceOf(RINGS);
  for (const index of hearing) offer(evidence, world.known, world.statements[index % world.statements.length]!);
  return evidence;
}

describe("R4 merging", () => {
  it("makes any two members equal once they have reconciled, whatever they heard and missed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), spec, hearings, (members, drawn, heard) => {
        const world = worldOf(members, drawn);
        const held = heard.map((hearing) => hear(world, hearing));
        expectOneView(held, world.known);
      }),
      { numRuns: 400 },
    );
  });

  it("also when one member is re-keyed and contradicts itself all the time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), rekeyed, hearings, (members, drawn, heard) => {
        const world = worldOf(members, drawn);
        expectOneView(
          heard.map((hearing) => hear(world, hearing)),
          world.known,
        );
      }),
      { numRuns: 400 },
    );
  });

  it("also when it hears statements in the order in which machines take them, and then more certificates", () => {
    fc.assert(
      fc.property(fc.integer({ min: 18, max: 60 }), spec, hearings, (members, drawn, heard) => {
        const world = worldOf(members, drawn);
        const held = heard.map((hearing) => {
          const late = new Set(hearing.slice(0, 40).map((index) => index % members));
          const first = world.statements.filter((_, index) => !late.has(index));
          const evidence = evidenceOf(RINGS);
          for (const bytes of first) offer(evidence, world.known, bytes);
          for (const index of late) offer(evidence, world.known, world.statements[index]!);
          return evidence;
        });
        expectOneView(held, world.known);
      }),
      { numRuns: 100 },
    );
  });

  it("is idempotent: what is held is refused, and changes nothing", () => {
    fc.assert(
      fc.property(spec, fc.array(fc.nat(0xffff), { maxLength: 200 }), (drawn, hearing) => {
        const world = worldOf(12, drawn);
        const evidence = hear(world, hearing);
        const before = { root: rootOf(evidence), version: evidence.version };
        for (const { bytes } of [...evidence.records()]) expect(offer(evidence, world.known, bytes)).toBeDefined();
        expect({ root: rootOf(evidence), version: evidence.version }).toEqual(before);
      }),
      { numRuns: 200 },
    );
  });

  it("is monotone: epochs never fall, lists never age, proofs only give way to better ones", () => {
    fc.assert(
      fc.property(spec, fc.array(fc.nat(0xffff), { maxLength: 200 }), (drawn, hearing) => {
        const world = worldOf(8, drawn);
        const evidence = evidenceOf(RINGS);
        let list = 0n;
        const epochs = new Map<string, bigint>();
        for (const index of hearing) {
          offer(evidence, world.known, world.statements[index % world.statements.length]!);
          expect(evidence.revocations?.number ?? 0n).toBeGreaterThanOrEqual(list);
          list = evidence.revocations?.number ?? 0n;
          for (const id of evidence.ids()) {
            const note = evidence.note(id)?.note;
            // A note goes only together with the certificate under which it was signed.
            if (!note) epochs.delete(id);
            else expect(note.epoch).toBeGreaterThanOrEqual(epochs.get(id) ?? 0n);
            if (note) epochs.set(id, note.epoch);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("keeps the tree the same set as the records", () => {
    fc.assert(
      fc.property(spec, fc.array(fc.nat(0xffff), { maxLength: 200 }), (drawn, hearing) => {
        const evidence = hear(worldOf(10, drawn), hearing);
        expect(evidence.tree.list("").join("\n")).toBe(heldBy(evidence));
      }),
      { numRuns: 100 },
    );
  });
});
