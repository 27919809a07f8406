/** Rule R22 of docs/protocol.md: what members subscribe to, beside membership, which never waits for it. */
import { describe, expect, it, test } from "vitest";
import { encodePacket, INTEREST_BYTES_MAX, type Item, parseInterest, parsePacket } from "../../../gossip/index.js";
import { INTEREST_BURST_BYTES, INTERESTS_BYTES_MAX } from "../../../gossip/limits.js";
import { FakeAuthority } from "../../support/gossip/authority.js";
import { heldBy, rootOf } from "../../support/gossip/holdings.js";
import { Overlay, type Seat } from "../../support/gossip/overlay.js";
import { Scene } from "../../support/gossip/scene.js";
import {
  checked,
  equivocationStatement,
  interestOf,
  interestStatement,
  noteOf,
  revocationsOf,
} from "../../support/gossip/statements.js";

const text = (value: string) => new TextEncoder().encode(value);
const said = (seat: Seat, of: Seat) => {
  const content = seat.machine.interestOf(of.id)?.content;
  return content && new TextDecoder().decode(content);
};
const set = (overlay: Overlay, seat: Seat, value: string | Uint8Array) =>
  overlay.input(seat, () => seat.machine.setInterest(typeof value === "string" ? text(value) : value, overlay.now));
const reasons = (overlay: Overlay, seat: Seat) =>
  overlay.told(seat, "rejected").flatMap(({ what, reason }) => (what === "interest" ? [reason] : []));

function grown(count = 6): { overlay: Overlay; seats: Seat[] } {
  const overlay = new Overlay();
  const seats = overlay.grow(count);
  overlay.run(5000);
  return { overlay, seats };
}

describe("R22 what is held of interests", () => {
  const scene = new Scene(3);
  const { evidence } = scene;
  const [a] = scene.members as [Scene["members"][0]];
  const held = () => evidence.interests.get(a.id)?.interest;

  it("is one a member: the highest version, and of two with one version the lower hash, whichever came first", () => {
    const one = interestOf(a, { version: 2n, content: text("one") });
    const other = interestOf(a, { version: 2n, content: text("other") });
    const [first, last] = [
      [one, other],
      [other, one],
    ].map((order) => {
      evidence.interests.drop(a.id);
      for (const interest of order) evidence.interests.admit(interest);
      return held()!;
    });
    expect(last!.content).toEqual(first!.content);
    expect(evidence.interests.problem(interestOf(a, { version: 1n }))).toBe("stale");
    expect(evidence.interests.problem(last!)).toBe("duplicate");
    expect(evidence.interests.problem(interestOf(a, { version: 3n }))).toBeUndefined();
  });

  it("is no reason to judge anybody anew", () => {
    const before = evidence.version;
    evidence.interests.admit(interestOf(a, { version: 9n }));
    expect(evidence.version).toBe(before);
  });

  test.each<[string, (scene: Scene, a: Scene["members"][0]) => void, string]>([
    ["its member leaves", (scene, a) => scene.note(a, { epoch: 9n, leaving: true }), "left"],
    [
      "its certificate is revoked",
      (scene, a) => scene.evidence.admitRevocations(revocationsOf({ number: 1n, certificates: new Set([a.hash]) })),
      "revoked",
    ],
    [
      "its member contradicts itself",
      (scene, a) =>
        scene.evidence.admitEquivocation([
          noteOf(a, { ringCount: 3, epoch: 5n }),
          noteOf(a, { ringCount: 3, epoch: 5n, metadata: text("x") }),
        ]),
      "silenced",
    ],
    ["its certificate has ended", (scene) => scene.evidence.passTime(1e16), "expired"],
    ["its certificate is forgotten", (scene) => scene.evidence.forget(1e16), "certificate-unknown"],
  ])("goes when %s, and none is taken again", (_, happen, reason) => {
    const scene = new Scene(3);
    const [a] = scene.members as [Scene["members"][0]];
    const before = rootOf(scene.evidence);
    scene.evidence.interests.admit(interestOf(a, { version: 1n, content: text("orders.>") }));
    expect(rootOf(scene.evidence)).not.toBe(before);
    happen(scene, a);
    expect(scene.evidence.interests.get(a.id)).toBeUndefined();
    expect(scene.evidence.interests.problem(interestOf(a, { version: 2n }))).toBe(reason);
    expect(scene.evidence.tree.list("").join("\n")).toBe(heldBy(scene.evidence));
  });

  it("has room for 64 MiB, of which the smallest find it first, whichever came first", () => {
    const scene = new Scene(0);
    const count = Math.ceil(INTERESTS_BYTES_MAX / INTEREST_BYTES_MAX) + 20;
    const certificates = Array.from({ length: count }, (_, index) => scene.authority.issue(`f${index}`));
    for (const facts of certificates) scene.evidence.admitCertificate(checked(facts));
    const sizeOf = (index: number) => INTEREST_BYTES_MAX - ((index * 7919) % 1000);
    const admit = (order: readonly number[]) => {
      const { interests } = scene.evidence;
      for (const facts of certificates) interests.drop(facts.id);
      for (const index of order)
        interests.admit(interestOf(certificates[index]!, { content: new Uint8Array(sizeOf(index)) }));
      return rootOf(scene.evidence);
    };
    const order = certificates.map((_, index) => index);
    const forwards = admit(order);
    const total = [...scene.evidence.interests.all()].reduce((sum, { interest }) => sum + interest.body.length, 0);
    expect(total).toBeLessThanOrEqual(INTERESTS_BYTES_MAX);
    expect(admit(order.toReversed())).toBe(forwards);
    const small = scene.authority.issue("small");
    scene.evidence.admitCertificate(checked(small));
    expect(scene.evidence.interests.admit(interestOf(small))).toBeDefined();
  });
});

