/** What `/v1/graph` says of one member: sessions with it, and streams on them; who subscribes to which topic. */
import { type Fields, fields, list, number, text } from "./forms.js";

export interface Connection {
  /** Each as a line of words. */
  readonly sessions: readonly string[];
  readonly streams: readonly string[];
}

export function connectionOf(graph: unknown, id: string): Connection {
  const from = fields(graph);
  const links = new Set(records(from?.links).flatMap((each) => (each.to === id ? [text(each.id)] : [])));
  const ofLink = (value: unknown) => records(value).filter((each) => links.has(text(each.link)));
  return {
    sessions: ofLink(from?.sessions).map((each) => {
      const rtt = number(each.rttMs);
      const words = [
        text(each.path),
        text(each.address),
        rtt === undefined ? "" : `${rtt} ms`,
        each.inUse === true ? "in use" : "spare",
      ];
      return [...words, `${number(each.open) ?? 0} open`].filter((word) => word !== "").join(", ");
    }),
    streams: ofLink(from?.streams).map(
      (each) => `${number(each.count) ?? 0} of ${text(each.protocol) || "no protocol"}`,
    ),
  };
}

/** Ids of a topic's subscribers, by topic. */
export function subscribersOf(graph: unknown): ReadonlyMap<string, readonly string[]> {
  return new Map(records(fields(graph)?.topics).map((each) => [text(each.topic), list(each.subscribers).map(text)]));
}

function records(value: unknown): readonly Fields[] {
  return list(value).flatMap((each) => {
    const record = fields(each);
    return record === undefined ? [] : [record];
  });
}
