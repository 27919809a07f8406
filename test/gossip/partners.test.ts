/** What is remembered of a partner: how large a packet its line bears. */
import { expect, it } from "vitest";
import { Partners } from "../../gossip/spreading/partners.js";
import type { MemberId } from "../../rings/index.js";

const ID = "ab".repeat(32) as MemberId;

it("a packet is half as large after a call that failed, down to a 64th, and twice as large after one that was answered", () => {
  const partners = new Partners(1000);
  const share = (isAnswered: boolean) => {
    partners.called(ID, isAnswered);
    return partners.share(ID);
  };
  expect(partners.share(ID)).toBe(1);
  expect(share(true)).toBe(1);
  expect([share(false), share(false), share(true)]).toEqual([1 / 2, 1 / 4, 1 / 2]);
  expect(Array.from({ length: 9 }, () => share(false)).at(-1)).toBe(1 / 64);
  expect(Array.from({ length: 9 }, () => share(true)).at(-1)).toBe(1);
});
