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

describe("a subscription that misses retention while it runs", () => {
  /** Its handler keeps the first message, and the others wait until their time is over. */
  function slow(of: "another" | "its own", kept = "t") {
    const overlay = new Overlay({ members: 3, settings: { retentionMs: 2000 } });
    const [publisher, other, keeper] = overlay.members as [Member, Member, Member];
    const subscriber = of === "another" ? other : publisher;
    overlay.input(subscriber, (machine) => machine.keptElsewhere([kept]));
    const number = overlay.subscribe(subscriber, "t", { inFlightMax: 1 }, () => "hold");
    overlay.subscribe(keeper, "t");
    overlay.run(1000);
    for (const text of numbered(1, 8)) {
      overlay.publish(publisher, "t", text);
      overlay.run(10);
    }
    overlay.run(10_000);
    const batches = keeper.of("deliver").map(({ batch }) => batch);
    const recover = (texts: number) =>
      overlay.input(subscriber, (machine) => {
        for (const batch of batches.slice(0, texts)) expect(machine.recover(batch.bytes, overlay.now)).toBe(true);
        machine.recovered(number, overlay.now);
      });
    const goOn = () => {
      subscriber.handlers.set(number, () => "done");
      const { tag } = batches[0]!.log;
      overlay.input(subscriber, (machine) => machine.acknowledge(number, tag, 1, 1, overlay.now));
      overlay.run(1000);
    };
    return { overlay, publisher, subscriber, number, batches, recover, goOn };
  }
  const lostBy = (member: Member) => member.of("lost").reduce((sum, { first, last }) => sum + last - first + 1, 0);

  it.each(["another", "its own"] as const)(
    "is handed what was kept elsewhere of %s, in order, and loses nothing",
    (of) => {
      const { overlay, publisher, subscriber, number, batches, recover, goOn } = slow(of);
      expect(subscriber.of("missed")).toHaveLength(1);
      expect(overlay.input(subscriber, (machine) => machine.seek(number))).toBe(batches[0]!.at);
      recover(8);
      overlay.publish(publisher, "t", "m9");
      goOn();
      expect([subscriber.texts(number), lostBy(subscriber)]).toEqual([numbered(1, 9), 0]);
    },
  );

  it("loses what is not found there, and asks anew for what it missed meanwhile", () => {
    const { overlay, publisher, subscriber, number, recover, goOn } = slow("another");
    overlay.input(subscriber, (machine) => machine.seek(number));
    overlay.publish(publisher, "t", "m9");
    overlay.run(10_000);
    recover(5);
    expect([lostBy(subscriber), subscriber.of("missed").length]).toEqual([3, 2]);
    overlay.input(subscriber, (machine) => machine.seek(number));
    recover(0);
    goOn();
    expect([subscriber.texts(number), lostBy(subscriber)]).toEqual([numbered(1, 5), 4]);
  });

  it("is handed what it did not hear of for longer than anybody holds it", () => {
    const overlay = new Overlay({ members: 3, settings: { retentionMs: 2000 } });
    const [publisher, subscriber, keeper] = overlay.members as [Member, Member, Member];
    overlay.input(subscriber, (machine) => machine.keptElsewhere(["t"]));
    const number = overlay.subscribe(subscriber, "t");
    overlay.subscribe(keeper, "t");
    overlay.run(1000);
    overlay.publish(publisher, "t", "m1");
    overlay.run(100);
    overlay.fate = (_from, to) => (to === subscriber.index ? [] : [1]);
    for (const text of numbered(2, 4)) overlay.publish(publisher, "t", text);
    overlay.run(10_000);
    overlay.fate = () => [1];
    overlay.publish(publisher, "t", "m5");
    overlay.run(20_000);
    expect([subscriber.texts(number), subscriber.of("missed").length]).toEqual([["m1"], 1]);
    overlay.input(subscriber, (machine) => {
      machine.seek(number);
      for (const { batch } of keeper.of("deliver")) machine.recover(batch.bytes, overlay.now);
      machine.recovered(number, overlay.now);
    });
    overlay.run(1000);
    expect([subscriber.texts(number), lostBy(subscriber)]).toEqual([numbered(1, 5), 0]);
  });

  it("loses at once what is kept nowhere else", () => {
    const { subscriber } = slow("another", "other");
    expect([lostBy(subscriber), subscriber.of("missed")]).toEqual([7, []]);
  });
});
