/** What an operator hears of members that are live for others and cannot be reached from here. */
import { describe, expect, it } from "vitest";
import { ReachWatch } from "../../client/standing/reach-watch.js";
import type { FirefliesError } from "../../identity/index.js";
import { DialError, type Unreached } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

const B = "b".repeat(64) as MemberId;
const error = new DialError("timeout", "203.0.113.7:1");

function scene() {
  const clock = { now: 0 };
  const unreached = new Map<MemberId, Unreached>();
  const alarms: FirefliesError[] = [];
  const tried: number[] = [];
  const view = new Set([B]);
  const watch = new ReachWatch({
    links: {
      unreached: () => unreached,
      reach: async () => {
        tried.push(clock.now);
        unreached.set(B, { since: unreached.get(B)?.since ?? clock.now, at: clock.now, error });
        throw error;
      },
    },
    now: () => clock.now,
    destination: (id) => (view.has(id) ? { id, addresses: ["203.0.113.7:1"] } : undefined),
    title: (id) => `bob (${id})`,
    onAlarm: (alarm) => alarms.push(alarm),
  });
  const runTo = async (end: number) => {
    for (; clock.now <= end; clock.now += 1_000) {
      watch.look();
      await Promise.resolve();
    }
  };
  return { clock, unreached, alarms, tried, view, runTo };
}

describe("a member that cannot be reached", () => {
  it("is tried again each five seconds, and told once, when it still fails ten seconds later", async () => {
    const { unreached, alarms, tried, runTo } = scene();
    unreached.set(B, { since: 0, at: 0, error });
    await runTo(60_000);
    expect(tried.slice(0, 3)).toEqual([6_000, 12_000, 18_000]);
    expect(alarms.map(({ code }) => code)).toEqual(["member-unreachable"]);
    expect(alarms[0]!.message).toContain(B);
    expect(alarms[0]!.message).toContain(error.message);
  });

  it("is told again when it was reached in between", async () => {
    const { clock, unreached, alarms, runTo } = scene();
    unreached.set(B, { since: 0, at: 0, error });
    await runTo(30_000);
    unreached.delete(B);
    await runTo(31_000);
    unreached.set(B, { since: clock.now, at: clock.now, error });
    await runTo(60_000);
    expect(alarms.length).toBe(2);
  });

  it("is nobody's business when it is out of the view, and not tried", async () => {
    const { unreached, alarms, tried, view, runTo } = scene();
    view.clear();
    unreached.set(B, { since: 0, at: 0, error });
    await runTo(60_000);
    expect([alarms, tried]).toEqual([[], []]);
  });
});