describe("R22 the statement", () => {
  it("is bounded, and anything but one encoding is none", () => {
    const [facts] = new Scene(1).members;
    const { body } = interestOf(facts!, { content: new Uint8Array(INTEREST_BYTES_MAX) });
    expect(parseInterest(body)).toMatchObject({ id: facts!.id, version: 1n });
    const larger = interestOf(facts!, { content: new Uint8Array(INTEREST_BYTES_MAX + 1) });
    expect(parseInterest(larger.body)).toBeUndefined();
    expect(parseInterest(interestOf(facts!, { version: 0n }).body)).toBeUndefined();
    expect(parseInterest(interestOf(facts!, { version: 2n ** 63n }).body)).toBeUndefined();
    expect(parseInterest(Uint8Array.of(...body, 0))).toBeUndefined();
    expect(parseInterest(body.subarray(1))).toBeUndefined();
  });

  it("is offered where views are compared, and sent to who asks, in the last range of the tree", () => {
    const { overlay, seats } = grown(3);
    const [author, holder, asker] = seats as [Seat, Seat, Seat];
    set(overlay, author, "a");
    overlay.run(1000);
    const ask = (item: Item) => {
      const answer = parsePacket(holder.machine.request(asker.id, encodePacket([item]), overlay.now));
      return answer.ok ? answer.items : [];
    };
    const everything = ask({ kind: "range", prefix: "", hash: new Uint8Array(16) });
    const offers = everything.flatMap((item) => (item.kind === "interests" ? item.offers : []));
    expect(offers).toEqual([{ id: author.id, version: expect.any(BigInt), bytes: 78, digest: expect.any(String) }]);
    expect(offers[0]!.digest).toMatch(/^ffff/);
    expect(everything.filter((item) => item.kind === "statement" && item.bytes[0] === 6)).toEqual([]);
    const given = ask({ kind: "want", digests: [offers[0]!.digest] });
    expect(given.map((item) => (item.kind === "statement" ? item.bytes[0] : item.kind))).toEqual([6]);
    // A range that begins below it holds no other record here.
    expect(ask({ kind: "range", prefix: "ffff", hash: new Uint8Array(16) }).map(({ kind }) => kind)).toEqual([
      "interests",
    ]);
  });
});

