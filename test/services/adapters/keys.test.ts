/** Keys over the members that offer a service: who hands what to whom, as values and among real members. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Client, decodeText, encodeText } from "../../../client/index.js";
import { sha256 } from "../../../identity/index.js";
import { closest, type MemberId } from "../../../rings/index.js";
import { type Holding, holders, holdKeys } from "../../../services/coordination/index.js";
import { owedFor } from "../../../services/coordination/owed.js";
import { startTestNetwork } from "../../../testing/index.js";

const MEMBERS = Array.from({ length: 8 }, (_, index) => ({ id: index.toString(16).repeat(64) as MemberId }));
const some = fc.subarray(MEMBERS, { minLength: 1 });

describe("a key, when the view has changed", () => {
  it("is given to each new holder by one member, and dropped by none that holds it, if a former holder is there", () => {
    fc.assert(
      fc.property(fc.string(), some, some, fc.integer({ min: 1, max: 4 }), (key, before, now, copies) => {
        const former = closest(sha256, key, before, copies);
        const present = closest(sha256, key, now, copies);
        const there = former.filter((member) => now.includes(member));
        const done = there.map(({ id }) => ({ id, ...owedFor(key, { me: id, before, now, copies }) }));
        const given = done.flatMap(({ to }) => to.map(({ id }) => id)).toSorted();
        const fresh = present.filter((member) => !former.includes(member)).map(({ id }) => id);
        expect(given).toEqual(there.length === 0 ? [] : fresh.toSorted());
        for (const { id, isKept } of done) expect(isKept).toBe(present.some((member) => member.id === id));
      }),
    );
  });

  it("that came to a member by mistake is given to those that hold it", () => {
    const [me, ...others] = MEMBERS;
    const key = Array.from({ length: 100 }, (_, index) => `key ${index}`).find(
      (name) => closest(sha256, name, MEMBERS, 1)[0] !== me,
    )!;
    const [holder] = closest(sha256, key, others, 1);
    const change = { me: me!.id, before: MEMBERS, now: MEMBERS, copies: 1 };
    expect(owedFor(key, change)).toEqual({ to: [holder], isKept: false });
  });
});

describe("a cache over members", () => {
  it("hands keys to a member that comes, tries again what fails, and holds no key too many or too few", async () => {
    const stores = new Map<Client, Map<string, string>>();
    const prepare = (client: Client) => {
      const store = new Map<string, string>();
      stores.set(client, store);
      client.serve("cache", (data) => {
        const [key, value] = JSON.parse(decodeText(data)) as [string, string];
        store.set(key, value);
        return undefined;
      });
    };
    await using network = await startTestNetwork({ members: 3, prepare });
    let failures = 1; // The first hand-over fails, and is tried again.
    const errors: unknown[] = [];
    const hold = (client: Client): Holding =>
      holdKeys(client, "cache", {
        copies: 2,
        keys: () => stores.get(client)!.keys(),
        handOver: async (key, to, signal) => {
          if (failures-- > 0) throw new Error("busy");
          const data = encodeText(JSON.stringify([key, stores.get(client)!.get(key)]));
          await client.sendToId(to.id, data, { service: "cache", signal });
        },
        drop: (key) => void stores.get(client)!.delete(key),
        onError: (error) => errors.push(String(error)),
      });
    const holdings = new Map<Client, Holding>();
    const begin = async (clients: readonly Client[]) => {
      for (const client of clients) {
        await expect.poll(() => client.members({ service: "cache" }).length).toBe(network.members.length - 1);
        if (!holdings.has(client)) holdings.set(client, hold(client));
      }
    };
    await begin(network.members);
    const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`);
    const [first] = network.members as [Client];
    for (const key of keys) {
      for (const { id } of holders(first, "cache", key, 2))
        stores.get(network.members.find((client) => client.id === id)!)!.set(key, `value of ${key}`);
    }
    const whole = () =>
      keys.filter((key) => {
        const at = network.members.filter((client) => stores.get(client)!.get(key) === `value of ${key}`);
        const due = holders(first, "cache", key, 2).map(({ id }) => id);
        return at.length === 2 && at.every(({ id }) => due.includes(id));
      }).length;
    expect(whole()).toBe(keys.length);

    const newcomer = await network.add();
    await begin(network.members);
    await expect.poll(whole, { timeout: 15_000 }).toBe(keys.length);
    expect(stores.get(newcomer)!.size).toBeGreaterThan(10);
    expect(errors).toEqual(["Error: busy"]);
    await Promise.all([...holdings.values()].map((holding) => holding.settled()));

    for (const holding of holdings.values()) await holding.close();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(holdings.get(first)!.settled({ signal })).rejects.toThrow("enough");
    expect(() => holdKeys(first, "cache", { copies: 0, keys: () => [], handOver: () => {} })).toThrow(RangeError);
  });
});
