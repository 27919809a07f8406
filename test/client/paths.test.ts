/** Paths between members over real sockets and TLS: what a program sees of them, and hears of them. */
import { describe, expect, it } from "vitest";
import { keptOf } from "../../client/paths/kept.js";
import type { Change, MemberPath } from "../../client/types.js";
import type { Peer } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import { OfflineNetwork, read, type TestClient, text, whole } from "../support/network.js";

const pathTo = (from: TestClient, to: TestClient): MemberPath => from.paths().find(({ id }) => id === to.id)!;

/** The first change of a path that fits. */
async function told(client: TestClient, isIt: (change: Extract<Change, { kind: "path" }>) => boolean) {
  for await (const change of client.changes({ paths: true })) if (change.kind === "path" && isIt(change)) return change;
  throw new Error("the client has stopped");
}

describe("two members", () => {
  it("have one connection, direct for whoever dialled and reversed for the other, and both call over it", async () => {
    await using network = await OfflineNetwork.create();
    const a = await network.start();
    const b = await network.start({ entryAddrs: [a.address] });
    await whole([a, b]);
    for (const client of [a, b]) client.registerMessageHandler((data) => data);
    expect(read(await a.sendToId(b.id, text("there")))).toBe("there");
    expect(read(await b.sendToId(a.id, text("back")))).toBe("back");
    const both = [pathTo(a, b), pathTo(b, a)];
    expect(both.map(({ path }) => path).sort()).toEqual(["direct", "reversed"]);
    for (const { rttMs, via, whyNotBetter, connections } of both) {
      expect(rttMs).toBeGreaterThan(0);
      expect([via, whyNotBetter, connections]).toEqual([[], undefined, 1]);
    }
    const { direct, reversed, relayed, none } = a.info().paths;
    expect([direct + reversed, relayed, none]).toEqual([1, 0, 0]);
  });

  it("hear of the path between them when it comes and goes, if they ask for that", async () => {
    await using network = await OfflineNetwork.create();
    const options = { linkIdleMs: 50 };
    const a = await network.start(options);
    const came = told(a, ({ what }) => what === "came");
    const went = told(a, ({ what }) => what === "went");
    const plain: string[] = [];
    const reading = (async () => {
      for await (const { kind } of a.changes()) plain.push(kind);
    })();
    const b = await network.start({ ...options, entryAddrs: [a.address] });
    const { member, path, before } = await came;
    expect([member.id, path.id, before]).toEqual([b.id, b.id, undefined]);
    expect(["direct", "reversed"]).toContain(path.path);
    const gone = await went;
    expect([gone.path.path, ["direct", "reversed"].includes(gone.before!)]).toEqual([undefined, true]);
    await a.stop();
    await reading;
    expect(plain).not.toContain("path");
  });
});

describe("keep_links", () => {
  const [A, B, C] = ["a", "b", "c"].map((digit) => digit.repeat(64) as MemberId) as [MemberId, MemberId, MemberId];
  const members = [A, B, C].map((id) => ({ id, addresses: [] }) as unknown as Peer);
  const names = new Map([
    [A, "web-1"],
    [B, "web-2"],
  ]);

  it.each([
    ["nobody", [], []],
    ["a name", ["web-2"], [B]],
    ["an id in any case", [C.toUpperCase()], [C]],
    ["a name that nobody has", ["web-3"], []],
    ["several", ["web-1", C], [A, C]],
    ["all", ["all"], [A, B, C]],
  ] as const)("names %s", (_, kept, ids) => {
    expect(
      keptOf(
        kept,
        () => members,
        (id) => names.get(id),
      ).map(({ id }) => id),
    ).toEqual(ids);
  });
});
