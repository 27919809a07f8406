/** Pushes of a storm: every statement to its number of neighbours, in few calls. */
import { describe, expect, it } from "vitest";
import { FRESH_MAX, NEWS_STATEMENTS_MAX } from "../../gossip/limits.js";
import { Outbox } from "../../gossip/outputs.js";
import type { Random } from "../../gossip/ports.js";
import { parsePacket } from "../../gossip/records/packet.js";
import { Courier } from "../../gossip/spreading/courier.js";
import { Mailer } from "../../gossip/spreading/mailer.js";
import { Partners } from "../../gossip/spreading/partners.js";
import type { View } from "../../gossip/view/view.js";
import type { MemberId } from "../../rings/index.js";
import { Timers } from "../../rings/timers.js";

const NEIGHBOURS = Array.from({ length: 60 }, (_, index) => `neighbour-${index}` as MemberId);

/** A mailer among these neighbours. The usual sixty are all busy: what was posted to them stays to be looked at. */
function mailer(seed: number, neighbours: readonly MemberId[] = NEIGHBOURS) {
  const courier = new Courier();
  if (neighbours === NEIGHBOURS) for (const id of neighbours) courier.begin("push", { id, addresses: [] }, 0);
  const view = {
    neighbours: () => neighbours,
    partner: (id: MemberId) => ({ id, addresses: [] }),
    evidence: { record: (digest: string) => ({ digest, bytes: new TextEncoder().encode(digest) }) },
  } as unknown as View;
  let state = seed;
  const number = () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
  const random = { number } as Random;
  const outbox = new Outbox();
  const end = (call: number) => courier.end(call);
  return {
    courier,
    outbox,
    end,
    mailer: new Mailer({ view, courier, partners: new Partners(1000), timers: new Timers(), random, outbox }),
  };
}

function statementsOf(packet: Uint8Array): string[] {
  const parsed = parsePacket(packet);
  const items = parsed.ok ? parsed.items : [];
  return items.flatMap((item) => (item.kind === "statement" ? [new TextDecoder().decode(item.bytes)] : []));
}

function posted(courier: Courier): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of courier.recipients()) {
    for (const digest of courier.waiting(id, FRESH_MAX)) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  }
  return counts;
}

describe("a push", () => {
  it.each([1, 16, 17, 100, 300])(
    "of %i statements takes each to four neighbours, and an urgent one to eight",
    (count) => {
      const { courier, mailer: sender } = mailer(count);
      for (let index = 0; index < count; index++) sender.spread(`s${index}`, 0);
      sender.spreadUrgently("urgent", 0);
      sender.push(10);
      const counts = posted(courier);
      expect(counts.get("urgent")).toBe(8);
      counts.delete("urgent");
      expect([...counts.values()]).toEqual(Array(count).fill(4));
    },
  );

  it("of a storm is a call to a few neighbours and not to all", () => {
    const { courier, mailer: sender } = mailer(7);
    for (let index = 0; index < 64; index++) sender.spread(`s${index}`, 0);
    sender.push(10);
    expect(courier.recipients().length).toBeLessThanOrEqual(16);
    // Four groups, each with neighbours of its own.
    expect(courier.recipients().length).toBeGreaterThan(8);
  });

  it("takes no more to one partner than is still news, what is urgent first, and the rest with the next one", () => {
    const { mailer: sender, outbox, end } = mailer(5, ["alone" as MemberId]);
    for (let index = 0; index < 100; index++) sender.spread(`s${index}`, 0);
    sender.spreadUrgently("urgent", 0);
    const packets: string[][] = [];
    for (sender.push(10); ; sender.deliver(20)) {
      const [send] = outbox.take();
      if (send?.kind !== "send") break;
      packets.push(statementsOf(send.packet));
      end(send.call);
    }
    expect(packets.map(({ length }) => length)).toEqual([NEWS_STATEMENTS_MAX, 101 - NEWS_STATEMENTS_MAX]);
    expect(packets[0]?.[0]).toBe("urgent");
  });

  it("of the next statements goes to others", () => {
    const { courier, mailer: sender } = mailer(3);
    for (let batch = 0; batch < 40; batch++) {
      sender.spread(`s${batch}`, batch);
      sender.push(batch);
    }
    expect(courier.recipients().length).toBeGreaterThan(50);
  });
});
