/** A durable subscription that comes when nobody holds its messages any more: they come from where they were kept. */
import { describe, expect, it } from "vitest";
import type { Place } from "../../topics/effects.js";
import { type Member, Overlay } from "../support/topics/overlay.js";

const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `m${first + index}`);

/** A subscriber with a place, and what was published while it was away, which all others have let go of. */
function away() {
  const overlay = new Overlay({ members: 4, settings: { retentionMs: 2000 } });
  const [publisher, subscriber, keeper] = overlay.members as [Member, Member, Member, Member];
  overlay.subscribe(subscriber, "t", { places: [] });
  overlay.subscribe(keeper, "t");
  overlay.run(1000);
  for (const text of numbered(1, 3)) overlay.publish(publisher, "t", text);
  overlay.run(500);
  const places = [subscriber.of("place").at(-1)!.place] as Place[];
  overlay.kill(subscriber);
  for (const text of numbered(4, 8)) {
    overlay.publish(publisher, "t", text);
    overlay.run(10);
  }
  const kept = keeper.of("deliver").map(({ batch }) => batch);
  overlay.run(10_000);
  overlay.restart(subscriber);
  const again = (isRecovering: boolean) =>
    overlay.subscribe(subscriber, "t", { places, isResumed: true, isRecovering });
  const recover = (number: number) =>
    overlay.input(subscriber, (machine) => {
      for (const batch of kept) expect(machine.recover(batch.bytes, overlay.now)).toBe(true);
      machine.recovered(number, overlay.now);
    });
  return { overlay, publisher, subscriber, again, recover };
}

describe("a durable subscription that comes after retention", () => {
  it("loses what nobody holds, when nothing was kept elsewhere", () => {
    const { overlay, publisher, subscriber, again } = away();
    const number = again(false);
    overlay.run(1000);
    overlay.publish(publisher, "t", "m9");
    overlay.run(10_000);
    expect(subscriber.texts(number)).toEqual(["m9"]);
    expect(subscriber.of("lost").reduce((sum, { first, last }) => sum + last - first + 1, 0)).toBe(5);
  });

  it("is handed what was kept elsewhere, in order and before what comes now, and loses nothing", () => {
    const { overlay, publisher, subscriber, again, recover } = away();
    const number = again(true);
    overlay.run(10_000);
    overlay.publish(publisher, "t", "m9");
    overlay.run(1000);
    expect([subscriber.texts(number), subscriber.of("lost")]).toEqual([[], []]);
    recover(number);
    overlay.run(1000);
    expect([subscriber.texts(number), subscriber.of("lost")]).toEqual([numbered(4, 9), []]);
  });

  it("is handed what a dead publisher left there as well", () => {
    const { overlay, publisher, subscriber, again, recover } = away();
    overlay.kill(publisher);
    const number = again(true);
    overlay.run(1000);
    recover(number);
    overlay.run(1000);
    expect([subscriber.texts(number), subscriber.of("lost")]).toEqual([numbered(4, 8), []]);
  });

  it("loses the rest when not all of it was kept", () => {
    const { overlay, publisher, subscriber, again } = away();
    const number = again(true);
    overlay.run(1000);
    overlay.input(subscriber, (machine) => machine.recovered(number, overlay.now));
    overlay.publish(publisher, "t", "m9");
    overlay.run(10_000);
    expect(subscriber.texts(number)).toEqual(["m9"]);
    expect(subscriber.of("lost").length).toBeGreaterThan(0);
  });
});
