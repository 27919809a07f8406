/** A budget that members share: parts that are never more than it together, whatever is late, lost or a lie; and real members. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Client } from "../../../client/index.js";
import { Budgets } from "../../../services/coordination/budgets.js";
import { fairShare } from "../../../services/coordination/fair-share.js";
import { rateLimiter } from "../../../services/coordination/index.js";
import { Shares, type Telling, TOLD_KEYS_MAX } from "../../../services/coordination/shares.js";
import { decodeTelling, encodeTelling } from "../../../services/coordination/telling.js";
import { startTestNetwork } from "../../../testing/index.js";

const BUDGET = 100;
const KEY = "k".repeat(16);
const demand = fc.double({ min: 0, max: 3 * BUDGET, noNaN: true });
const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0);
const without = <T>(all: readonly T[], at: number) => all.filter((_, index) => index !== at);

describe("a fair share", () => {
  it("is the budget together, what is asked for at the least or an equal part, and no more when others ask for more", () => {
    fc.assert(
      fc.property(fc.array(demand, { minLength: 1, maxLength: 8 }), fc.nat(), demand, (demands, which, more) => {
        const parts = demands.map((mine, index) => fairShare(BUDGET, mine, without(demands, index)));
        expect(sum(parts)).toBeCloseTo(BUDGET, 6);
        for (const [index, part] of parts.entries())
          expect(part).toBeGreaterThan(Math.min(demands[index]!, BUDGET / demands.length) - 1e-6);
        const index = which % demands.length;
        const raised = demands.map((each, at) => (at === index ? each + more : each));
        for (const [at, part] of parts.entries()) {
          const after = fairShare(BUDGET, raised[at]!, without(raised, at));
          if (at === index) expect(after).toBeGreaterThan(part - 1e-6);
          else expect(after).toBeLessThan(part + 1e-6);
        }
      }),
    );
  });
});

/** Members that tell each other over a network that delays, and loses requests or their answers. */
class Group {
  readonly members: { shares: Shares; life: number }[];
  readonly #reserve: number;
  #telling = new Map<string, { readonly telling: Telling; readonly from: Shares; isThere: boolean }>();

  constructor(count: number, reserve: number) {
    this.#reserve = reserve;
    this.members = Array.from({ length: count }, () => ({ shares: new Shares({ budget: BUDGET, reserve }), life: 0 }));
    for (const index of this.members.keys()) this.#see(index);
  }

