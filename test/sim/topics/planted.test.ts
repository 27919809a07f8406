/** Each invariant of topics sees the bug that it is there for, planted into the production machine. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { PROGRAMS } from "../../../sim/topics/liars/programs.js";
import { playTopics } from "../../../sim/topics/play.js";
import { Cursor } from "../../../topics/delivering/cursor.js";
import { Deliveries } from "../../../topics/delivering/deliveries.js";
import { GroupLog } from "../../../topics/delivering/group-log.js";
import { Intake } from "../../../topics/holding/intake.js";
import { Proofs } from "../../../topics/holding/proofs.js";
import { Shelf } from "../../../topics/holding/shelf.js";
import { Repair } from "../../../topics/spreading/repair.js";
import { topicsPlan } from "../../support/sim/topics-plan.js";

vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.restoreAllMocks());

/** The invariants that a run broke, each once. */
function broken(changes: Parameters<typeof topicsPlan>[0]): string[] {
  const { violations } = playTopics(topicsPlan(changes));
  return [...new Set(violations.map(({ invariant }) => invariant))].sort();
}

const FEW = { plan: { members: 8, seconds: 2 } } as const;

describe("a planted bug is seen by", () => {
  it("T1, when nobody asks for what is missing", () => {
    vi.spyOn(Repair.prototype, "fill").mockImplementation(() => {});
    const plan = { members: 30, byzantine: 6, seconds: 2 };
    expect(broken({ plan, program: PROGRAMS.get("topic-swallower") })).toEqual(["T1"]);
  });

  it("T1, when anybody is believed to have handled a message of a queue group", () => {
    vi.spyOn(GroupLog.prototype, "claimed").mockImplementation((_, { first, last }) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    );
    const plan = { members: 12, byzantine: 2, seconds: 3 };
    expect(broken({ plan, work: { workers: 12, handlerMs: 20 }, program: PROGRAMS.get("topic-claimant") })).toContain(
      "T1",
    );
  });

  it("T1, when nobody takes over what a dead member of a group had", () => {
    vi.spyOn(Cursor.prototype, "takeOver").mockImplementation(() => {});
    const plan = { members: 12, seconds: 5 };
    expect(broken({ plan, work: { workers: 12, handlerMs: 40, churnMs: 500 } })).toContain("T1");
  });

  it("T6, when each member of a group thinks that all is its own", () => {
    vi.spyOn(GroupLog.prototype, "standing").mockImplementation(() => "mine");
    expect(broken({ ...FEW, work: { workers: 8 } })).toContain("T6");
  });

  it("T2, when the newest message overtakes those that wait", () => {
    const { take } = Cursor.prototype;
    const planted = new Set<Cursor>();
    vi.spyOn(Cursor.prototype, "take").mockImplementation(function (this: Cursor, now, room) {
      const newest = this.log.newest?.batch;
      if (!newest || newest.first <= this.next || planted.has(this)) return take.call(this, now, room);
      planted.add(this);
      return { first: newest.first, last: newest.last, attempt: 1 };
    });
    expect(broken({ ...FEW, work: { failing: 0.5, handlerMs: 20 } })).toContain("T2");
  });

  it("T3, when signatures are not looked at", () => {
    const { verified } = Intake.prototype;
    vi.spyOn(Intake.prototype, "verified").mockImplementation(function (this: Intake, check, _, now) {
      return verified.call(this, check, true, now);
    });
    const plan = { members: 12, byzantine: 2, seconds: 3 };
    expect(broken({ plan, program: PROGRAMS.get("topic-forger") })).toContain("T3");
  });

  it("T3, when nobody keeps the proof of two messages under one number", () => {
    vi.spyOn(Proofs.prototype, "found").mockImplementation(() => {});
    const plan = { members: 12, byzantine: 2, seconds: 3 };
    expect(broken({ plan, program: PROGRAMS.get("topic-equivocator") })).toContain("T3");
  });

  it("T4, when nothing gives way", () => {
    vi.spyOn(Shelf.prototype, "makeRoom").mockImplementation(() => true);
    const work = { publishers: 3, perSecond: 10, bytes: 60_000 };
    expect(broken({ plan: { members: 6, seconds: 3 }, work, topics: { retentionBytes: 1024 ** 2 } })).toContain("T4");
  });

  it("T5, when what was acknowledged comes again", () => {
    const { acknowledge } = Deliveries.prototype;
    const planted = new Set<string>();
    vi.spyOn(Deliveries.prototype, "acknowledge").mockImplementation(function (this: Deliveries, number, tag, ...rest) {
      const [first, last, now] = rest;
      if (planted.has(tag)) return acknowledge.call(this, number, tag, first, last, now);
      planted.add(tag);
      return this.fail(number, tag, first, last, now);
    });
    expect(broken(FEW)).toContain("T5");
  });
});
