/** Packets with some of their statements taken out: what omitters hand on and answer with. */
import { type Claim, encodePacket, type Output, parsePacket, parseStatement } from "../../../gossip/index.js";

/** Without the statements that `isDropped`; the packet itself when there is none of them in it. */
export function without(packet: Uint8Array, isDropped: (claim: Claim) => boolean): Uint8Array {
  const parsed = parsePacket(packet);
  if (!parsed.ok) return packet;
  const kept = parsed.items.filter((item) => {
    const claim = item.kind === "statement" ? parseStatement(item.bytes) : undefined;
    return !claim || !isDropped(claim);
  });
  return kept.length === parsed.items.length ? packet : encodePacket(kept);
}

/** The same for what a machine sends; undefined when nothing was taken out. */
export function sendWithout(output: Output, isDropped: (claim: Claim) => boolean): readonly Output[] | undefined {
  if (output.kind !== "send") return undefined;
  const packet = without(output.packet, isDropped);
  return packet === output.packet ? undefined : [{ ...output, packet }];
}

/** The statements in a packet, parsed or not. */
export function statementsIn(packet: Uint8Array): Uint8Array[] {
  const parsed = parsePacket(packet);
  return parsed.ok ? parsed.items.flatMap((item) => (item.kind === "statement" ? [item.bytes] : [])) : [];
}
