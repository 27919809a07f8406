/**
 * A reader of statements that all members of a simulation share: each statement is parsed and digested once, not once by
 * every member that hears it, and is held once. By content, and bounded: what was not asked for lately is read anew.
 */
import { type ReadStatement, type StatementReader, statementReader } from "../../gossip/index.js";
import { equalBytes, type Sha256 } from "../../rings/index.js";
import { Generations } from "./generations.js";
import { Mixer } from "./mixer.js";

/** Statements remembered in each of two generations: of some 2 KiB each with all that was read from them. */
const GENERATION_MAX = 16_384;
/** 2^21: 32 bits times it and 21 more are a whole number that a double holds exactly. */
const TWO_21 = 2_097_152;

export function sharedReader(sha256: Sha256): StatementReader {
  const readAnew = statementReader(sha256);
  const memory = new Generations<ReadStatement>(GENERATION_MAX);
  return (bytes) => {
    const key = keyOf(bytes);
    const known = memory.get(key);
    if (known && equalBytes(known.bytes, bytes)) return known;
    const read = readAnew(bytes);
    if (read) memory.set(key, read);
    return read;
  };
}

/** 53 bits over the content; who shares them with another content only pushes it out. */
function keyOf(bytes: Uint8Array): number {
  const mixer = new Mixer().bytes(bytes);
  return mixer.draw() * TWO_21 + (mixer.draw() % TWO_21);
}
