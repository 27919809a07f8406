/** The hash tree over records, and range-based reconciliation on it (Meyer 2023). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodePacket, type Item, LISTED_DIGITS } from "../../gossip/records/packet.js";
import { LEAF_RECORDS, RANGE_HASH_BYTES, RecordTree } from "../../gossip/records/record-tree.js";
import { reconcile } from "../../gossip/spreading/reconcile.js";
import { concatBytes, fromHex, toHex } from "../../rings/index.js";
import { sha256 } from "../support/gossip/authority.js";

const digestOf = (number: number) => toHex(sha256(new TextEncoder().encode(`record ${number}`)));

function treeOf(digests: Iterable<string>): RecordTree {
  const tree = new RecordTree(sha256);
  for (const digest of digests) tree.insert(digest);
  return tree;
}

/** The definition, word for word and without a tree: hash of a leaf, or of the sixteen parts. */
function modelHash(all: readonly string[], prefix: string): Uint8Array {
  const under = all.filter((digest) => digest.startsWith(prefix)).sort();
  if (under.length === 0) return new Uint8Array(RANGE_HASH_BYTES);
  const parts =
    under.length <= LEAF_RECORDS
      ? [Uint8Array.of(0), ...under.map((digest) => fromHex(digest)!)]
      : [Uint8Array.of(1), ...[..."0123456789abcdef"].map((digit) => modelHash(under, prefix + digit))];
  return sha256(concatBytes(...parts)).slice(0, RANGE_HASH_BYTES);
}

// Digests that share long prefixes, so that leaves split deep down, among random ones. The 32 digits that are listed
// to partners differ, as they do but for 2^64 work.
const digest = fc.oneof(
  fc.nat(400).map(digestOf),
  fc.nat(60).map((number) => ("abcdef".padEnd(28, "0") + number.toString(16).padStart(4, "0")).padEnd(64, "2")),
  fc.nat(60).map((number) => `7${number.toString(16).padStart(2, "0")}`.padEnd(64, "1")),
);
const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), digest), { maxLength: 300 });

describe("the record tree", () => {
  it("agrees with its definition after any inserts and deletes, at every prefix", () => {
    fc.assert(
      fc.property(steps, fc.stringMatching(/^[0-9a-f]{0,6}$/), (list, prefix) => {
        const tree = new RecordTree(sha256);
        const model = new Set<string>();
        for (const [action, record] of list) {
          if (action === 0) expect(tree.delete(record)).toBe(model.delete(record));
          else {
            expect(tree.insert(record)).toBe(!model.has(record));
            model.add(record);
          }
          expect(tree.has(record)).toBe(model.has(record));
        }
        const all = [...model].sort();
        expect(tree.size).toBe(all.length);
        for (const at of ["", prefix, all[0]?.slice(0, prefix.length) ?? "", "abcdef", "abcdef00"]) {
          const under = all.filter((record) => record.startsWith(at));
          expect(tree.list(at)).toEqual(under);
          expect(tree.range(at)).toMatchObject({ count: under.length, isLeaf: under.length <= LEAF_RECORDS });
        }
        expect(tree.root()).toEqual(modelHash(all, ""));
        // Below the depth of the tree a range is what is listed there.
        if (all.length > 0) expect(tree.range("a").hash).toEqual(modelHash(all, "a"));
      }),
    );
  });

  it("has one root for one set, whatever the order and the detours", () => {
    fc.assert(
      fc.property(fc.uniqueArray(digest, { maxLength: 120 }), fc.nat(), (set, turn) => {
        const other = treeOf(
          [...set.slice(turn % (set.length + 1)), ...set.slice(0, turn % (set.length + 1))].reverse(),
        );
        for (let number = 1000; number < 1030; number++) other.insert(digestOf(number));
        for (let number = 1000; number < 1030; number++) other.delete(digestOf(number));
        expect(other.root()).toEqual(treeOf(set).root());
      }),
    );
  });

  it("lists no more than it is asked for", () => {
    const tree = treeOf(Array.from({ length: 100 }, (_, number) => digestOf(number)));
    expect(tree.list("", 7).length).toBe(7);
  });
});

