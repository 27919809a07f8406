/** What an agent's member does with what others send: it tells of it, and answers with it. */
import type { Client } from "../../client/index.js";
import type { MessageStream, Missing } from "../../client/types.js";
import { sha256 } from "../../identity/index.js";
import { drained } from "../drained.js";
import { memberTitle } from "../output.js";
import type { AgentLog } from "./agent-log.js";

/** `reply`: what to answer; undefined answers with the message itself. */
export function registerHandlers(client: Client, log: AgentLog, reply: string | undefined): void {
  client.registerMessageHandler((data, { from }) => {
    log.received("message", from, data);
    return reply === undefined ? data : Buffer.from(reply);
  });
  const lastGossip = new LatestBySender();
  client.registerGossipHandler((data, { from }) => {
    if (lastGossip.isNew(from.id, data)) log.received("gossip", from, data);
    return undefined;
  });
  client.registerMissingHandler((missing) => void tellMissing(client, log, missing));
  client.registerStreamHandler(async (stream, { from }) => {
    log.event("stream", { from: from.id, name: from.name }, `stream from ${memberTitle(from)}`);
    await echo(stream);
  });
}

/** Who asked for what nobody handles here, as those whom a forward refuses, and counted with them. */
async function tellMissing(client: Client, log: AgentLog, { name: protocol, from }: Missing): Promise<void> {
  const { refusalsOf, refusedText } = await import("../../services/refusals.js"); // A quiet agent needs none of it.
  const attempt = { member: from.id, name: from.name, protocol, code: "handler-missing" };
  refusalsOf(client).add(attempt, (refused) => log.tell("warn", "refused", refused, refusedText(refused)));
}

/** Sends every message of a stream back, as fast as they are taken; how the stream ends is its sender's business. */
async function echo(stream: MessageStream): Promise<void> {
  try {
    for await (const message of stream.iterator({ destroyOnReturn: false })) {
      if (!stream.write(message)) await drained(stream);
    }
    stream.end();
  } catch {
    // It broke: the sender's end says so.
  }
}

/** Ends when the client has stopped; resolves to why it was isolated then, if it was. */
export async function tellChanges(client: Client, log: AgentLog): Promise<string | undefined> {
  let isolated: string | undefined;
  for await (const change of client.changes()) {
    log.change(change);
    if (change.kind === "isolated") isolated = change.reason;
    if (change.kind === "back") isolated = undefined;
  }
  return isolated;
}

/** Gossip comes again with every round; only what differs from a sender's last is news. */
class LatestBySender {
  static readonly #SENDERS_MAX = 10_000;
  readonly #latest = new Map<string, string>();

  isNew(sender: string, data: Uint8Array): boolean {
    const content = Buffer.from(sha256(data)).toString("base64");
    if (this.#latest.get(sender) === content) return false;
    if (this.#latest.size >= LatestBySender.#SENDERS_MAX) this.#latest.clear();
    this.#latest.set(sender, content);
    return true;
  }
}
