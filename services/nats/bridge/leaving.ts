/** A message of a topic made ready for NATS: its headers, and where it goes. */

import { HandedMessage } from "../../../client/topics/message.js";
import { decodeTopicProof } from "../../../client/topics/proof.js";
import type { TopicMessage } from "../../../client/topics/types.js";
import type { Batch } from "../../../topics/index.js";
import type { Leaving } from "./exporter.js";
import {
  type BatchMark,
  commonHeaders,
  type FromNats,
  fromNats,
  type Headers,
  headersIn,
  headersOf,
  MARK,
  MESSAGE_ID,
  PATH_MAX,
  plainHeaders,
} from "./marks.js";
import { subjectOf } from "./subjects.js";

export interface LeavingOptions {
  readonly prefix: string;
  readonly network: string;
  readonly system: string;
}

/** A network or a NATS system, as bridges name them. */
const PLACE = /^[A-Za-z0-9_-]{1,32}$/;

/** What the messages of one batch have in common. */
interface Common {
  readonly batch: Batch;
  readonly log: string;
  readonly subject: string;
  readonly headers: Headers;
}

/** Makes messages of topics ready; those of one batch follow each other. */
export class Leavings {
  readonly #options: LeavingOptions;
  #common: Common | undefined;

  constructor(options: LeavingOptions) {
    this.#options = options;
  }

  /** Undefined for a message that is not to go there: it has come from there. `held` is told when NATS holds it. */
  of(message: TopicMessage, held: () => void): Leaving | undefined {
    const { sequence } = message;
    const batch = HandedMessage.batchOf(message);
    const { data, nats } = fromNats(message.data);
    if (batch === undefined || nats !== undefined) return this.#alone(message, batch, data, nats, held);
    const { log, subject, headers } = this.#commonOf(message, batch);
    const mark = sequence === batch.first ? markOf(message) : undefined;
    return {
      id: `${log}:${sequence}`,
      topic: batch.log.topic,
      subject,
      data,
      headers: headersIn(headers, log, sequence, mark),
      held,
    };
  }

  #commonOf(message: TopicMessage, batch: Batch): Common {
    if (this.#common?.batch === batch) return this.#common;
    const { prefix, network } = this.#options;
    const { first, at } = batch;
    const log = batch.log.tag;
    const headers = commonHeaders({ author: message.from.id, at, log, first, path: [network] });
    this.#common = { batch, log, subject: subjectOf(prefix, batch.log.topic), headers };
    return this.#common;
  }

  /** One that a bridge has brought in, or that is in no batch. */
  #alone(
    message: TopicMessage,
    batch: Batch | undefined,
    data: Uint8Array,
    nats: FromNats | undefined,
    held: () => void,
  ): Leaving | undefined {
    const { prefix, network, system } = this.#options;
    const { topic, sequence, at, from } = message;
    const log = batch?.log.tag ?? from.id.slice(0, 32);
    const id = `${log}:${sequence}`;
    const common = { id, topic, subject: subjectOf(prefix, topic), data, held };
    if (nats === undefined) {
      const outgoing = { author: from.id, sequence, at, log, first: sequence, path: [network], batch: undefined };
      return { ...common, headers: headersOf(outgoing) };
    }
    if (nats.path.includes(system) || nats.path.length >= PATH_MAX) return undefined;
    const path = [...nats.path.filter((each) => PLACE.test(each)), network].join(",");
    return { ...common, headers: { ...plainHeaders(nats.headers), [MESSAGE_ID]: id, [MARK.path]: path } };
  }
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
