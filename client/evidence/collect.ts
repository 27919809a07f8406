/** Puts together what a member holds of another one, live or gone, or of itself, and signs it as one message. */
import { type Machine, parseStatement } from "../../gossip/index.js";
import { type Identity, signCms } from "../../identity/index.js";
import { type MemberId, toHex } from "../../rings/index.js";
import type { Explanation } from "../history/explanation.js";
import type { KeptStatement } from "../history/statements.js";
import { type Bundle, EVIDENCE_BYTES_MAX, encodeBundle, STATEMENTS_MAX } from "./bundle.js";

export interface EvidenceParts {
  readonly identity: Pick<Identity, "certificate" | "privateKey">;
  readonly explanation: Explanation;
  /** About it and by it, oldest first. */
  readonly kept: readonly KeptStatement[];
  readonly inspect: Machine["inspect"];
  readonly revocations: Uint8Array | undefined;
  /** Unix milliseconds. */
  readonly at: number;
}

/** PEM text: see `Client.evidence`. */
export async function evidenceOf(parts: EvidenceParts): Promise<string> {
  const { certificate, privateKey } = parts.identity;
  return await signCms(encodeBundle(bundleOf(parts)), certificate, privateKey);
}

/** Bytes of what is signed, so that its envelope, in lines of base64, stays below what is verified. */
const CONTENT_BYTES_MAX = Math.floor(0.7 * EVIDENCE_BYTES_MAX);
/** For a statement in the list: quotes, a comma, a line. */
const LISTED_BYTES = 8;

/** The newest statements, when there are more than evidence may have: a sentence says how many are left out. */
export function bundleOf({ identity, explanation, kept, inspect, revocations, at }: EvidenceParts): Bundle {
  const { member, name, sentences, events } = explanation;
  const { certificate } = identity;
  const { accusations, proof } = inspect(member as MemberId);
  const around = {
    network: toHex(certificate.networkId),
    about: { id: member, name },
    by: { id: certificate.id, name: certificate.name },
    ...{ at, sentences, events },
  };
  const pack = new Pack(CONTENT_BYTES_MAX - encodeBundle({ ...around, statements: [] }).length - SENTENCE_BYTES);
  pack.add([
    ...inspect(member as MemberId).introduction,
    ...(revocations ? [revocations] : []),
    ...(proof ? [proof] : []),
  ]);
  const said = [
    ...kept.map(({ member: about, author, bytes }) => ({ bytes, speakers: [about, author] })),
    ...accusations.map(({ statement }) => ({ bytes: statement, speakers: [] })),
  ];
  let left = 0;
  for (const { bytes, speakers } of said.toReversed()) {
    const all = [...speakers, ...speakersOf(bytes)];
    const isIn = pack.add([bytes, ...all.flatMap((id) => inspect(id as MemberId).introduction)]);
    if (!isIn) left += 1;
  }
  const statements = pack.all.toReversed();
  return { ...around, sentences: left === 0 ? sentences : [...sentences, leftOut(left)], statements };
}

/** Of `leftOut`. */
const SENTENCE_BYTES = 200;

function leftOut(count: number): string {
  return `Evidence is full: ${count} older statements that are held are not in it.`;
}

/** Statements, each once, in so many bytes of JSON. */
class Pack {
  readonly #byText = new Map<string, Uint8Array>();
  #room: number;

  constructor(room: number) {
    this.#room = room;
  }

  get all(): readonly Uint8Array[] {
    return [...this.#byText.values()];
  }

  /** All of them or none: a statement without its author's certificate proves nothing. */
  add(statements: readonly Uint8Array[]): boolean {
    const fresh = new Map(statements.map((bytes) => [Buffer.from(bytes).toString("latin1"), bytes]));
    for (const text of [...fresh.keys()]) if (this.#byText.has(text)) fresh.delete(text);
    const cost = [...fresh.keys()].reduce((sum, { length }) => sum + 4 * Math.ceil(length / 3) + LISTED_BYTES, 0);
    if (cost > this.#room || this.#byText.size + fresh.size > STATEMENTS_MAX) return false;
    this.#room -= cost;
    for (const [text, bytes] of fresh) this.#byText.set(text, bytes);
    return true;
  }
}

function speakersOf(bytes: Uint8Array): string[] {
  const claim = parseStatement(bytes);
  return claim?.kind === "accusation" ? [claim.accusation.accuser, claim.accusation.accused] : [];
}