/** Two trees reconcile until nobody has anything to say; returns bytes of packets both ways, without the records. */
function talk(a: RecordTree, b: RecordTree): { bytes: number; packets: number } {
  let items: Item[] = [{ kind: "range", prefix: "", hash: a.root() }];
  let [mine, theirs] = [b, a];
  const spent = { bytes: 0, packets: 0 };
  while (items.length > 0 && spent.packets < 100) {
    spent.bytes += encodePacket(items).length;
    spent.packets += 1;
    const next: Item[] = [];
    const wants: string[] = [];
    for (const item of items) {
      const answer = reconcile(mine, item);
      next.push(...answer.items);
      // Instead of statements, digests change hands.
      for (const record of answer.give) theirs.insert(record);
      for (const record of answer.want) wants.push(record);
    }
    for (const want of wants)
      for (const record of theirs.list(want.slice(0, 8))) if (record.startsWith(want)) mine.insert(record);
    if (wants.length > 0) spent.bytes += encodePacket([{ kind: "want", digests: wants }]).length;
    items = next;
    [mine, theirs] = [theirs, mine];
  }
  return spent;
}

describe("reconciliation", () => {
  it("makes any two sets equal in one conversation", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(digest, { maxLength: 200 }),
        fc.uniqueArray(digest, { maxLength: 200 }),
        (left, right) => {
          const [a, b] = [treeOf(left), treeOf(right)];
          talk(a, b);
          expect(a.list("")).toEqual(b.list(""));
          expect(a.root()).toEqual(treeOf([...left, ...right]).root());
        },
      ),
    );
  });

  it("needs nothing from its partner to be true: invented items make it give, never throw or grow", () => {
    const tree = treeOf(Array.from({ length: 200 }, (_, number) => digestOf(number)));
    const item = fc.oneof(
      fc.record({
        kind: fc.constant("range" as const),
        prefix: fc.stringMatching(/^[0-9a-f]{0,64}$/),
        hash: fc.constant(new Uint8Array(16)),
      }),
      fc.record({
        kind: fc.constant("list" as const),
        prefix: fc.stringMatching(/^[0-9a-f]{0,64}$/),
        digests: fc.array(fc.stringMatching(/^[0-9a-f]{32}$/), { maxLength: 20 }),
      }),
    );
    fc.assert(
      fc.property(item, (invented) => {
        const { want } = reconcile(tree, invented);
        expect(want.length).toBeLessThanOrEqual(20);
        for (const record of want) expect(record.startsWith(invented.prefix.slice(0, LISTED_DIGITS))).toBe(true);
      }),
    );
  });

  it.each([
    // records, differing, bytes at most, packets at most
    [100, 0, 20, 1],
    [10_000, 0, 20, 1],
    [10_000, 1, 1700, 6],
    [10_000, 20, 26_000, 6],
    [1000, 20, 14_000, 6],
    [1000, 1, 1000, 6],
  ])("of %i records with %i differing takes at most %i bytes in %i packets", (records, differing, bytes, packets) => {
    const all = Array.from({ length: records }, (_, number) => digestOf(number));
    const [a, b] = [treeOf(all), treeOf(all)];
    for (let number = 0; number < differing; number++) {
      if (number % 2 === 0) a.delete(all[number * 7]!);
      else b.delete(all[number * 7]!);
    }
    const spent = talk(a, b);
    expect(a.root()).toEqual(b.root());
    expect(spent.bytes).toBeLessThanOrEqual(bytes);
    expect(spent.packets).toBeLessThanOrEqual(packets);
  });

  it("grows with the difference and not with the set", () => {
    const cost = (records: number, differing: number) => {
      const all = Array.from({ length: records }, (_, number) => digestOf(number));
      const [a, b] = [treeOf(all), treeOf(all.slice(differing))];
      return talk(a, b).bytes;
    };
    expect(cost(8000, 4)).toBeLessThan(3 * cost(500, 4));
    expect(cost(8000, 4)).toBeLessThan(cost(8000, 64) / 4);
  });
});
