/**
 * Reading a statement: what it claims, and the digest of its record. Both depend on nothing but its bytes, so machines of
 * one process may share a reader that remembers; each by itself reads anew.
 */
import type { Sha256 } from "../rings/index.js";
import { type Claim, parseStatement, recordDigest } from "./statement.js";

export interface ReadStatement {
  readonly claim: Claim;
  /** As by `recordDigest`. */
  readonly digest: string;
  /** All of it, and nothing around it: what is admitted is handed on as it came. */
  readonly bytes: Uint8Array;
}

/** Undefined when the bytes are not exactly one statement. The result must not hold on to `bytes`: they may be a packet's. */
export type StatementReader = (bytes: Uint8Array) => ReadStatement | undefined;

/** A reader without memory. */
export function statementReader(sha256: Sha256): StatementReader {
  return (bytes) => {
    // A copy: what is held of one statement must not hold the whole packet that it came in.
    const own = new Uint8Array(bytes);
    const claim = parseStatement(own);
    return claim && { claim, digest: recordDigest(sha256, claim), bytes: own };
  };
}
