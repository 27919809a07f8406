/** What a third party does with a message of a topic, or with two that contradict each other: it needs the proof and a root alone. */
import { FirefliesError, type MemberCertificate, sha256, verify, wrongType } from "../../identity/index.js";
import { type MemberId, toHex } from "../../rings/index.js";
import {
  type Batch,
  contradict,
  encodeBatch,
  type Head,
  LogReader,
  messageOf,
  parseBatch,
  parseHead,
} from "../../topics/index.js";
import { provenSender, type ShownCertificate, shownCertificate, type VerifyMessageOptions } from "../proven-sender.js";
import { decodeTopicProof, PROOF_VERSION, type Signed, type TopicProof, versionOfTopicProof } from "./proof.js";

/** What a proof shows of its publisher. */
interface ProvenPublisher {
  readonly topic: string;
  /** Whose key signed it. */
  readonly publisher: MemberId;
  /** The publisher's name, if its certificate has one. */
  readonly name: string | undefined;
  /** Of the publisher's process: with publisher and topic it names the log. */
  readonly life: bigint;
  /** From 1 on, in that log. Of a fork the first number that both statements have, or that they contradict each other about. */
  readonly sequence: number;
  /** Network id, 64 hex digits. */
  readonly network: string;
  /** The publisher's certificate: compare with the authority's revocations by serial number or publisher. */
  readonly certificate: ShownCertificate;
}

/** A message of a topic that a proof has shown. */
export interface ProvenTopicMessage extends ProvenPublisher {
  readonly data: Uint8Array;
  /** Unix milliseconds, as the publisher said. */
  readonly at: number;
}

/** A publisher that signed two messages under one number. */
export type ProvenTopicFork = ProvenPublisher;

/**
 * Checks the proof of a message of a topic (`TopicMessage.proof`) and says what it shows. Throws a FirefliesError:
 * "proof-malformed", "protocol-version", "certificate-invalid" (not under these roots, or not valid at `at`), "proof-altered" (not
 * the message that was signed), "proof-unsigned" (not signed by this publisher).
 */
export function verifyTopicMessage(proof: Uint8Array, options: VerifyMessageOptions): ProvenTopicMessage {
  const parts = read(proof, "message");
  const publisher = provenSender(parts, options);
  const batch = batchIn(parts);
  requireSigned(publisher, batch);
  if (parts.index >= batch.count) throw new FirefliesError("proof-malformed");
  const sequence = batch.first + parts.index;
  const data = new Uint8Array(messageOf(batch, sequence));
  return { ...shown(publisher, batch, sequence), at: batch.at, data };
}

/** Checks the proof that a publisher signed two messages under one number (`TopicEvent`). Throws as `verifyTopicMessage`. */
export function verifyTopicFork(proof: Uint8Array, options: VerifyMessageOptions): ProvenTopicFork {
  const parts = read(proof, "fork");
  const publisher = provenSender(parts, options);
  const [one, other] = parts.heads.map(headIn) as [Head, Head];
  for (const head of [one, other]) requireSigned(publisher, head);
  if (!contradict(one, other, sha256))
    throw new FirefliesError("proof-altered", "The two statements do not contradict each other.");
  return shown(publisher, one, Math.max(one.first, other.first));
}

function read<Kind extends TopicProof["kind"]>(bytes: Uint8Array, kind: Kind): Extract<TopicProof, { kind: Kind }> {
  if (!(bytes instanceof Uint8Array)) throw wrongType("A proof is a Uint8Array.");
  const version = versionOfTopicProof(bytes);
  if (version !== undefined && version !== PROOF_VERSION) {
    throw new FirefliesError(
      "protocol-version",
      `The proof is of version ${version}; this program reads ${PROOF_VERSION}.`,
    );
  }
  const proof = decodeTopicProof(bytes);
  if (proof?.kind !== kind) throw new FirefliesError("proof-malformed");
  return proof as Extract<TopicProof, { kind: Kind }>;
}

const readers = () => new LogReader(sha256, 1);

function headIn({ body, signature }: Signed): Head {
  const head = parseHead(body, signature, readers());
  if (head === undefined) throw new FirefliesError("proof-malformed");
  return head;
}

function batchIn(signed: Extract<TopicProof, { kind: "message" }>): Batch {
  headIn(signed);
  const batch = parseBatch(encodeBatch(signed.body, signed.signature, signed.payload), readers(), sha256);
  if (batch === undefined) throw new FirefliesError("proof-altered");
  return batch;
}

function requireSigned({ id, publicKey, networkId }: MemberCertificate, { log, body, signature }: Head): void {
  if (log.publisher === id && verify(publicKey, "topic-batch", networkId, body, signature)) return;
  throw new FirefliesError("proof-unsigned");
}

function shown(of: MemberCertificate, { log }: Head, sequence: number): ProvenPublisher {
  const { topic, publisher, life } = log;
  const about = { topic, publisher, name: of.name, life, sequence };
  return { ...about, network: toHex(of.networkId), certificate: shownCertificate(of) };
}