  #see(index: number): void {
    this.members[index]!.shares.members(without([...this.members.keys()], index).map(String));
  }

  tell(from: number, to: number): void {
    const key = `${from} ${to}`;
    const { shares } = this.members[from]!;
    if (from === to || this.#telling.has(key) || !shares.behind.includes(String(to))) return;
    this.#telling.set(key, { telling: shares.tell(String(to)), from: shares, isThere: false });
  }

  arrive(from: number, to: number): void {
    const way = this.#telling.get(`${from} ${to}`);
    if (way === undefined || way.isThere || way.from !== this.members[from]!.shares) return;
    way.isThere = this.members[to]!.shares.heard(String(from), this.members[from]!.life, way.telling);
  }

  end(from: number, to: number, isAnswered: boolean): void {
    const way = this.#telling.get(`${from} ${to}`);
    this.#telling.delete(`${from} ${to}`);
    if (way?.isThere && isAnswered && way.from === this.members[from]!.shares)
      way.from.acknowledged(String(to), way.telling);
  }

  restart(index: number): void {
    const { life } = this.members[index]!;
    this.members[index] = { shares: new Shares({ budget: BUDGET, reserve: this.#reserve }), life: life + 1 };
    for (const key of [...this.#telling.keys()]) if (key.split(" ").includes(String(index))) this.#telling.delete(key);
    this.#see(index);
  }

  settle(): void {
    for (const from of this.members.keys())
      for (const to of this.members.keys()) {
        this.end(from, to, false);
        this.tell(from, to);
        this.arrive(from, to);
        this.end(from, to, true);
      }
  }

  parts = () => this.members.map(({ shares }) => shares.part(KEY));
}

const member = fc.nat(3);
const act = fc.oneof(
  fc.tuple(fc.constant("ask" as const), member, demand),
  fc.tuple(fc.constant("tell" as const), member, member),
  fc.tuple(fc.constant("arrive" as const), member, member),
  fc.tuple(fc.constant("lose" as const), member, member),
  fc.tuple(fc.constant("answer" as const), member, member),
  fc.tuple(fc.constant("restart" as const), member, member),
);

describe("the parts of a budget", () => {
  it("are together at most the budget at every instant, and follow what is asked for once messages arrive", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(act, { maxLength: 80 }),
        fc.array(demand, { minLength: 4, maxLength: 4 }),
        (count, reserve, acts, last) => {
          const group = new Group(count, reserve);
          for (const [kind, a, b] of acts) {
            const [from, to] = [a % count, Math.floor(b) % count];
            if (kind === "ask") group.members[from]!.shares.ask(new Map([[KEY, b]]));
            else if (kind === "tell") group.tell(from, to);
            else if (kind === "arrive") group.arrive(from, to);
            else if (kind === "restart") group.restart(from);
            else group.end(from, to, kind === "answer");
            expect(sum(group.parts())).toBeLessThan(BUDGET + 1e-6);
          }
          for (const [index, { shares }] of group.members.entries()) shares.ask(new Map([[KEY, last[index]!]]));
          group.settle();
          group.settle();
          const floor = (reserve * BUDGET) / count;
          const asked = last.slice(0, count).map((each) => Math.min(BUDGET, Math.max(floor, each)));
          for (const [index, part] of group.parts().entries())
            expect(part).toBeCloseTo(fairShare(BUDGET, asked[index]!, without(asked, index)), 6);
        },
      ),
    );
  });

  it("of a member that asks for an equal part are not taken by one that lies", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), demand), { maxLength: 30 }), (lies) => {
        const group = new Group(2, 0.25);
        group.members[0]!.shares.ask(new Map([[KEY, BUDGET / 2]]));
        group.settle();
        for (const [number, lie] of lies) {
          const telling = { number, demands: new Map([[KEY, lie]]) };
          group.members[0]!.shares.heard("1", number % 3, telling);
          expect(group.members[0]!.shares.part(KEY)).toBeGreaterThan(BUDGET / 2 - 1e-6);
          expect(group.members[0]!.shares.part(KEY)).toBeLessThan(BUDGET + 1e-6);
        }
      }),
    );
  });

  it("are told of the keys with the most, and no member that takes no part is heard", () => {
    const shares = new Shares({ budget: BUDGET, reserve: 0.1 });
    shares.members(["a"]);
    shares.ask(new Map(Array.from({ length: 1_000 }, (_, index) => [`${index}`.padStart(16, "0"), 6 + index / 100])));
    const { demands } = shares.tell("a");
    expect(demands.size).toBe(TOLD_KEYS_MAX);
    expect(demands.has("999".padStart(16, "0"))).toBe(true);
    expect(shares.heard("stranger", 1, { number: 1, demands: new Map() })).toBe(false);
  });
});

describe("what is told", () => {
  it("comes back as it was, and nothing else is taken", () => {
    const telling = { number: 3, demands: new Map([[KEY, 1.5]]) };
    expect(decodeTelling(encodeTelling(7, telling))).toEqual({ life: 7, ...telling });
    const texts = ["", "null", "[]", '{"life":1}', `{"life":-1,"number":1,"demands":[]}`];
    const demands = [
      "[1]",
      '[["short",1]]',
      `[["${KEY}",-1]]`,
      `[["${KEY}","1"]]`,
      `[["${KEY}",1,2]]`,
      `[["${KEY}",1e999]]`,
    ];
    texts.push(...demands.map((some) => `{"life":1,"number":1,"demands":${some}}`));
    const many = Array.from({ length: TOLD_KEYS_MAX + 1 }, () => [KEY, 1]);
    texts.push(JSON.stringify({ life: 1, number: 1, demands: many }), " ".repeat(100_000));
    for (const text of texts) expect(decodeTelling(new TextEncoder().encode(text))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeTelling(bytes)));
  });
});

