/** Names that are offered, whom a key belongs to, and when a message for anybody goes on to the next: rules, without a network. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Announced } from "../../client/offers/announced.js";
import { closest } from "../../client/offers/closest.js";
import { isName } from "../../client/offers/name.js";
import { NAMES_BYTES_MAX, namesExtensions, namesIn } from "../../client/offers/names.js";
import { toAny } from "../../client/talk/any.js";
import { type ErrorCode, FirefliesError } from "../../identity/index.js";
import { ByteReader, encodeExtensions, type MemberId, memberIdFromBytes, readExtensions } from "../../rings/index.js";
import { codeOf, read, text } from "../support/network.js";

const PAUSE_MS = 1_000;

describe("the names of a member", () => {
  it("is one note for all names of one turn, and at most one a second for those that follow", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const told: number[] = [];
    const announced: Announced = new Announced(
      () => told.push(announced.names.length),
      () => PAUSE_MS,
    );
    for (let index = 0; index < 100; index++) announced.add(`n${index}`);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(told).toEqual([100]);
    for (let index = 0; index < 50; index++) {
      announced.remove(`n${index}`);
      vi.advanceTimersByTime(100);
    }
    vi.advanceTimersByTime(PAUSE_MS);
    expect(told.length).toBeLessThanOrEqual(7);
    expect(told.at(-1)).toBe(50);
    announced.add("late");
    announced.close();
    vi.advanceTimersByTime(10 * PAUSE_MS);
    expect(told.at(-1)).toBe(50);
  });

  it("has 1 KiB: a name beyond is refused, changes nothing, and finds room when another one goes", () => {
    const announced = new Announced(
      () => {},
      () => PAUSE_MS,
    );
    const names = Array.from({ length: 1_000 }, (_, index) => `name-${index}`);
    const taken = names.filter((name) => {
      try {
        announced.add(name);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: "names-too-large" });
        return false;
      }
    });
    expect(announced.names).toEqual(taken.toSorted());
    const bytes = encodeExtensions(announced.extensions).length;
    expect(bytes).toBeLessThanOrEqual(1_024);
    expect(bytes).toBeGreaterThan(1_000);
    announced.remove(taken[0]!);
    announced.add("name-x");
    announced.close();
  });

  it("is read as it was written, and what is no list of names is nothing", () => {
    const anyName = fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter(isName);
    fc.assert(
      fc.property(fc.uniqueArray(anyName, { maxLength: 20 }), (names) => {
        const bytes = encodeExtensions(namesExtensions(names));
        const reader = new ByteReader(bytes);
        const found = namesIn(readExtensions(reader));
        expect(reader.complete).toBe(true);
        expect(found.toSorted()).toEqual(names.toSorted());
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: NAMES_BYTES_MAX }), (data) => {
        for (const name of namesIn([{ type: 1, data }])) expect(isName(name)).toBe(true);
      }),
    );
    for (const data of [Uint8Array.of(5, 65), Uint8Array.of(200), Uint8Array.of(1, 32), Uint8Array.of(1, 255)]) {
      expect(namesIn([{ type: 1, data }])).toEqual([]);
    }
  });
});

describe("a key", () => {
  const idOf = (number: number) =>
    memberIdFromBytes(new Uint8Array(32).fill(number % 251, 0, 16).fill(number >> 8, 16));
  const members = (count: number) => Array.from({ length: count }, (_, index) => ({ id: idOf(index * 7 + 1) }));

  it("belongs to the same members for all who have the same view, in whatever order", () => {
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(members(30), { minLength: 1 }), (key, some) => {
        const sorted = some.toSorted((a, b) => (a.id < b.id ? -1 : 1));
        expect(closest(key, some)).toEqual(closest(key, sorted));
        expect(closest(key, some, 1)).toEqual(closest(key, some).slice(0, 1));
        expect(closest(key, some, 3)).toEqual(closest(key, some).slice(0, 3));
      }),
    );
  });

  it("moves only when its own member goes, or to the one that comes", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 29 }), (key, index) => {
        const all = members(30);
        const without = all.filter((_, at) => at !== index);
        const [before, after] = [closest(key, all), closest(key, without)];
        expect(after).toEqual(before.filter(({ id }) => id !== all[index]!.id));
      }),
    );
  });

  it("finds all members alike: none has more than half again its share of many keys", () => {
    const all = members(20);
    const shares = new Map<MemberId, number>();
    for (let key = 0; key < 20_000; key++) {
      const [{ id }] = closest(`key ${key}`, all, 1) as [{ id: MemberId }];
      shares.set(id, (shares.get(id) ?? 0) + 1);
    }
    for (const { id } of all) {
      expect(shares.get(id)).toBeGreaterThan(850);
      expect(shares.get(id)).toBeLessThan(1_150);
    }
  });
});

describe("a message for any member that offers a service", () => {
  const ids = [1, 2, 3].map((number) => memberIdFromBytes(new Uint8Array(32).fill(number)));
  /** Members whose connection or answer fails with these codes; "ok" answers. */
  function world(...fates: readonly (readonly [reach: ErrorCode | "ok", answer: ErrorCode | "ok"])[]) {
    const asked: number[] = [];
    const fail = (code: ErrorCode | "ok" | undefined) => {
      if (code !== undefined && code !== "ok") throw new FirefliesError(code);
    };
    const indexOf = (id: string) => ids.indexOf(id as MemberId);
    return {
      asked,
      outbound: {
        requireTalking: () => {},
        reach: async (id: string) => {
          fail(fates[indexOf(id)]?.[0]);
          return undefined as never;
        },
        toId: async (id: string) => {
          asked.push(indexOf(id));
          fail(fates[indexOf(id)]?.[1]);
          return text(String(indexOf(id)));
        },
      },
    };
  }

  it.each<[ErrorCode, "reach" | "answer", boolean]>([
    ["peer-unreachable", "reach", true],
    ["timeout", "reach", true],
    ["peer-unknown", "reach", true],
    ["address-forbidden", "reach", true],
    ["cancelled", "reach", false],
    ["peer-unreachable", "answer", true],
    ["peer-unknown", "answer", true],
    ["peer-refused", "answer", true],
    ["member-stopping", "answer", true],
    ["handler-missing", "answer", true],
    ["overloaded", "answer", true],
    ["timeout", "answer", false],
    ["link-closed", "answer", false],
    ["peer-removed", "answer", false],
    ["handler-failed", "answer", false],
    ["handler-timeout", "answer", false],
    ["message-too-large", "answer", false],
    ["cancelled", "answer", false],
  ])("that fails with %s at its %s: is another one asked? %s", async (code, where, goesOn) => {
    const { outbound, asked } = world(where === "reach" ? [code, "ok"] : ["ok", code], ["ok", "ok"]);
    const sent = toAny(outbound, ids, text("x"), { service: "s" });
    if (goesOn) expect(read(await sent)).toBe("1");
    else expect(await codeOf(sent)).toBe(code);
    expect(asked).toEqual([...(where === "answer" ? [0] : []), ...(goesOn ? [1] : [])]);
  });

  it("fails as the last one did when none takes it", async () => {
    const { outbound } = world(["peer-unreachable", "ok"], ["ok", "member-stopping"], ["ok", "overloaded"]);
    expect(await codeOf(toAny(outbound, ids, text("x"), { service: "s" }))).toBe("overloaded");
  });
});
