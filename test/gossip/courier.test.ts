/** Calls to partners: nobody who is slow holds up anybody else, and every call ends. */
import { describe, expect, it } from "vitest";
import { EXCHANGES_MAX, FRESH_MAX, PUSHES_MAX } from "../../gossip/limits.js";
import { Courier } from "../../gossip/spreading/courier.js";
import { idOf } from "../support/gossip/authority.js";

const to = (name: string) => ({ id: idOf(name), addresses: [`${name}:1`] });

describe("calls", () => {
  it("at most one of a purpose per partner", () => {
    const courier = new Courier();
    const first = courier.begin("push", to("a"), 0)!;
    expect(courier.begin("push", to("a"), 0)).toBeUndefined();
    expect(courier.begin("exchange", to("a"), 0)).toBeDefined();
    expect(courier.begin("push", to("b"), 0)).toBeDefined();
    expect(courier.end(first.number)).toBe(first);
    expect(courier.end(first.number)).toBeUndefined();
    expect(courier.begin("push", to("a"), 0)).toBeDefined();
  });

  it("at most so many of a purpose: exchanges that nobody answers leave the pushes alone", () => {
    const courier = new Courier();
    const begin = (purpose: "exchange" | "push", count: number) =>
      Array.from({ length: count }, (_, index) => courier.begin(purpose, to(`m${index}`), 0));
    expect(begin("exchange", EXCHANGES_MAX + 5).filter((call) => call === undefined).length).toBe(5);
    const pushes = begin("push", PUSHES_MAX + 5);
    expect(pushes.filter((call) => call === undefined).length).toBe(5);
    expect(courier.count("push")).toBe(PUSHES_MAX);
    courier.end(pushes[0]!.number);
    expect(courier.count("push")).toBe(PUSHES_MAX - 1);
  });

  it("are overdue when their driver has forgotten them", () => {
    const courier = new Courier();
    const call = courier.begin("push", to("a"), 100)!;
    expect(courier.overdue(5100)).toEqual([]);
    expect(courier.overdue(5101)).toEqual([call]);
  });
});

describe("what waits for a partner", () => {
  it("is kept once each, up to a limit, until it was sent", () => {
    const courier = new Courier();
    for (let index = 0; index < FRESH_MAX + 10; index++) courier.post(idOf("a"), `digest ${index}`);
    courier.post(idOf("a"), "digest 0");
    expect(courier.waiting(idOf("a"), FRESH_MAX).length).toBe(FRESH_MAX);
    expect(courier.waiting(idOf("a"), 2)).toEqual(["digest 0", "digest 1"]);
    courier.posted(idOf("a"), courier.waiting(idOf("a"), FRESH_MAX).slice(1));
    expect(courier.waiting(idOf("a"), FRESH_MAX)).toEqual(["digest 0"]);
    courier.posted(idOf("a"), ["digest 0"]);
    expect(courier.recipients()).toEqual([]);
    expect(courier.isIdle).toBe(true);
  });

  it("is discarded with a partner that is none any more", () => {
    const courier = new Courier();
    for (const name of ["a", "b"]) courier.post(idOf(name), "digest");
    courier.discard(idOf("a"));
    expect(courier.recipients()).toEqual([idOf("b")]);
  });
});
