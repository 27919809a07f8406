/** A message of a topic made ready for NATS: its headers, and where it goes. */

import { HandedMessage } from "../../../client/topics/message.js";
import { decodeTopicProof } from "../../../client/topics/proof.js";
import type { TopicMessage } from "../../../client/topics/types.js";
import type { Leaving } from "./exporter.js";
import { type BatchMark, fromNats, headersOf, MARK, MESSAGE_ID, PATH_MAX, plainHeaders } from "./marks.js";
import { subjectOf } from "./subjects.js";

export interface LeavingOptions {
  readonly prefix: string;
  readonly network: string;
  readonly system: string;
}

/** A network or a NATS system, as bridges name them. */
const PLACE = /^[A-Za-z0-9_-]{1,32}$/;

/** Undefined for a message that is not to go there: it has come from there. */
export function leavingOf(message: TopicMessage, { prefix, network, system }: LeavingOptions): Leaving | undefined {
  const { topic, sequence } = message;
  const batch = HandedMessage.batchOf(message);
  const log = batch?.log.tag ?? message.from.id.slice(0, 32);
  const { data, nats } = fromNats(message.data);
  const common = {
    id: `${log}:${sequence}`,
    topic,
    subject: subjectOf(prefix, topic),
    data,
    held: () => message.ack(),
  };
  if (nats !== undefined) {
    if (nats.path.includes(system) || nats.path.length >= PATH_MAX) return undefined;
    const path = [...nats.path.filter((each) => PLACE.test(each)), network].join(",");
    return { ...common, headers: { ...plainHeaders(nats.headers), [MESSAGE_ID]: common.id, [MARK.path]: path } };
  }
  const first = batch?.first ?? sequence;
  const headers = headersOf({
    ...{ author: message.from.id, sequence, at: message.at, log, first, path: [network] },
    batch: sequence === first ? markOf(message) : undefined,
  });
  return { ...common, headers };
}

/** From the message's proof, which holds the whole batch: made once for each batch. */
function markOf(message: TopicMessage): BatchMark | undefined {
  const proof = proofOf(message);
  const parts = proof === undefined ? undefined : decodeTopicProof(proof);
  if (parts?.kind !== "message") return undefined;
  const { body, signature, leaf, issuer } = parts;
  return { body, signature, leaf, issuer };
}

/** None for a publisher whose certificate is not held any more. */
function proofOf(message: TopicMessage): Uint8Array | undefined {
  try {
    return message.proof();
  } catch {
    return undefined;
  }
}
