/**
 * The audit outside of the store: one JSON document per line, and at the end the head, signed with the issuing key. The
 * hash of each entry covers the one before it, so a change, a gap or another order shows; the signed head shows a cut end.
 */
import {
  FirefliesError,
  networkOfIssuing,
  publicKeyFromSpki,
  type Signer,
  signedBytes,
  spkiOfCertificate,
  verify,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { AUDIT_START, auditHash } from "../store/audit-chain.js";
import type { AuditEntry, AuditHead } from "../store/store.js";

/** An entry of ours has 400 bytes; a longer line is none. Characters. */
export const AUDIT_LINE_MAX = 16_384;

/** Who vouches for the end of an export. */
export interface HeadSigner {
  /** The issuing certificate, DER. */
  readonly certificate: Uint8Array;
  readonly sign: Signer;
  /** 32 bytes. */
  readonly networkId: Uint8Array;
  /** Unix milliseconds. */
  readonly at: number;
}

/** One line, without its end. */
export function auditLine({ fields, ...entry }: AuditEntry): string {
  const { sequence, at, network, kind, previous, hash } = entry;
  return JSON.stringify({ sequence, at, network, kind, fields: JSON.parse(fields) as unknown, previous, hash });
}

/** The last line of an export. */
export async function headLine(head: AuditHead, { certificate, sign, networkId, at }: HeadSigner): Promise<string> {
  const signature = await sign(signedBytes("audit", networkId, headBytes(head, at)));
  const encoded = { certificate: base64(certificate), signature: base64(signature), network: toHex(networkId) };
  return JSON.stringify({ head: { sequence: head.sequence, hash: head.hash, at }, ...encoded });
}

function headBytes({ sequence, hash }: AuditHead, at: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([sequence, hash, at]));
}

export type AuditVerdict =
  | { readonly ok: true; readonly head: AuditHead; readonly entries: number }
  /** `problem` is a sentence without its stop. */
  | { readonly ok: false; readonly problem: string };

/** Follows the chain entry by entry. */
export class ChainReader {
  #head: AuditHead | undefined;
  #entries = 0;

  /** Of the last entry that fitted. */
  get head(): AuditHead {
    return this.#head ?? AUDIT_START;
  }

  get entries(): number {
    return this.#entries;
  }

  /** What is wrong with this entry as the next one; undefined when it fits. The first one may begin anywhere. */
  add(entry: AuditEntry): string | undefined {
    const expected = this.#head ?? { sequence: entry.sequence - 1, hash: entry.previous };
    const { sequence, previous, hash } = entry;
    if (sequence < 1) return `an entry has the number ${sequence}`;
    if (sequence !== expected.sequence + 1) {
      return `entry ${sequence} follows entry ${expected.sequence}: some are missing or in another order`;
    }
    if (sequence === 1 && previous !== AUDIT_START.hash) return "entry 1 does not begin the chain";
    if (previous !== expected.hash) return `entry ${sequence} does not belong to entry ${expected.sequence}`;
    if (auditHash(entry) !== hash) return `entry ${sequence} was changed`;
    this.#head = { sequence, hash };
    this.#entries += 1;
    return undefined;
  }
}

/**
 * Checks an export. `root` (DER) says whose authority it must be from; `since` is the head of an earlier export, which must
 * lie in this one or be where it begins.
 */
export async function verifyAudit(
  lines: AsyncIterable<string> | Iterable<string>,
  { root, since }: { readonly root: Uint8Array; readonly since?: AuditHead | undefined },
): Promise<AuditVerdict> {
  const chain = new ChainReader();
  const anchor = new Anchor(since);
  let number = 0;
  let head: SignedHead | undefined;
  for await (const line of lines) {
    number += 1;
    if (head !== undefined) return broken(`line ${number} comes after the signed head`);
    const parsed = parseLine(line);
    if (parsed === undefined) return broken(`line ${number} is no line of an audit`);
    if (parsed.kind === "head") head = parsed.head;
    else {
      anchor.see({ sequence: parsed.entry.sequence - 1, hash: parsed.entry.previous });
      const problem = chain.add(parsed.entry);
      if (problem !== undefined) return broken(`line ${number}: ${problem}`);
    }
  }
  anchor.see(chain.entries === 0 && head !== undefined ? head : chain.head);
  if (head === undefined) return broken("the signed head is missing: the end was cut off");
  const last = chain.entries === 0 ? head : chain.head;
  if (head.sequence !== last.sequence || head.hash !== last.hash) {
    return broken(`it ends with entry ${chain.head.sequence}, but the signed head is entry ${head.sequence}`);
  }
  const problem = headProblem(head, root) ?? anchor.problem();
  return problem === undefined ? { ok: true, head: last, entries: chain.entries } : broken(problem);
}

