/** Batches and heads as a liar may write them: of any log, with any numbers, signed by any member of the test's overlay. */
import {
  encodeBatch,
  encodeBody,
  encodePayload,
  type Head,
  NO_DIGEST,
  parseBatch,
} from "../../../topics/records/batch.js";
import { LogReader, nameLog } from "../../../topics/records/log.js";
import type { Packet } from "../../../topics/records/packet.js";
import { bytesOf, type Member, sha256, signatureOf } from "./overlay.js";

export interface Body {
  readonly by: Member;
  readonly life?: bigint;
  readonly topic?: string;
  readonly first?: number;
  readonly previous?: Uint8Array;
  readonly messages?: readonly (string | Uint8Array)[];
  readonly signer?: Member;
}

export function batchOf({
  by,
  life = 9n,
  topic = "t",
  first = 1,
  previous = NO_DIGEST,
  messages = ["m"],
  signer = by,
}: Body): Uint8Array {
  const payload = encodePayload(messages.map((each) => (typeof each === "string" ? bytesOf(each) : each)));
  const log = nameLog({ publisher: by.id, life, topic }, sha256);
  const facts = { log, first, count: messages.length, at: 1, previous, digest: sha256(payload), flags: 0 };
  const body = encodeBody({ ...facts, payloadBytes: payload.length });
  return encodeBatch(body, signatureOf(signer.id, body), payload);
}

export const batch = (of: Body): Packet => ({ kind: "batch", stretch: undefined, bytes: batchOf(of) });
export const headOf = (of: Body): Head => parseBatch(batchOf(of), new LogReader(sha256, 9), sha256)!;
export const reasons = (member: Member): string[] =>
  member.of("rejected").map(({ what, reason }) => `${what}: ${reason}`);