describe("R22 spreading", () => {
  it("reaches everybody, tells each once, and says so to its author", () => {
    const { overlay, seats } = grown();
    const [author, ...others] = seats as [Seat, ...Seat[]];
    set(overlay, author, "orders.>");
    const tookMs = overlay.runUntil(() => others.every((seat) => said(seat, author) === "orders.>"));
    expect(tookMs).toBeLessThan(100);
    overlay.run(2000);
    for (const seat of others) {
      expect(overlay.told(seat, "interest").map(({ id, content }) => [id, content])).toEqual([
        [author.id, text("orders.>")],
      ]);
    }
    expect(overlay.told(author, "interest")).toEqual([]);
    const { version } = author.machine.interestOf(author.id)!;
    expect(version).toBeGreaterThanOrEqual(BigInt(overlay.now + overlay.wallOffset - 10_000));
    expect(overlay.told(author, "interest-spread")).toEqual([{ kind: "interest-spread", version }]);
    expect(overlay.isEqual()).toBe(true);
  });

  it("is known to have spread at once where all live members have answered, and to nobody's harm where one never does", () => {
    const { overlay, seats } = grown();
    const [author, mute] = seats as [Seat, Seat];
    set(overlay, author, "one");
    expect(overlay.runUntil(() => overlay.told(author, "interest-spread").length === 1)).toBeLessThan(100);
    mute.mute = true;
    set(overlay, author, "two");
    const tookMs = overlay.runUntil(() => overlay.told(author, "interest-spread").length === 2);
    expect(tookMs).toBeGreaterThanOrEqual(overlay.settings.deltaMs);
    expect(tookMs).toBeLessThanOrEqual(2 * overlay.settings.deltaMs);
  });

  it("costs nothing once it has spread: fingerprints are equal, and pings alone go on", () => {
    const quiet = grown();
    const talking = grown();
    set(talking.overlay, talking.seats[0]!, "orders.>");
    talking.overlay.run(5000);
    quiet.overlay.run(5000);
    const bytesIn = ({ overlay, seats }: typeof quiet) => {
      const before = seats.reduce((sum, { bytes }) => sum + bytes, 0);
      overlay.run(60_000);
      return seats.reduce((sum, { bytes }) => sum + bytes, 0) - before;
    };
    const [without, withInterest] = [bytesIn(quiet), bytesIn(talking)];
    expect(Math.abs(withInterest - without)).toBeLessThan(0.02 * without);
  });

  it("comes to who was cut off, and to who joins later, by comparing views", () => {
    const { overlay, seats } = grown();
    const [author, lost] = seats as [Seat, Seat];
    overlay.passes = (from, to, kind) => kind === "ping" || (from !== lost && to !== lost);
    set(overlay, author, "one");
    overlay.run(300);
    expect(said(lost, author)).toBeUndefined();
    overlay.passes = () => true;
    overlay.runUntil(() => said(lost, author) === "one", 10_000);
    const late = overlay.start("late", ["m2"]);
    overlay.runUntil(() => overlay.told(late, "ready").length > 0);
    expect(said(late, author)).toBe("one");
  });

  it("rises over a restart, also with a clock that was put back, and says that a new life subscribes to nothing", () => {
    const { overlay, seats } = grown();
    const [author, other] = seats as [Seat, Seat];
    set(overlay, author, "old life");
    overlay.run(1000);
    author.down = true;
    overlay.run(200);
    author.wallError = -3_600_000;
    overlay.start("m0", ["m1"], { keepState: true });
    overlay.runUntil(() => said(other, author) === "", 20_000);
    set(overlay, author, "new life");
    overlay.runUntil(() => said(other, author) === "new life", 20_000);
    overlay.runUntil(() => overlay.isEqual(), 20_000);
  });

  it("goes with who leaves", () => {
    const { overlay, seats } = grown();
    const [author, other] = seats as [Seat, Seat];
    set(overlay, author, "mine");
    overlay.run(1000);
    overlay.input(author, () => author.machine.leave(overlay.now));
    overlay.run(1000);
    expect(said(other, author)).toBeUndefined();
    expect(overlay.told(other, "interest").at(-1)).toEqual({
      kind: "interest",
      id: author.id,
      version: 0n,
      content: undefined,
    });
  });

  it("is said again under a renewed certificate", () => {
    const { overlay, seats } = grown();
    const [author, other] = seats as [Seat, Seat];
    set(overlay, author, "mine");
    overlay.run(1000);
    const renewed = overlay.authority.issue("m0", { notBefore: 1 });
    author.certificate = renewed;
    overlay.input(author, () => author.machine.renew(renewed, overlay.now));
    overlay.runUntil(() => other.machine.interestOf(author.id)?.certificate === renewed.hash);
    expect(said(other, author)).toBe("mine");
  });

  it("of 1,000 changes at once tells the last one, and what lies between costs nobody anything", () => {
    const { overlay, seats } = grown();
    const [author, ...others] = seats as [Seat, ...Seat[]];
    for (let index = 0; index < 1000; index++) set(overlay, author, `change ${index}`);
    overlay.runUntil(() => others.every((seat) => said(seat, author) === "change 999"), 5000);
    for (const seat of others) {
      expect(reasons(overlay, seat)).not.toContain("interest-budget");
      expect(overlay.told(seat, "interest").length).toBeLessThan(80);
    }
  });
});

