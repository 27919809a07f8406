/** What is known of links that came along with a handshake: never "it never came" for one that has come, or may have. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EarlyLinks, STILL_COMES_MS } from "../../client/messages/early-links.js";
import { EARLY_MS, HANDSHAKE_TIMEOUT_MS } from "../../net/session/limits.js";
import type { MemberId } from "../../rings/index.js";

const idOf = (index: number) => index.toString(16).padStart(64, "0") as MemberId;
const [a, b] = [idOf(1), idOf(2)];

function scene() {
  let now = 1_000;
  const links = new EarlyLinks(() => now);
  const wait = (ms: number) => {
    now += ms;
  };
  return { links, at: () => now, wait };
}

describe("a link that came along with a handshake", () => {
  it("has come", () => {
    const { links, at, wait } = scene();
    wait(10);
    expect(links.came(a, "one")).toBe(true);
    expect(links.neverCame(a, "one", at() - 5)).toBe(false);
  });

  it("and that did not come is given up, for all that was under way on it", () => {
    const { links, at, wait } = scene();
    wait(10);
    expect([links.neverCame(a, "one", at() - 5), links.neverCame(a, "one", at() - 5)]).toEqual([true, true]);
    expect(links.came(a, "one")).toBe(false);
    expect(links.came(b, "one")).toBe(true);
  });

  it("and was begun before this process may have come to another one", () => {
    const { links, at, wait } = scene();
    wait(10);
    expect(links.neverCame(a, "one", at() - 10)).toBe(false);
    expect(links.neverCame(a, "one", at() - 9)).toBe(true);
  });

  it("is not taken while too many are remembered that may still come", () => {
    const { links, wait } = scene();
    const taken = Array.from({ length: 100 }, (_, index) => links.came(a, `${index}`)).filter(Boolean).length;
    expect(taken).toBeLessThan(100);
    expect(links.came(a, "more")).toBe(false);
    expect(links.came(b, "of another member")).toBe(true);
    wait(STILL_COMES_MS);
    expect(links.came(a, "more")).toBe(true);
  });

  it("is not taken from new members while too many are remembered", () => {
    const { links, wait } = scene();
    let members = 0;
    while (links.came(idOf(members), "one")) members += 1;
    expect(members).toBeLessThan(10_000);
    wait(STILL_COMES_MS);
    expect(links.came(idOf(members), "one")).toBe(true);
  });
});

it("a link comes while its session takes early messages, or never", () => {
  expect(STILL_COMES_MS).toBeGreaterThan(HANDSHAKE_TIMEOUT_MS + EARLY_MS);
});

it("never has one not have come that has, however many there are", () => {
  const step = fc.record({
    member: fc.integer({ min: 0, max: 3 }),
    link: fc.integer({ min: 0, max: 60 }),
    waitMs: fc.constantFrom(1, 1, 100, STILL_COMES_MS),
    asks: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { links, at, wait } = scene();
      const came = new Map<string, number>();
      const givenUp = new Map<string, number>();
      for (const { member, link, waitMs, asks } of steps) {
        wait(waitMs);
        const key = `${member} ${link}`;
        const cameAt = came.get(key);
        if (asks) {
          // A caller whose link has come began it before; of the others it may have been at any time.
          const isGivenUp = links.neverCame(idOf(member), `${link}`, cameAt === undefined ? at() - 500 : cameAt - 1);
          expect(isGivenUp && cameAt !== undefined).toBe(false);
          if (isGivenUp) givenUp.set(key, at());
        } else if (cameAt === undefined && links.came(idOf(member), `${link}`)) {
          came.set(key, at());
          // Later than that its session takes nothing early.
          expect(at() - (givenUp.get(key) ?? -Infinity)).toBeGreaterThanOrEqual(STILL_COMES_MS);
        }
      }
    }),
  );
});
