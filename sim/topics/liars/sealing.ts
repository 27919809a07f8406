/** Batches that liars sign: with their own keys, of any log. */
import {
  type BatchFacts,
  encodeBatch,
  encodeBody,
  encodePayload,
  type Head,
  type LogName,
} from "../../../topics/index.js";
import { batchSignature } from "../../crypto/batch-signature.js";
import { sha256 } from "../../crypto/sha256.js";
import type { Member } from "../../members/member.js";

export interface Sealing {
  readonly log: LogName;
  readonly first: number;
  readonly previous: Uint8Array;
  readonly message: Uint8Array;
}

/** A batch of one message, and its signed statement. */
export function sealed(
  by: Member,
  { log, first, previous, message }: Sealing,
): { readonly bytes: Uint8Array; readonly head: Head } {
  const payload = encodePayload([message]);
  const at = Math.floor(by.wall);
  const digest = sha256(payload);
  const facts: BatchFacts = { log, first, count: 1, at, previous, digest, payloadBytes: payload.length, flags: 0 };
  const body = encodeBody(facts);
  const signature = batchSignature(by.id, body);
  return { bytes: encodeBatch(body, signature, payload), head: { ...facts, body, signature } };
}
