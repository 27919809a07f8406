/** What one packet may cost: a member that says or asks the same over and over must not keep another one busy. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodePacket, type Item, parsePacket } from "../../gossip/index.js";
import { RecordTree } from "../../gossip/records/record-tree.js";
import { Rings } from "../../rings/index.js";
import { Geometry } from "../support/gossip/geometry.js";
import { Overlay, type Seat } from "../support/gossip/overlay.js";
import {
  accusationOf,
  accusationStatement,
  certificateStatement,
  equivocationStatement,
  noteOf,
  noteStatement,
} from "../support/gossip/statements.js";

afterEach(() => vi.restoreAllMocks());

/** A network at rest, and how many signatures and certificates it checks from now on. */
function quiet(): { overlay: Overlay; seats: Seat[]; checks: () => number } {
  const overlay = new Overlay();
  const seats = overlay.grow(5);
  overlay.run(5000);
  const check = vi.spyOn(overlay.authority, "check");
  return { overlay, seats, checks: () => check.mock.calls.length };
}

describe("a packet", () => {
  it("that asks 256 times for everything is answered once", () => {
    const { overlay, seats } = quiet();
    const [seat, liar] = seats as [Seat, Seat];
    const list = vi.spyOn(RecordTree.prototype, "list");
    const everything: Item = { kind: "range", prefix: "", hash: new Uint8Array(16) };
    const packet = encodePacket(new Array(256).fill(everything));
    overlay.input(seat, () => seat.machine.request(liar.id, packet, overlay.now));
    expect(list.mock.calls.length).toBe(1);
  });

  it("that says the same 1,000 times costs one check", () => {
    const { overlay, seats, checks } = quiet();
    const [seat, , liar] = seats as [Seat, Seat, Seat];
    const told = accusationStatement(accusationOf(liar.certificate, seat.id, 1, seat.machine.epoch));
    overlay.tell(liar, seat, ...new Array(1000).fill(told));
    overlay.run(1);
    expect(checks()).toBe(1);
  });

  it("of 1,000 notes of one member costs no more checks than its budget, however often it comes", () => {
    const { overlay, seats, checks } = quiet();
    const [seat, liar] = seats as [Seat, Seat];
    for (let packet = 0; packet < 10; packet++) {
      const notes = Array.from({ length: 1000 }, (_, index) => 2n ** 50n + BigInt(1000 * packet + index));
      overlay.tell(liar, seat, ...notes.map((epoch) => noteStatement(noteOf(liar.certificate, { epoch }))));
      overlay.run(1);
    }
    // t + 2 at once, as many again that it passes on to others and hears from them, and eight that wait.
    expect(checks()).toBeLessThan(100);
  });

  it("of more statements than its partner has left is refused before any of them is looked at", () => {
    const { overlay, seats } = quiet();
    const [seat, liar] = seats as [Seat, Seat];
    const told = accusationStatement(accusationOf(liar.certificate, seat.id, 1, 1n));
    const rejected = () => overlay.told(seat, "rejected").filter(({ what }) => what === "accusation").length;
    const answers: string[] = [];
    const counts: number[] = [];
    for (let packet = 0; packet < 6; packet++) {
      const before = rejected();
      const answer = parsePacket(overlay.tell(liar, seat, ...new Array(1024).fill(told)));
      answers.push(answer.ok ? (answer.items[0]?.kind ?? "nothing") : answer.reason);
      counts.push(rejected() - before);
      overlay.run(1);
    }
    expect(answers).toEqual(["nothing", "nothing", "nothing", "nothing", "refused", "refused"]);
    expect(counts).toEqual([1, 1, 1, 1, 0, 0]);
    overlay.run(600);
    expect(overlay.tell(liar, seat, ...new Array(1024).fill(told))).toHaveLength(1);
  });

  it("of lies is checked up to the first ones, and what was true beside them is heard from others", () => {
    const { overlay, seats, checks } = quiet();
    const [seat, liar, honest] = seats as [Seat, Seat, Seat];
    const lies = Array.from({ length: 1000 }, (_, index) => {
      return certificateStatement({ ...liar.certificate, leaf: new TextEncoder().encode(`lie ${index}`) });
    });
    const truth = noteStatement(noteOf(honest.certificate, { epoch: 2n ** 50n }));
    overlay.tell(liar, seat, ...lies, truth);
    overlay.run(1);
    expect(checks()).toBeLessThan(200);
    overlay.tell(honest, seat, truth);
    overlay.run(1);
    expect(seat.machine.member(honest.id)?.epoch).toBe(2n ** 50n);
  });

  it("is not kept whole for the one note in it that is held", () => {
    const { overlay, seats } = quiet();
    const [seat, liar] = seats as [Seat, Seat];
    const note = noteOf(liar.certificate, { epoch: 2n ** 50n, metadata: Uint8Array.of(7) });
    const stale = Array.from({ length: 500 }, (_, index) =>
      noteStatement(noteOf(liar.certificate, { epoch: BigInt(index) })),
    );
    overlay.tell(liar, seat, ...stale, noteStatement(note));
    overlay.run(1);
    const { metadata } = seat.machine.member(liar.id)!;
    expect(metadata).toEqual(Uint8Array.of(7));
    expect(metadata.buffer.byteLength).toBeLessThan(1000);
  });

  it("of ever better proofs against one member is taken at the rate of its notes", () => {
    const { overlay, seats } = quiet();
    const [seat, liar, mule] = seats as [Seat, Seat, Seat];
    const roots = new Set<string>();
    for (let index = 0; index < 100; index++) {
      const options = { epoch: 2n ** 50n - BigInt(index) };
      const twin = noteOf(liar.certificate, { ...options, metadata: Uint8Array.of(1) });
      overlay.tell(mule, seat, equivocationStatement(noteOf(liar.certificate, options), twin));
      overlay.run(1);
      roots.add(Buffer.from(seat.machine.fingerprint()).toString("hex"));
    }
    expect(roots.size).toBeLessThan(12);
    overlay.run(60_000);
    expect(overlay.isEqual(seats.filter((other) => other !== liar))).toBe(true);
  });
});

describe("accusations that do not stand", () => {
  it("cost a look each and no walk along the ring, whatever else changes", () => {
    const { overlay, seats } = quiet();
    const [observer, liar, victim, other] = seats as [Seat, Seat, Seat, Seat];
    const geometry = new Geometry(overlay);
    const rings = geometry.rings.filter((ring) => geometry.predecessor(ring, victim) !== liar);
    const held = observer.machine.statements().length;
    overlay.accuse(liar, victim, rings, [observer]);
    overlay.run(1);
    expect(observer.machine.statements().length).toBe(held + rings.length);
    const between = vi.spyOn(Rings.prototype, "between");
    overlay.tell(liar, observer, noteStatement(noteOf(other.certificate, { epoch: 2n ** 50n })));
    overlay.run(1);
    expect(observer.machine.member(other.id)?.epoch).toBe(2n ** 50n);
    expect(between.mock.calls.length).toBe(0);
  });
});
