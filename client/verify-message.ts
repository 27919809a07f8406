/** What a third party does with a message that somebody shows it: checks the proof alone, without being a member. */
import { FirefliesError, isErrorCode, readReply, sha256, verify, wrongType } from "../identity/index.js";
import { concatBytes, equalBytes, type MemberId, memberIdFromBytes, memberIdToBytes, toHex } from "../rings/index.js";
import { type Content, decodeContent } from "./messages/content.js";
import { HASH_BYTES, readList } from "./messages/list.js";
import { decodeProof, PROOF_BYTES_MAX, PROOF_VERSION, type Proof, versionOfProof } from "./messages/proof.js";
import { serviceOf } from "./messages/service.js";
import { provenSender, type ShownCertificate, shownCertificate, type VerifyMessageOptions } from "./proven-sender.js";

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
  readonly certificate: ShownCertificate;
}

/**
 * Checks the proof of one message (`MessageContext.proof`, `SendOptions.onProof`) and says what it shows. Throws a
 * FirefliesError: "proof-malformed" (no proof, or a damaged one), "protocol-version", "certificate-invalid" (not under these
 * roots, or not valid at `at`), "proof-altered" (not the message that was signed), "proof-unsigned" (not signed by this
 * sender). Other bytes may prove the same message: ECDSA has two signatures for each, so compare what is proven.
 */
export function verifyMessage(proof: Uint8Array, options: VerifyMessageOptions): ProvenMessage {
  const parts = read(proof);
  const sender = provenSender(parts, options);
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
    certificate: shownCertificate(sender),
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
