/** What a third party does with a message that somebody shows it: checks the proof alone, without being a member. */
import {
  type CertificateChain,
  certificatesFromPem,
  dateProblem,
  FirefliesError,
  isErrorCode,
  type MemberCertificate,
  readChain,
  readReply,
  serialToHex,
  sha256,
  type Verdict,
  verify,
  wrongType,
} from "../identity/index.js";
import { concatBytes, equalBytes, type MemberId, memberIdFromBytes, memberIdToBytes, toHex } from "../rings/index.js";
import { type Content, decodeContent } from "./messages/content.js";
import { HASH_BYTES, readList } from "./messages/list.js";
import { decodeProof, PROOF_BYTES_MAX, PROOF_VERSION, type Proof, versionOfProof } from "./messages/proof.js";
import { serviceOf } from "./messages/service.js";

/** What a proof is judged by. */
export interface VerifyMessageOptions {
  /** Roots that are trusted: PEM text, as in root.pem, or certificates in DER. One of them must stand above the sender. */
  readonly roots: string | readonly Uint8Array[];
  /**
   * Unix milliseconds of a moment at which the message is known to have existed: the sender's certificate must have been
   * valid then, give or take five minutes. Left out, no date is judged; see `ProvenMessage.certificate`.
   */
  readonly at?: number;
}

/** What a proof has shown. Nothing in it says when the message was sent. */
export interface ProvenMessage {
  /** "message" and "gossip" ask, "reply" and "error" answer. */
  readonly kind: "message" | "gossip" | "reply" | "error";
  /** Whose key signed it. */
  readonly sender: MemberId;
  /** To whom. */
  readonly receiver: MemberId;
  /** Of a message: the service that it was addressed to; undefined for the nameless handler, and for all others. */
  readonly service: string | undefined;
  /** Network id, 64 hex digits. */
  readonly network: string;
  /** 64 hex digits: the link, one and the same for requests on it and their answers. */
  readonly link: string;
  /** An answer has the number of the request that it answers, on the same link. */
  readonly request: number;
  /** The frame's place among those from this sender on this link, from 1 on, and the message's place in it, from 0 on. */
  readonly frame: number;
  readonly index: number;
  /** What the program sent or answered; empty for an error. */
  readonly data: Uint8Array;
  /**
   * Of an error: what its sender said had failed. `code` is one of the table of errors, or "reply:" and the code of the
   * `ReplyError` that a handler threw for the one who asked.
   */
  readonly error: { readonly code: string; readonly text: string } | undefined;
  /** The sender's name, if its certificate has one (`Member.name`). */
  readonly name: string | undefined;
  /** The sender's certificate: compare with the authority's revocations by serial number or sender. */
  readonly certificate: {
    /** As the authority writes it, 32 hex digits at least. */
    readonly serial: string;
    /** SHA-256 of its DER, 64 hex digits. */
    readonly fingerprint: string;
    /** Unix milliseconds. */
    readonly notBefore: number;
    readonly notAfter: number;
  };
}

/**
 * Checks the proof of one message (`MessageContext.proof`, `SendOptions.onProof`) and says what it shows. Throws a
 * FirefliesError: "proof-malformed" (no proof, or a damaged one), "protocol-version", "certificate-invalid" (not under these
 * roots, or not valid at `at`), "proof-altered" (not the message that was signed), "proof-unsigned" (not signed by this
 * sender). Other bytes may prove the same message: ECDSA has two signatures for each, so compare what is proven.
 */
export function verifyMessage(proof: Uint8Array, { roots, at }: VerifyMessageOptions): ProvenMessage {
  const parts = read(proof);
  const sender = senderOf(parts, rootsOf(roots), at);
  const list = concatBytes(memberIdToBytes(sender.id), parts.rest);
  const { receiver, linkNonce, counter, hashes } = readList(list);
  if (!Number.isSafeInteger(counter)) throw new FirefliesError("proof-malformed");
  const hash = hashes.subarray(parts.index * HASH_BYTES, (parts.index + 1) * HASH_BYTES);
  if (!equalBytes(sha256(concatBytes(parts.salt, parts.content)), hash)) throw new FirefliesError("proof-altered");
  if (!verify(sender.publicKey, "frame", sender.networkId, list, parts.signature)) {
    throw new FirefliesError("proof-unsigned");
  }
  return {
    ...spoken(decodeContent(parts.content)),
    sender: sender.id,
    name: sender.name,
    receiver: memberIdFromBytes(receiver),
    network: toHex(sender.networkId),
    link: toHex(linkNonce),
    frame: counter,
    index: parts.index,
    certificate: described(sender),
  };
}

function read(bytes: Uint8Array): Proof {
  if (!(bytes instanceof Uint8Array)) throw wrongType("A proof is a Uint8Array.");
  const version = versionOfProof(bytes);
  if (version === undefined || bytes.length > PROOF_BYTES_MAX) throw new FirefliesError("proof-malformed");
  if (version !== PROOF_VERSION) {
    throw new FirefliesError(
      "protocol-version",
      `The proof is of version ${version}; this program reads ${PROOF_VERSION}.`,
      { advice: "Use a version that reads it." },
    );
  }
  const proof = decodeProof(bytes);
  if (proof === undefined) throw new FirefliesError("proof-malformed");
  return proof;
}

function rootsOf(roots: VerifyMessageOptions["roots"]): readonly Uint8Array[] {
  const list = typeof roots === "string" ? (certificatesFromPem(roots) ?? []) : roots;
  if (list.length === 0) throw new FirefliesError("certificate-invalid", "No root was given that can be read.");
  return list;
}

function senderOf(chain: CertificateChain, roots: readonly Uint8Array[], at: number | undefined): MemberCertificate {
  const verdicts = roots.map((root) => readChain(chain, root));
  const good = verdicts.find((verdict): verdict is Extract<Verdict, { ok: true }> => verdict.ok);
  if (good === undefined) throw untrusted(verdicts.map((verdict) => (verdict.ok ? "" : verdict.reason)));
  const problem = at === undefined ? undefined : dateProblem(good.certificate, at);
  if (problem !== undefined) throw untrusted([problem]);
  return good.certificate;
}

function untrusted(reasons: readonly string[]): FirefliesError {
  const words = [...new Set(reasons)].join(", ");
  return new FirefliesError("certificate-invalid", `The certificate of the message's sender is refused: ${words}.`, {
    advice: "Check that the root is the one of its network.",
  });
}

/** Throws for what no program says: such a signature proves nothing that anybody would ask about. */
function spoken(content: Content | undefined): Pick<ProvenMessage, "kind" | "request" | "data" | "error" | "service"> {
  if (content === undefined || content.kind === "cancel") throw new FirefliesError("proof-malformed");
  const { kind, id: request } = content;
  const service = kind === "message" ? serviceOf(content.extensions) : undefined;
  if (content.kind !== "error")
    return { kind, request, data: new Uint8Array(content.payload), error: undefined, service };
  const { code: said, text } = content;
  const code = isErrorCode(said) || readReply(said, text) !== undefined ? said : "handler-failed";
  return { kind, request, data: new Uint8Array(0), error: { code, text }, service };
}

function described({ serial, hash, notBefore, notAfter }: MemberCertificate): ProvenMessage["certificate"] {
  return { serial: serialToHex(serial), fingerprint: toHex(hash), notBefore, notAfter };
}
