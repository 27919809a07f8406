/**
 * The hash tree over all held records (protocol sections 5 and 6): its root is the fingerprint of a view, its nodes are the
 * ranges that reconciliation compares.
 *
 * A radix trie over the record digests, sixteen ways, one hex digit a level. A node with at most LEAF_RECORDS records
 * is a leaf, a bigger one is split: the shape, and so every hash, depends on the set alone and not on the order in
 * which it grew.
 *
 * Nodes never change: an insert or a delete makes the nodes on its path anew and shares all others, so a fork is one
 * reference, and a hash is computed once for all trees that share the node, when it is first asked for.
 */
import { type Sha256, writeHex } from "../../rings/index.js";

/** Records up to which a node stays a leaf: a leaf is what one partner lists to another, 16 bytes a record. */
export const LEAF_RECORDS = 16;
/** Bytes of a node's hash. A collision would take 2^64 work and hide one difference from one exchange. */
export const RANGE_HASH_BYTES = 16;

const DIGITS = "0123456789abcdef";
const EMPTY_HASH = new Uint8Array(RANGE_HASH_BYTES);
const LEAF_TAG = 0;
const INNER_TAG = 1;
/** A record as it is hashed. */
const RECORD_BYTES = 32;

interface TreeNode {
  readonly count: number;
  /** In ascending order; undefined in a node that is split. */
  readonly records: readonly string[] | undefined;
  readonly children: readonly (TreeNode | undefined)[] | undefined;
  /** Of this node for good, once it was asked for. */
  hash: Uint8Array | undefined;
}

const EMPTY_LEAF: TreeNode = leaf([]);

/** What the tree holds under one prefix of hex digits. */
export interface Range {
  readonly prefix: string;
  readonly count: number;
  readonly hash: Uint8Array;
  /** A range of at most LEAF_RECORDS records is listed, a bigger one is split. */
  readonly isLeaf: boolean;
}

export class RecordTree {
  readonly #sha256: Sha256;
  #root: TreeNode;

  constructor(sha256: Sha256, base?: RecordTree) {
    this.#sha256 = sha256;
    this.#root = base ? base.#root : EMPTY_LEAF;
  }