describe("R22 liars", () => {
  it("forged, stale and malformed ones are data with a reason, and change nothing", () => {
    const { overlay, seats } = grown();
    const [author, seat] = seats as [Seat, Seat];
    set(overlay, author, "true");
    overlay.run(1000);
    const stale = interestOf(author.certificate, { version: 1n });
    const forged = { ...interestOf(author.certificate, { version: 2n ** 62n }), signature: new Uint8Array(64) };
    const foreign = interestOf(new FakeAuthority("other").issue("x"));
    const huge = interestOf(author.certificate, { content: new Uint8Array(INTEREST_BYTES_MAX + 1) });
    for (const statement of [stale, forged, foreign, huge].map(interestStatement))
      overlay.tell(seats[2]!, seat, statement);
    overlay.run(100);
    expect(reasons(overlay, seat)).toEqual(expect.arrayContaining(["stale", "signature", "certificate-unknown"]));
    expect(overlay.told(seat, "rejected")).toContainEqual(
      expect.objectContaining({ what: "statement", reason: "malformed" }),
    );
    expect(said(seat, author)).toBe("true");
  });

  it("who floods versions uses up its own budget: few are passed on, and others' changes go through at once", () => {
    const { overlay, seats } = grown();
    const [author, ...rest] = seats as [Seat, ...Seat[]];
    const [flooder] = rest.slice(-1) as [Seat];
    const correct = [author, ...rest.slice(0, -1)];
    // Its own machine would answer what it did not say.
    flooder.down = true;
    let version = 2n ** 50n;
    const sent = () => correct.reduce((sum, { bytes }) => sum + bytes, 0);
    const before = sent();
    for (let second = 0; second < 20; second++) {
      for (const seat of correct) {
        const list = Array.from({ length: 10 }, () =>
          interestStatement(interestOf(flooder.certificate, { version: version++, content: new Uint8Array(60_000) })),
        );
        overlay.tell(flooder, seat, ...list);
      }
      overlay.run(1000);
    }
    const admitted = overlay.told(author, "interest").filter(({ id }) => id === flooder.id);
    // Each admits two, and passes each on to four neighbours. The largest is 66 KiB: one at once, and then 4 KiB a second.
    expect(admitted.length).toBeLessThanOrEqual(1 + Math.ceil((20 * 4096) / 60_000) + 1);
    expect(sent() - before).toBeLessThan(12 * INTEREST_BURST_BYTES * correct.length);
    set(overlay, author, "while it floods");
    const others = correct.slice(1);
    expect(overlay.runUntil(() => others.every((seat) => said(seat, author) === "while it floods"))).toBeLessThan(200);
  });

  it("who says one thing here and another there is believed the same everywhere in the end", () => {
    const { overlay, seats } = grown();
    const [twofaced, ...others] = seats as [Seat, ...Seat[]];
    for (const [index, seat] of others.entries()) {
      const statement = interestOf(twofaced.certificate, { version: 2n ** 50n, content: text(`face ${index}`) });
      overlay.tell(others[(index + 1) % others.length]!, seat, interestStatement(statement));
    }
    twofaced.down = true;
    overlay.runUntil(() => new Set(others.map((seat) => said(seat, twofaced))).size === 1, 10_000);
  });

  it("membership waits for none of them: who joins a network full of the largest is in as soon as without them", () => {
    const joinMs = (isFull: boolean) => {
      const { overlay, seats } = grown(12);
      if (isFull) {
        for (const seat of seats) set(overlay, seat, new Uint8Array(INTEREST_BYTES_MAX).fill(7));
        overlay.run(5000);
      }
      const start = overlay.now;
      const late = overlay.start("late", ["m3"]);
      overlay.runUntil(() => overlay.told(late, "ready").length > 0);
      const ready = overlay.now - start;
      expect(late.machine.members()).toHaveLength(12);
      if (isFull) overlay.runUntil(() => late.machine.interests().length === 12, 20_000);
      return ready;
    };
    expect(joinMs(true)).toBeLessThanOrEqual(joinMs(false) + 100);
  });

  it("a proof against its author takes it out of all views", () => {
    const { overlay, seats } = grown();
    const [author, other] = seats as [Seat, Seat];
    set(overlay, author, "mine");
    overlay.run(1000);
    const pair = [1, 2].map((byte) =>
      noteOf(author.certificate, { epoch: author.machine.epoch + 5n, metadata: Uint8Array.of(byte) }),
    ) as [ReturnType<typeof noteOf>, ReturnType<typeof noteOf>];
    overlay.tell(other, seats[2]!, equivocationStatement(...pair));
    overlay.run(3000);
    for (const seat of seats.slice(1)) expect(said(seat, author)).toBeUndefined();
  });
});
