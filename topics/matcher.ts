/**
 * Who subscribes to a topic, among many patterns: a tree over their tokens in which a path without a branch is one node. So it
 * has at most two nodes a pattern, however many tokens a liar puts into its patterns, and a look-up visits those alone
 * whose tokens match.
 */
import { ANY_REST, ANY_TOKEN, tokensOf } from "./names.js";

interface Node<T> {
  /** From the node above to this one; none at the root. */
  tokens: readonly string[];
  /** By their first token. */
  below: Map<string, Node<T>>;
  /** Of the pattern that ends here. */
  readonly values: Set<T>;
}

/** Patterns with values, each value once a pattern. The caller has checked the patterns and topics (names.ts). */
export class Matcher<T> {
  readonly #root: Node<T> = { tokens: [], below: new Map(), values: new Set() };
  #size = 0;

  /** Pairs of a pattern and a value. */
  get size(): number {
    return this.#size;
  }

  /** False when it was there. */
  add(pattern: string, value: T): boolean {
    const { values } = place(this.#root, tokensOf(pattern));
    if (values.has(value)) return false;
    values.add(value);
    this.#size += 1;
    return true;
  }

  /** False when it was not there. */
  delete(pattern: string, value: T): boolean {
    if (!remove(this.#root, tokensOf(pattern), 0, value)) return false;
    this.#size -= 1;
    return true;
  }

  /** The values of all patterns that stand for the topic, each once. */
  match(topic: string): Set<T> {
    const found = new Set<T>();
    collect(this.#root, tokensOf(topic), 0, found);
    return found;
  }

  /** Nodes that are held, the root included: a measure of memory. */
  get nodes(): number {
    return count(this.#root);
  }
}

/** The node of a pattern, made when it is not there. */
function place<T>(root: Node<T>, tokens: readonly string[]): Node<T> {
  let node = root;
  for (let at = 0; at < tokens.length; ) {
    const first = tokens[at]!;
    const next = node.below.get(first);
    const shared = next ? sharedLength(next.tokens, tokens, at) : tokens.length - at;
    if (!next || shared < next.tokens.length) {
      const made: Node<T> = { tokens: tokens.slice(at, at + shared), below: new Map(), values: new Set() };
      if (next) {
        next.tokens = next.tokens.slice(shared);
        made.below.set(next.tokens[0]!, next);
      }
      node.below.set(first, made);
      node = made;
    } else node = next;
    at += shared;
  }
  return node;
}

function sharedLength(label: readonly string[], tokens: readonly string[], at: number): number {
  let shared = 0;
  while (shared < label.length && label[shared] === tokens[at + shared]) shared += 1;
  return shared;
}

function remove<T>(node: Node<T>, tokens: readonly string[], at: number, value: T): boolean {
  if (at === tokens.length) return node.values.delete(value);
  const first = tokens[at]!;
  const next = node.below.get(first);
  if (!next || sharedLength(next.tokens, tokens, at) < next.tokens.length) return false;
  if (!remove(next, tokens, at + next.tokens.length, value)) return false;
  if (next.values.size > 0) return true;
  if (next.below.size === 0) node.below.delete(first);
  else if (next.below.size === 1) node.below.set(first, joined(next));
  return true;
}

/** A node without values and its only one below, as one. */
function joined<T>(node: Node<T>): Node<T> {
  const [only] = node.below.values();
  only!.tokens = [...node.tokens, ...only!.tokens];
  return only!;
}

function collect<T>(node: Node<T>, topic: readonly string[], at: number, found: Set<T>): void {
  if (at === topic.length) {
    for (const value of node.values) found.add(value);
  }
  const first = topic[at]!;
  for (const key of first === ANY_TOKEN || first === ANY_REST ? [] : [first, ANY_TOKEN, ANY_REST]) {
    const next = node.below.get(key);
    if (next) follow(next, topic, at, found);
  }
}

function follow<T>(node: Node<T>, topic: readonly string[], at: number, found: Set<T>): void {
  for (const [index, token] of node.tokens.entries()) {
    if (at + index >= topic.length) return;
    if (token === ANY_REST) break;
    if (token !== ANY_TOKEN && token !== topic[at + index]) return;
  }
  const isRest = node.tokens.at(-1) === ANY_REST;
  collect(node, topic, isRest ? topic.length : at + node.tokens.length, found);
}

function count<T>(node: Node<T>): number {
  let sum = 1;
  for (const below of node.below.values()) sum += count(below);
  return sum;
}
