/** Batches as the stream has kept them, put together and checked again: for subscriptions that come after members let go of them. */
import { encodeBatch, encodePayload } from "../../../topics/index.js";
import type { Arriving } from "./importer.js";
import { type BatchMark, claimIn } from "./marks.js";
import { ProvenBatches } from "./proven.js";
import { topicOf } from "./subjects.js";

export interface KeptOptions {
  readonly prefix: string;
  readonly roots: readonly Uint8Array[];
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Each batch of which the stream has all, with what its author signed. Messages of others, and damaged ones, are left out. */
export async function* keptBatches(
  messages: AsyncIterable<Pick<Arriving, "subject" | "headers" | "data">>,
  { prefix, roots, now }: KeptOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const batches = new ProvenBatches<BatchMark | undefined>(roots, now);
  for await (const { subject, headers, data } of messages) {
    const topic = topicOf(prefix, subject);
    const claim = claimIn(headers);
    if (topic === undefined || claim === undefined) continue;
    const judged = batches.add({ claim, topic, data, held: claim.batch });
    if (judged.kind !== "proven") continue;
    const mark = judged.messages.find(({ held }) => held !== undefined)?.held;
    // A message that was proven before has come again, alone.
    if (mark === undefined || judged.messages[0]?.claim.sequence !== judged.messages[0]?.claim.first) continue;
    const payload = encodePayload(judged.messages.map((each) => each.data));
    yield encodeBatch(mark.body, mark.signature, payload);
  }
}
