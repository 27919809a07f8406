/** How a batch reaches a crowd along one ring: everybody once, by few from each, in few links. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MemberId } from "../../rings/index.js";
import { Outbox } from "../../topics/effects.js";
import { heldByAtLeast, holdersNeeded } from "../../topics/publishing/safety.js";
import type { Batch } from "../../topics/records/batch.js";
import { LogReader } from "../../topics/records/log.js";
import { parsePacket, type Stretch } from "../../topics/records/packet.js";
import { Audience } from "../../topics/spreading/audience.js";
import { Post } from "../../topics/spreading/post.js";
import { Spreader } from "../../topics/spreading/spreader.js";
import { idOf, sha256 } from "../support/topics/overlay.js";

const FAN_OUT = 4;

/** One member's part in spreading, with a view of all members. */
function member(me: MemberId, members: readonly MemberId[]) {
  const audience = new Audience({ me, ringCount: 5, sha256 });
  for (const id of members) {
    audience.appeared(id);
    audience.interested(id, [{ pattern: "t" }]);
  }
  const outbox = new Outbox();
  const post = new Post({ outbox, progressOf: () => undefined });
  const spreader = new Spreader({ me, audience, post, fanOut: FAN_OUT });
  const logs = new LogReader(sha256, 9);
  const sent = () =>
    outbox.take().flatMap((effect) => {
      if (effect.kind !== "send") return [];
      const head = effect.frame.subarray(4);
      const parsed = parsePacket(head, logs);
      const stretch = parsed.ok && parsed.packet.kind === "batch" ? parsed.packet.stretch : undefined;
      return effect.to.map((to) => ({ to, stretch }));
    });
  return { audience, spreader, sent };
}

describe("a batch among many", () => {
  it("comes to each of a crowd once, by a few from each, in as many links as a tree has", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(1000), fc.boolean(), (size, first, isSubscribed) => {
        const publisher = idOf(10_000);
        const crowd = Array.from({ length: size }, (_, index) => idOf(index));
        // A publisher that subscribes to its own topic stands in the others' crowds.
        const all = isSubscribed ? [...crowd, publisher] : crowd;
        const batch = { first, bytes: new Uint8Array(0), log: { publisher } } as unknown as Batch;
        const begin = member(publisher, crowd);
        begin.spreader.begin(begin.audience.of("t"), batch);
        const reached = new Map<MemberId, number>();
        let open = begin.sent().map((one) => ({ ...one, links: 1 }));
        while (open.length > 0) {
          const next: { to: MemberId; stretch: Stretch | undefined; links: number }[] = [];
          for (const { to, stretch, links } of open) {
            expect(reached.has(to), "nobody has it twice").toBe(false);
            reached.set(to, links);
            if (!stretch) continue;
            const others = member(
              to,
              all.filter((id) => id !== to),
            );
            others.spreader.pass(others.audience.of("t"), batch, stretch);
            const sent = others.sent();
            expect(sent.length).toBeLessThanOrEqual(FAN_OUT);
            next.push(...sent.map((one) => ({ ...one, links: links + 1 })));
          }
          open = next;
        }
        expect(new Set(reached.keys())).toEqual(new Set(crowd));
        expect(Math.max(...reached.values())).toBeLessThanOrEqual(
          Math.ceil(Math.log(size + 1) / Math.log(FAN_OUT)) + 1,
        );
      }),
      { numRuns: 25 },
    );
  });

  it("along a stretch on a ring that there is not goes no further", () => {
    const { audience, spreader, sent } = member(idOf(0), [idOf(1), idOf(2)]);
    const batch = { first: 1, bytes: new Uint8Array(0), log: { publisher: idOf(3) } } as unknown as Batch;
    for (const ring of [0, audience.ringCount + 1, 255]) spreader.pass(audience.of("t"), batch, { ring, until: 0 });
    expect(sent()).toEqual([]);
  });
});

describe("how many must hold a message", () => {
  it.each([
    // Members, rings: holders whoever they are, holders that the rings chose.
    [1, 9, 0, 0],
    [2, 9, 1, 1],
    [5, 9, 1, 1],
    [11, 9, 2, 2],
    [100, 13, 11, 3],
    [1000, 23, 134, 3],
  ])("of %i members on %i rings: %i of any, %i of the draw", (members, rings, any, drawn) => {
    expect(holdersNeeded(members, rings)).toEqual({ any, drawn });
  });

  it("of any so many is the number that the last of them holds", () => {
    expect([0, 1, 2, 3, 4].map((count) => heldByAtLeast(count, [5, 9, 7], 0))).toEqual([
      Number.POSITIVE_INFINITY,
      9,
      7,
      5,
      0,
    ]);
  });
});
