/**
 * How a member shows who it is to the rendezvous server of another one: a signature in the headers of its request, over the
 * method, the token, the server that it means, the time and a number that is used once. So a server that has been shown one
 * cannot show it to another server, and nobody can show it again.
 */
import { randomBytes } from "node:crypto";
import { type Identity, type MemberCertificate, sign, verify } from "../../identity/index.js";
import type { Method } from "../../rdv/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";

/** By how much the clocks of two members may differ, milliseconds. */
export const CLOCKS_MS = 120_000;
/** A proof is good for so long from its first sight at most: from a clock that is behind to one that is ahead. */
const REMEMBERED_MS = 2 * CLOCKS_MS;
/** Proofs that are remembered, of one member and of all: four requests a second, and 8 MB. */
const OF_MEMBER_MAX = 1_024;
const ALL_MAX = 65_536;
const NONCE_BYTES = 16;
/** In base64url. */
const NONCE = /^[\w-]{22}$/;

const HEADER = {
  member: "Fireflies-Member",
  time: "Fireflies-Time",
  nonce: "Fireflies-Nonce",
  signature: "Fireflies-Signature",
} as const;

/** What is asked of whom. */
export interface Asked {
  readonly method: Method;
  readonly token: string;
  /** The server as the request's Host says: `serverName` of "host:port". */
  readonly server: string;
}

export interface MeetingProof {
  readonly member: MemberId;
  /** Unix milliseconds. */
  readonly at: number;
  readonly nonce: string;
  readonly signature: Uint8Array;
}

/** A server as a URL writes it: in lower case, without port 80. Undefined for what is no "host:port". */
export function serverName(address: string): string | undefined {
  return URL.canParse(`http://${address}`) ? new URL(`http://${address}`).host : undefined;
}

export function proofHeaders({ certificate, privateKey }: Identity, asked: Asked, at: number): Record<string, string> {
  const nonce = randomBytes(NONCE_BYTES).toString("base64url");
  const signature = sign(privateKey, "rendezvous", certificate.networkId, bodyOf(asked, { at, nonce }));
  return {
    [HEADER.member]: certificate.id,
    [HEADER.time]: String(at),
    [HEADER.nonce]: nonce,
    [HEADER.signature]: Buffer.from(signature).toString("base64url"),
  };
}

/** `headers` by names in lower case. Undefined when there is no proof among them. */
export function parseProof(headers: Readonly<Record<string, string>>): MeetingProof | undefined {
  const value = (name: string) => headers[name.toLowerCase()] ?? "";
  const member = parseMemberId(value(HEADER.member));
  const at = Number(value(HEADER.time) || Number.NaN);
  const nonce = value(HEADER.nonce);
  if (member === undefined || !Number.isSafeInteger(at) || !NONCE.test(nonce)) return undefined;
  return { member, at, nonce, signature: Buffer.from(value(HEADER.signature), "base64url") };
}

export function isProofOf({ publicKey, networkId }: MemberCertificate, asked: Asked, proof: MeetingProof): boolean {
  return verify(publicKey, "rendezvous", networkId, bodyOf(asked, proof), proof.signature);
}

/** A method, a time, a nonce and a server have no blank: the parts are told apart. */
function bodyOf({ method, server, token }: Asked, { at, nonce }: Pick<MeetingProof, "at" | "nonce">): Uint8Array {
  return new TextEncoder().encode(`${method} ${at} ${nonce} ${server} ${token}`);
}

/** Proofs that have been shown, as long as they would be good once more. Bounded: one more than there is room for is refused. */
export class ShownProofs {
  /** When each was shown, the oldest first. By member and nonce. */
  readonly #shown = new Map<string, { readonly at: number; readonly member: MemberId }>();
  readonly #counts = new Map<MemberId, number>();

  isShown(proof: MeetingProof): boolean {
    return this.#shown.has(keyOf(proof));
  }

  /** Whether there was room for it. `now` in Unix milliseconds. */
  remember(proof: MeetingProof, now: number): boolean {
    this.#forget(now);
    const count = this.#counts.get(proof.member) ?? 0;
    if (count >= OF_MEMBER_MAX || this.#shown.size >= ALL_MAX) return false;
    this.#shown.set(keyOf(proof), { at: now, member: proof.member });
    this.#counts.set(proof.member, count + 1);
    return true;
  }

  #forget(now: number): void {
    for (const [key, { at, member }] of this.#shown) {
      if (now - at <= REMEMBERED_MS) return;
      this.#shown.delete(key);
      const left = (this.#counts.get(member) ?? 1) - 1;
      if (left > 0) this.#counts.set(member, left);
      else this.#counts.delete(member);
    }
  }
}

function keyOf({ member, nonce }: MeetingProof): string {
  return `${member} ${nonce}`;
}