  /** The same set once more; neither sees what is done to the other. */
  fork(): RecordTree {
    return new RecordTree(this.#sha256, this);
  }

  get size(): number {
    return this.#root.count;
  }

  /** The fingerprint of the whole set, 16 bytes; all zeros when it is empty. */
  root(): Uint8Array {
    return this.#hash(this.#root);
  }

  has(digest: string): boolean {
    let node: TreeNode | undefined = this.#root;
    for (let depth = 0; node?.children; depth++) node = node.children[digitAt(digest, depth)];
    return node?.records?.includes(digest) ?? false;
  }

  insert(digest: string): boolean {
    if (this.has(digest)) return false;
    this.#root = withRecord(this.#root, digest, 0);
    return true;
  }

  delete(digest: string): boolean {
    if (!this.has(digest)) return false;
    this.#root = withoutRecord(this.#root, digest, 0);
    return true;
  }

  range(prefix: string): Range {
    const node = this.#find(prefix);
    if (!node) return { prefix, count: 0, hash: EMPTY_HASH, isLeaf: true };
    return { prefix, count: node.count, hash: this.#hash(node), isLeaf: !node.children };
  }

  /** The hashes of the sixteen ranges one digit below, in order of the digit. */
  childHashes(prefix: string): Uint8Array[] {
    const children = this.#find(prefix)?.children;
    if (children) return children.map((child) => (child ? this.#hash(child) : EMPTY_HASH));
    return [...DIGITS].map((digit) => this.range(prefix + digit).hash);
  }

  /** All records under the prefix, at most `limit` of them, in ascending order. */
  list(prefix: string, limit = Number.POSITIVE_INFINITY): string[] {
    const found: string[] = [];
    const node = this.#find(prefix);
    if (node) collect(node, limit, found);
    return found;
  }

  /** The node at a prefix; where the tree is a leaf above the prefix, a node made up of what is under it. */
  #find(prefix: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.#root;
    for (let depth = 0; depth < prefix.length; depth++) {
      if (!node?.children) return node && narrowed(node, prefix);
      node = node.children[digitAt(prefix, depth)];
    }
    return node;
  }

  #hash(node: TreeNode): Uint8Array {
    if (node.count === 0) return EMPTY_HASH;
    if (!node.hash) {
      const bytes = node.children ? this.#innerBytes(node.children) : leafBytes(node.records ?? []);
      node.hash = this.#sha256(bytes).slice(0, RANGE_HASH_BYTES);
    }
    return node.hash;
  }

  #innerBytes(children: readonly (TreeNode | undefined)[]): Uint8Array {
    const bytes = new Uint8Array(1 + children.length * RANGE_HASH_BYTES);
    bytes[0] = INNER_TAG;
    for (const [index, child] of children.entries()) {
      if (child) bytes.set(this.#hash(child), 1 + index * RANGE_HASH_BYTES);
    }
    return bytes;
  }
}

function leaf(records: readonly string[]): TreeNode {
  return { count: records.length, records, children: undefined, hash: undefined };
}

function inner(count: number, children: readonly (TreeNode | undefined)[]): TreeNode {
  return { count, records: undefined, children, hash: undefined };
}

function withRecord(node: TreeNode, digest: string, depth: number): TreeNode {
  if (!node.children) return nodeOf([...(node.records ?? []), digest].sort(), depth);
  const digit = digitAt(digest, depth);
  return inner(
    node.count + 1,
    node.children.with(digit, withRecord(node.children[digit] ?? EMPTY_LEAF, digest, depth + 1)),
  );
}

/** The record is there. A node that has become small is one leaf again, however it is split below. */
function withoutRecord(node: TreeNode, digest: string, depth: number): TreeNode {
  if (!node.children || node.count <= LEAF_RECORDS + 1)
    return leaf(recordsOf(node).filter((record) => record !== digest));
  const digit = digitAt(digest, depth);
  const child = withoutRecord(node.children[digit] as TreeNode, digest, depth + 1);
  return inner(node.count - 1, node.children.with(digit, child.count > 0 ? child : undefined));
}

/** A leaf, or when there are too many, one that is split at this digit, and those below at the next one. */
function nodeOf(records: readonly string[], depth: number): TreeNode {
  if (records.length <= LEAF_RECORDS) return leaf(records);
  const parts: string[][] = Array.from(DIGITS, () => []);
  for (const record of records) parts[digitAt(record, depth)]?.push(record);
  const children = parts.map((part) => (part.length > 0 ? nodeOf(part, depth + 1) : undefined));
  return inner(records.length, children);
}

function leafBytes(records: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(1 + records.length * RECORD_BYTES);
  bytes[0] = LEAF_TAG;
  for (const [index, record] of records.entries()) writeHex(record, bytes, 1 + index * RECORD_BYTES);
  return bytes;
}

function digitAt(digest: string, depth: number): number {
  const code = digest.charCodeAt(depth);
  // Lower case: "0" is 48, "a" is 97. Beyond the end all is zero.
  return code >= 97 ? code - 87 : code >= 48 ? code - 48 : 0;
}

function recordsOf(node: TreeNode): string[] {
  const found: string[] = [];
  collect(node, Number.POSITIVE_INFINITY, found);
  return found;
}

function collect(node: TreeNode, limit: number, found: string[]): void {
  for (const record of node.records ?? []) if (found.length < limit) found.push(record);
  for (const child of node.children ?? []) if (child && found.length < limit) collect(child, limit, found);
}

function narrowed(node: TreeNode, prefix: string): TreeNode {
  return leaf((node.records ?? []).filter((record) => record.startsWith(prefix)));
}
