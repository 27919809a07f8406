/** No packet that is put together is above its limit, whatever goes into it (found by a seed: S4, 26 bytes too many). */
import fc from "fast-check";
import { expect, it } from "vitest";
import { PACKET_BYTES_MAX, PACKET_DIGESTS_MAX } from "../../gossip/limits.js";
import { parsePacket } from "../../gossip/records/packet.js";
import { PacketBuilder } from "../../gossip/records/packet-builder.js";

const hex = (digits: number) =>
  fc.uint8Array({ minLength: digits / 2, maxLength: digits / 2 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const prefix = fc.integer({ min: 0, max: 64 }).chain((length) => hex(64).map((digits) => digits.slice(0, length)));
const hash = new Uint8Array(16);

const part = fc.oneof(
  fc.record({ kind: fc.constant("statement" as const), digest: hex(64), size: fc.integer({ min: 1, max: 900 }) }),
  fc.record({ kind: fc.constant("want" as const), digest: hex(64) }),
  fc.record({ kind: fc.constant("range" as const), prefix }),
  fc.record({ kind: fc.constant("children" as const), prefix }),
  fc.record({ kind: fc.constant("list" as const), prefix, digests: fc.array(hex(64), { maxLength: 40 }) }),
);

it("fills a packet up to its limit and never over it", () => {
  const limit = fc.integer({ min: 1_000, max: 4_000 });
  fc.assert(
    fc.property(limit, fc.array(part, { maxLength: 80 }), (bytesMax, parts) => {
      const builder = new PacketBuilder(bytesMax);
      for (const each of parts) {
        if (each.kind === "statement") builder.statement(each.digest, new Uint8Array(each.size));
        else if (each.kind === "want") builder.want(each.digest);
        else if (each.kind === "range") builder.item({ ...each, hash });
        else if (each.kind === "children") builder.item({ ...each, hashes: new Array(16).fill(hash) });
        else builder.item(each);
      }
      const packet = builder.finish();
      expect(packet.length).toBeLessThanOrEqual(bytesMax);
      expect(parsePacket(packet).ok).toBe(true);
    }),
  );
});

it("a smaller packet asks for less: what is asked for comes back in one", () => {
  const wanted = (share: number) => {
    const builder = new PacketBuilder(share * PACKET_BYTES_MAX);
    let count = 0;
    while (builder.want(count.toString(16).padStart(64, "0"))) count += 1;
    return count;
  };
  expect([1, 1 / 2, 1 / 64].map(wanted)).toEqual([PACKET_DIGESTS_MAX, PACKET_DIGESTS_MAX / 2, PACKET_DIGESTS_MAX / 64]);
});
