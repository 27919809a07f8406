/**
 * Logs that a member may have forgotten, and with them how far they were: of a publisher that made up more lives on a topic than
 * are kept of one. It does that to its own logs only.
 */
import { LIVES_PER_TOPIC_MAX } from "../../../topics/limits.js";
import { type History, type LogKey, publisherOf, topicOf } from "../record/history.js";

export function forgettable({ subscriptions }: History): ReadonlySet<LogKey> {
  const lives = new Map<string, Set<LogKey>>();
  for (const { told } of subscriptions) {
    for (const { log } of told) {
      const key = `${publisherOf(log)} ${topicOf(log)}`;
      lives.set(key, (lives.get(key) ?? new Set()).add(log));
    }
  }
  return new Set([...lives.values()].flatMap((logs) => (logs.size > LIVES_PER_TOPIC_MAX ? [...logs] : [])));
}
