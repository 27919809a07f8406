/** What a run with topics came to: how long and over how many links messages took, and in how many bytes. */
import type { MemberId } from "../../../rings/index.js";
import { encodeBatch, encodePayload, FRAME_HEAD_BYTES, nameLog } from "../../../topics/index.js";
import { bodyBytes, SIGNATURE_BYTES } from "../../../topics/records/batch.js";
import { batchPrefix } from "../../../topics/records/packet.js";
import { sha256 } from "../../crypto/sha256.js";
import { quantile } from "../../run/quantiles.js";
import { type History, publisherOf } from "./history.js";

export interface TopicFiguresOfRun {
  /** Messages of correct publishers, and of these how often one was handed to a correct subscription for the first time. */
  readonly published: number;
  readonly handed: number;
  /** ... and of these how often to another member than its publisher. */
  readonly carried: number;
  /** Messages of correct publishers that subscriptions were told to be lost. */
  readonly lost: number;
  /** From `publish` to the handler, milliseconds of virtual time; null when nothing was handed. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly last: number | null;
  /** Links on which the batch came. */
  readonly hopsP50: number | null;
  readonly hopsP99: number | null;
}

export function figures(history: History): TopicFiguresOfRun {
  const { fates, published, subscriptions } = history;
  const at = new Map(published.map((message) => [`${message.log} ${message.number}`, message.at]));
  const [delays, hops]: [number[], number[]] = [[], []];
  const correct = new Set(fates.filter(({ isCorrect }) => isCorrect).map(({ id }) => id));
  let lost = 0;
  for (const { member, told } of subscriptions) {
    if (!fates[member]!.isCorrect) continue;
    const seen = new Set<string>();
    for (const event of told) {
      if (event.kind === "lost" && correct.has(publisherOf(event.log))) lost += event.count;
      if (event.kind !== "handed") continue;
      const key = `${event.log} ${event.number}`;
      const from = at.get(key);
      if (from === undefined || seen.has(key)) continue;
      seen.add(key);
      delays.push(event.at - from);
      // What its own member published has come on no link.
      if (publisherOf(event.log) !== fates[member]!.id) hops.push(event.hops ?? 0);
    }
  }
  const of = (values: readonly number[], share: number) => rounded(quantile(values, share));
  return {
    published: published.filter(({ member }) => fates[member]!.isCorrect).length,
    handed: delays.length,
    carried: hops.length,
    lost,
    p50: of(delays, 0.5),
    p99: of(delays, 0.99),
    last: of(delays, 1),
    hopsP50: of(hops, 0.5),
    hopsP99: of(hops, 0.99),
  };
}

/** Of a message of its own on a topic: one batch with its signature, and the frame around it. */
export function leastBytes(publisher: MemberId, topic: string, bytes: number): number {
  const log = nameLog({ publisher, life: 1n, topic }, sha256);
  const body = bodyBytes(log);
  const batch = encodeBatch(
    new Uint8Array(body),
    new Uint8Array(SIGNATURE_BYTES),
    encodePayload([new Uint8Array(bytes)]),
  );
  return FRAME_HEAD_BYTES + batchPrefix(undefined).length + batch.length;
}

/** To hundredths. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(100 * value) / 100;
}
