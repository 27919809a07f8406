/**
 * What a partner's packet costs it before anything in it is looked at. Beyond its budget a partner is told `busy`, but for
 * one thing: a judge whose pushes have used it up is still heard as a judge (rule R20).
 */
import type { MemberId } from "../rings/index.js";
import { type Item, isSummons, parsePacket, SUMMONS_BYTES } from "./packet.js";
import type { Partners } from "./partners.js";

/** The items of a packet that may be looked at, or why none may. */
export type Received = { readonly items: readonly Item[] } | { readonly refused: string };

export function receive(partners: Partners, from: MemberId, packet: Uint8Array, now: number): Received {
  if (!partners.take(from, "packets", now)) return summonsIn(partners, from, packet, now);
  const parsed = parsePacket(packet);
  if (!parsed.ok) {
    partners.punish(from, now);
    return { refused: parsed.reason };
  }
  const statements = parsed.items.filter((item) => item.kind === "statement").length;
  return partners.take(from, "statements", now, statements) ? parsed : summonsIn(partners, from, packet, now);
}

/** Two bytes tell whether a packet begins with one. How often that is heard has a budget of its own. */
function summonsIn(partners: Partners, from: MemberId, packet: Uint8Array, now: number): Received {
  const isHeard = isSummons(packet) && partners.take(from, "summonses", now);
  const parsed = isHeard ? parsePacket(packet.subarray(0, SUMMONS_BYTES)) : undefined;
  return parsed?.ok ? parsed : { refused: "busy" };
}