/** What an earlier export vouched for must still be there, unchanged. */
export class Anchor {
  readonly #since: AuditHead | undefined;
  #found: string | undefined;

  constructor(since: AuditHead | undefined) {
    this.#since = since;
  }

  see({ sequence, hash }: AuditHead): void {
    if (sequence === this.#since?.sequence) this.#found = hash;
  }

  problem(): string | undefined {
    if (this.#since === undefined || this.#found === this.#since.hash) return undefined;
    const { sequence } = this.#since;
    return this.#found === undefined
      ? `entry ${sequence}, the end of the earlier export, is missing`
      : `entry ${sequence} is not the one that the earlier export ended with: the past was rewritten`;
  }
}

interface SignedHead extends AuditHead {
  readonly at: number;
  readonly certificate: Uint8Array;
  readonly signature: Uint8Array;
  readonly network: string;
}

function headProblem(head: SignedHead, root: Uint8Array): string | undefined {
  const { certificate, signature, at } = head;
  const network = networkOfIssuing(certificate, root);
  if (network === undefined || toHex(network.networkId) !== head.network)
    return "its head was signed by another authority";
  const key = publicKeyFromSpki(spkiOfCertificate(certificate) ?? new Uint8Array());
  const isSigned = key !== undefined && verify(key, "audit", network.networkId, headBytes(head, at), signature);
  return isSigned ? undefined : "the signature of its head is wrong";
}

type Line =
  | { readonly kind: "entry"; readonly entry: AuditEntry }
  | { readonly kind: "head"; readonly head: SignedHead };

function parseLine(line: string): Line | undefined {
  if (line.length > AUDIT_LINE_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return undefined;
    return "head" in value ? parseHead(value as Readonly<Record<string, unknown>>) : parseEntry(value);
  } catch {
    return undefined;
  }
}

const HASH = /^[0-9a-f]{64}$/;

function parseEntry(value: object): Line | undefined {
  const { sequence, at, network, kind, fields, previous, hash, ...rest } = value as Readonly<Record<string, unknown>>;
  const isWhole = Number.isSafeInteger(sequence) && Number.isFinite(at) && Object.keys(rest).length === 0;
  const isText = typeof network === "string" && typeof kind === "string";
  const isChained = typeof previous === "string" && typeof hash === "string" && HASH.test(previous) && HASH.test(hash);
  if (!isWhole || !isText || !isChained || typeof fields !== "object") return undefined;
  const entry = { sequence: sequence as number, at: at as number, network, kind, previous, hash };
  return { kind: "entry", entry: { ...entry, fields: JSON.stringify(fields) } };
}

/** One spelling only: base64 could be written in several ways. */
function parseHead({ head, certificate, signature, network, ...rest }: Readonly<Record<string, unknown>>) {
  const { sequence, hash, at, ...others } = head as Readonly<Record<string, unknown>>;
  const [der, signed] = [bytesOf(certificate), bytesOf(signature)];
  const isKnown = Object.keys(rest).length === 0 && Object.keys(others).length === 0;
  if (der === undefined || signed === undefined || typeof network !== "string" || !isKnown) return undefined;
  if (!Number.isSafeInteger(sequence) || typeof hash !== "string" || !Number.isFinite(at)) return undefined;
  const parsed = { sequence: sequence as number, hash, at: at as number, network };
  return { kind: "head", head: { ...parsed, certificate: der, signature: signed } } as const;
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  const bytes = new Uint8Array(Buffer.from(value, "base64"));
  return base64(bytes) === value ? bytes : undefined;
}

/** The signed head of an earlier export, the last line of it. Throws "audit-broken" when there is none of this authority. */
export function readHead(line: string, root: Uint8Array): AuditHead {
  const parsed = parseLine(line);
  if (parsed?.kind !== "head") throw auditBroken("the earlier export has no signed head");
  const problem = headProblem(parsed.head, root);
  if (problem !== undefined) throw auditBroken(`the earlier export: ${problem}`);
  return { sequence: parsed.head.sequence, hash: parsed.head.hash };
}

export function auditBroken(problem: string): FirefliesError {
  return new FirefliesError("audit-broken", `The audit does not hold: ${problem}.`);
}

function broken(problem: string): AuditVerdict {
  return { ok: false, problem };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