describe("a member's budgets", () => {
  const budgetsOf = (keysMax = 10) => {
    const shares = new Shares({ budget: 10, reserve: 0.25 });
    return { shares, budgets: new Budgets({ intervalMs: 1_000, keysMax }, shares, 0) };
  };

  it("give what there is, fill again with time, and count what is asked for", () => {
    const { budgets } = budgetsOf();
    const takes = (count: number, now: number) =>
      Array.from({ length: count }, () => budgets.take("a", 1, now)).filter(Boolean).length;
    expect(takes(20, 0)).toBe(10);
    expect(takes(20, 500)).toBe(5);
    expect(budgets.left("a", 1_000)).toBeCloseTo(5);
    expect(budgets.left("never seen", 1_000)).toBe(10);
    expect([...budgets.measure(1_000).values()]).toEqual([15.625]); // 40 in a second, weighed by a quarter, with some to spare.
    expect(takes(1, 0)).toBe(1); // A clock that goes back brings nothing, and takes nothing.
  });

  it("of many keys are forgotten when they are full again; until then further ones share one", () => {
    const { budgets } = budgetsOf(4);
    for (const key of ["a", "b", "c", "d"]) expect(budgets.take(key, 10, 0)).toBe(true);
    budgets.measure(1);
    expect(["e", "f", "g"].map((key) => budgets.take(key, 5, 1))).toEqual([true, true, false]);
    expect(budgets.size).toBe(5);
    budgets.measure(5_000);
    expect(budgets.take("h", 10, 5_000)).toBe(true);
    expect(budgets.size).toBe(5);
  });
});

describe("members that share a budget", () => {
  it("spend it where it is asked for, together no more, and a stranger's word counts for nothing", async () => {
    await using network = await startTestNetwork({ members: 3 });
    const allow = ["member-1", "member-2"];
    const [a, b, c] = network.members as [Client, Client, Client];
    const options = { limit: 200, reserve: 0.1, allow };
    const [mine, theirs] = [rateLimiter(a, "api", options), rateLimiter(b, "api", options)];
    await expect.poll(() => [mine.members, theirs.members]).toEqual([2, 2]);
    const taken = { mine: 0, theirs: 0 };
    const begun = performance.now();
    const asking = setInterval(() => {
      for (let count = 0; count < 50; count++) if (mine.take("hot")) taken.mine += 1;
      if (theirs.take("hot")) taken.theirs += 1;
    }, 20);
    try {
      // Half of the budget is its equal part; soon it has nearly what the other one leaves.
      await expect.poll(() => mine.left("hot") < 200 && taken.mine, { timeout: 20_000 }).toBeGreaterThan(500);
    } finally {
      clearInterval(asking);
    }
    const tookMs = performance.now() - begun;
    expect(taken.mine + taken.theirs).toBeLessThanOrEqual(200 + 2 + (200 * tookMs) / 1_000);
    expect(taken.theirs).toBeGreaterThan(10);
    const lie = encodeTelling(1, { number: 1, demands: new Map() });
    const send = (from: Client, data: Uint8Array) => from.sendToId(a.id, data, { service: "limit/api" });
    await expect(send(c, lie)).rejects.toMatchObject({ code: "not-a-member" });
    await expect(send(b, Uint8Array.of(1))).rejects.toMatchObject({ code: "malformed" });
    await theirs.close();
    expect([theirs.take("hot"), theirs.left("hot")]).toEqual([false, 0]);
    await expect.poll(() => mine.members).toBe(1);
    expect(() => mine.take("hot", 201)).toThrow(RangeError);
    expect(() => rateLimiter(a, "other", { limit: 0 })).toThrow(RangeError);
    expect(() => mine.take(1 as never)).toThrow(TypeError);
  });
});
