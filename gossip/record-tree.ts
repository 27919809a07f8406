/**
 * The hash tree over all held records (protocol section 5): its root is the fingerprint of a view, its nodes are the
 * ranges that reconciliation compares.
 *
 * A radix trie over the record digests, sixteen ways, one hex digit a level. A node with at most LEAF_RECORDS records
 * is a leaf, a bigger one is split: the shape, and so every hash, depends on the set alone and not on the order in
 * which it grew. Hashes are computed when asked for and forgotten along the path of each change.
 */
import { concatBytes, fromHex, type Sha256 } from "../rings/index.js";

/** Records up to which a node stays a leaf: a leaf is what one partner lists to another, 16 bytes a record. */
export const LEAF_RECORDS = 16;
/** Bytes of a node's hash. A collision would take 2^64 work and hide one difference from one exchange. */
export const RANGE_HASH_BYTES = 16;

const DIGITS = "0123456789abcdef";
const EMPTY_HASH = new Uint8Array(RANGE_HASH_BYTES);
const LEAF_TAG = new Uint8Array([0]);
const INNER_TAG = new Uint8Array([1]);

interface TreeNode {
  count: number;
  hash: Uint8Array | undefined;
  records: Set<string> | undefined;
  children: (TreeNode | undefined)[] | undefined;
}

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
  readonly #root: TreeNode = leaf();

  constructor(sha256: Sha256) {
    this.#sha256 = sha256;
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
    return node?.records?.has(digest) ?? false;
  }

  insert(digest: string): boolean {
    if (this.has(digest)) return false;
    let node = this.#root;
    for (let depth = 0; ; depth++) {
      node.count += 1;
      node.hash = undefined;
      if (!node.children) {
        node.records?.add(digest);
        if (node.count > LEAF_RECORDS) split(node, depth);
        return true;
      }
      node = childOf(node.children, digitAt(digest, depth));
    }
  }

  delete(digest: string): boolean {
    if (!this.has(digest)) return false;
    let node: TreeNode | undefined = this.#root;
    for (let depth = 0; node; depth++) {
      node.count -= 1;
      node.hash = undefined;
      if (node.children && node.count <= LEAF_RECORDS) merge(node);
      node.records?.delete(digest);
      node = node.children?.[digitAt(digest, depth)];
    }
    return true;
  }

  range(prefix: string): Range {
    const node = this.#find(prefix);
    if (!node) return { prefix, count: 0, hash: EMPTY_HASH, isLeaf: true };
    return { prefix, count: node.count, hash: this.#hash(node), isLeaf: !node.children };
  }

  /** The hashes of the sixteen ranges one digit below, in order of the digit. */
  childHashes(prefix: string): Uint8Array[] {
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
    const bytes = node.hash ? undefined : node.children ? this.#innerBytes(node.children) : leafBytes(node);
    const hash = node.hash ?? this.#sha256(bytes as Uint8Array).slice(0, RANGE_HASH_BYTES);
    node.hash = hash;
    return hash;
  }

  #innerBytes(children: readonly (TreeNode | undefined)[]): Uint8Array {
    return concatBytes(INNER_TAG, ...children.map((child) => (child ? this.#hash(child) : EMPTY_HASH)));
  }
}

function leaf(): TreeNode {
  return { count: 0, hash: undefined, records: new Set(), children: undefined };
}

function leafBytes(node: TreeNode): Uint8Array {
  const records = [...(node.records ?? [])].sort();
  return concatBytes(LEAF_TAG, ...records.map((record) => fromHex(record) as Uint8Array));
}

function digitAt(digest: string, depth: number): number {
  return DIGITS.indexOf(digest[depth] ?? "0");
}

function childOf(children: (TreeNode | undefined)[], digit: number): TreeNode {
  const child = children[digit] ?? leaf();
  children[digit] = child;
  return child;
}

function split(node: TreeNode, depth: number): void {
  const children: (TreeNode | undefined)[] = new Array(DIGITS.length).fill(undefined);
  for (const record of node.records ?? []) {
    const child = childOf(children, digitAt(record, depth));
    child.records?.add(record);
    child.count += 1;
  }
  node.records = undefined;
  node.children = children;
  // Seventeen records that share a digit are split once more, at the next one.
  for (const child of children) if (child && child.count > LEAF_RECORDS) split(child, depth + 1);
}

function merge(node: TreeNode): void {
  const records: string[] = [];
  collect(node, Number.POSITIVE_INFINITY, records);
  node.records = new Set(records);
  node.children = undefined;
}

function collect(node: TreeNode, limit: number, found: string[]): void {
  if (node.records) for (const record of [...node.records].sort()) if (found.length < limit) found.push(record);
  for (const child of node.children ?? []) if (child && found.length < limit) collect(child, limit, found);
}

function narrowed(node: TreeNode, prefix: string): TreeNode {
  const records = new Set([...(node.records ?? [])].filter((record) => record.startsWith(prefix)));
  return { count: records.size, hash: undefined, records, children: undefined };
}
