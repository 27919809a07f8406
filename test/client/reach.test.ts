/** How a member finds out how it is reached: on a clock of its own beside liars, and over real sockets. */
import { describe, expect, it, vi } from "vitest";
import type { DialledBack, Seen } from "../../client/reach/codec.js";
import { Reach, type ReachOptions } from "../../client/reach/reach.js";
import { DOUBT_MS, NO_MS, YES_MS, YOUNG_MS } from "../../client/reach/verdict.js";
import type { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { DEADLINE_MS, OfflineNetwork } from "../support/network.js";

const T = 2;
const RINGS = 2 * T + 1;
const OWN = "192.168.1.2:8400";
const OUTER = "203.0.113.7";
const THIRD = "198.51.100.66";
const ids = (count: number) => Array.from({ length: count }, (_, index) => `m${index}` as MemberId);

interface Other {
  readonly seen?: Partial<Seen> | "silent";
  /** To one address; nothing: it does not answer. */
  readonly dials?: (address: string) => DialledBack["outcome"];
  readonly hasDialled?: boolean;
}

/** Others on one ring each, unless `rings` says who sits where. */
function scene(others: readonly Other[], more: Partial<ReachOptions> & { rings?: readonly number[] } = {}) {
  const members = ids(others.length);
  const of = (id: MemberId) => others[members.indexOf(id)]!;
  const clock = { now: 10_000 };
  const alarms: FirefliesError[] = [];
  const asked: [MemberId, readonly string[]][] = [];
  const observed: MemberId[] = [];
  const heard: string[] = [];
  const world = { others, found: 0, advertised: [OWN] as readonly string[] };
  const rings = more.rings ?? Array.from({ length: RINGS }, (_, ring) => ring % others.length);
  const reach: Reach = new Reach({
    tolerance: T,
    predecessors: () => rings.map((index) => members[index]),
    hasDialledMe: (id) => of(id).hasDialled === true,
    near: () => [],
    observe: async (id) => {
      observed.push(id);
      const { seen = {} } = of(id);
      if (seen === "silent") return undefined;
      return { time: 0, way: "came", address: undefined, udp: undefined, ...seen };
    },
    dialBack: async (id, addresses) => {
      asked.push([id, addresses]);
      const { dials } = of(id);
      return dials && addresses.map((address) => ({ outcome: dials(address), ms: 1 }));
    },
    advertised: () => [...reach.outer, ...world.advertised],
    listeners: () => [{ scheme: "tcp", host: "0.0.0.0", port: 8400 }],
    isAuto: () => true,
    hosts: () => new Set(["192.168.1.2", "127.0.0.1"]),
    udpPort: () => 8400,
    now: () => clock.now,
    random: () => 0,
    onFound: () => {
      world.found++;
    },
    onAlarm: (alarm) => alarms.push(alarm),
    ...more,
  });
  reach.onChange((dialable) => heard.push(dialable));
  const later = async (ms: number) => {
    clock.now += ms;
    await reach.look();
  };
  return { reach, clock, alarms, asked, observed, heard, world, later };
}

/** Sees me come through a NAT that lets nobody in. */
const outside = (port: number, dials: Other["dials"] = () => "timeout"): Other => ({
  seen: { address: `${OUTER}:5${port}`, udp: `${OUTER}:${port}` },
  dials,
});
/** Who sees what of me; all that answer could dial me. */
const SIGHTS = {
  silent: { seen: "silent", dials: () => "reached" },
  outside: { seen: { address: `${OUTER}:51` }, dials: () => "reached" },
  stranger: { seen: { address: `${OUTER}:51` }, dials: () => "reached" },
  here: { seen: { address: "192.168.1.2:51" }, dials: () => "reached" },
  dialled: { seen: { address: `${OUTER}:51` }, hasDialled: true },
} satisfies Record<string, Other>;
const many = (count: number, other: (index: number) => Other) => Array.from({ length: count }, (_, at) => other(at));

describe("can others dial me", () => {
  it("is known without a question when enough have made connections", async () => {
    const { reach, asked, later } = scene([...many(3, () => ({ hasDialled: true })), {}, {}]);
    expect(reach.dialable).toBe("unknown");
    await later(0);
    expect([reach.dialable, asked]).toEqual(["yes", []]);
  });

  it("is asked of as many as it takes, and not again before it is time", async () => {
    const reached = many(30, () => ({ dials: () => "reached" as const }));
    const { reach, asked, later } = scene(reached, { rings: [...Array(30).keys()] });
    await later(0);
    expect(reach.dialable).toBe("yes");
    expect(asked.length).toBeLessThan(8);
    const before = asked.length;
    await later(YOUNG_MS - 1);
    expect(asked.length).toBe(before);
    await later(YES_MS);
    expect(asked.length).toBeGreaterThan(before);
  });

  it("is asked again soon after the start, of neighbours that are new alone", async () => {
    const rings = [0, 1, 2, 3, 4];
    const { asked, observed, later } = scene(
      many(10, () => ({ dials: () => "reached" as const })),
      { rings },
    );
    await later(0);
    expect(observed).toEqual(ids(5));
    const before = asked.length;
    await later(YOUNG_MS);
    expect([observed.length, asked.length]).toEqual([5, before]);
    rings.splice(0, 3, 5, 6, 7); // Two of those whose word holds are left at most.
    await later(4 * YOUNG_MS);
    expect(observed.slice(5).toSorted()).toEqual(ids(8).slice(5));
    expect(asked.slice(before).every(([id]) => ids(8).indexOf(id) >= 3)).toBe(true);
    await later(YES_MS);
    expect(observed).toHaveLength(8 + 5);
  });

  it("is asked again of those who had not heard yet that an outer address is mine", async () => {
    let hasHeard = false;
    const slow = outside(1, (address) => (address === OWN ? "no-route" : hasHeard ? "reached" : "not-yours"));
    const quick = outside(1, (address) => (address === OWN ? "no-route" : "reached"));
    const { reach, later } = scene([quick, quick, slow, slow, slow]);
    await later(0);
    hasHeard = true;
    for (let round = 0; round < 2; round++) await later(DOUBT_MS);
    expect(reach.outer).toEqual([`${OUTER}:8400`]);
  });

  it("is no while an outer address leads here that too few have reached for it to be named", async () => {
    const far = (index: number) => outside(1, (address) => (address === OWN || index > 0 ? "timeout" : "reached"));
    // One member on four of seven rings.
    const { reach, later } = scene(many(4, far), { rings: [0, 0, 0, 0, 1, 2, 3], tolerance: 3 });
    for (let round = 0; round < 4; round++) await later(DOUBT_MS);
    expect(reach.outer).toEqual([]);
    expect(reach.dialable).not.toBe("yes");
  });

  it("is asked of those who have dialled me too, for an outer address to stay in the note", async () => {
    const others = many(5, (index) => outside(index, (address) => (address === OWN ? "timeout" : "reached")));
    const { reach, world, later } = scene(others);
    for (let round = 0; round < 3; round++) await later(DOUBT_MS);
    expect(reach.outer).toEqual([`${OUTER}:8400`]);
    world.others = others.map((other) => ({ ...other, hasDialled: true }));
    Object.assign(others, world.others);
    for (let round = 0; round < 4; round++) await later(YES_MS);
    expect([reach.outer, reach.dialable]).toEqual([[`${OUTER}:8400`], "yes"]);
  });

  it("is asked at once of predecessors that see nothing, when relays see an outer address", async () => {
    const blind: Other = { seen: { way: "other" }, dials: (address) => (address === OWN ? "timeout" : "reached") };
    const relays: { id: MemberId; observed: string }[] = [];
    const { reach, asked, later } = scene(
      many(5, () => blind),
      { relaySights: () => relays },
    );
    await later(0);
    await later(DOUBT_MS);
    await later(DOUBT_MS);
    expect([reach.outer, reach.dialable]).toEqual([[], "no"]);
    const before = asked.length;
    relays.push({ id: "r1" as MemberId, observed: `${OUTER}:5001` });
    await later(DOUBT_MS);
    expect(asked.length).toBe(before); // One alone may lie.
    relays.push({ id: "r2" as MemberId, observed: `${OUTER}:5002` });
    for (let round = 0; round < 3; round++) await later(DOUBT_MS);
    expect([reach.outer, reach.dialable]).toEqual([[`${OUTER}:8400`], "yes"]);
  });

  it("is asked of no more than it takes to believe it, and what is seen as well, on loopback", async () => {
    const near: Other = { seen: { address: "127.0.0.1:5000" }, dials: () => "reached" };
    const rings = [...Array(30).keys()];
    const { reach, asked, observed, world, later } = scene(
      many(30, () => near),
      { rings },
    );
    world.advertised = ["127.0.0.1:8400"];
    await later(0);
    expect([reach.dialable, reach.state.nat]).toEqual(["yes", "none"]);
    expect(Math.max(observed.length, asked.length)).toBeLessThan(8);
  });

  it("is asked of all, where loopback is advertised and others see another address", async () => {
    const far: Other = { seen: { address: `${OUTER}:5000` }, dials: () => "forbidden" };
    const { reach, observed, world, later } = scene(many(5, () => far));
    world.advertised = ["127.0.0.1:8400"];
    await later(0);
    expect([reach.dialable, observed.length]).toEqual(["no", 5]);
  });

  it("is no news, where that was configured", async () => {
    const { reach, alarms, later } = scene(
      many(5, () => outside(1)),
      { isToldHidden: true },
    );
    await later(0);
    expect([reach.dialable, alarms]).toEqual(["no", []]);
  });

  it("is no at once where others see another address, and tells what to do once they have tried", async () => {
    const { reach, alarms, heard, later } = scene(many(5, () => outside(1)));
    await later(0);
    expect([reach.dialable, reach.state.nat, heard]).toEqual(["no", "mapped", ["no"]]);
    expect(alarms.map(({ code }) => code)).toEqual(["not-dialable"]);
    expect(alarms[0]!.advice).toContain(`Forward its ports (tcp 8400, TCP and UDP)`);
    expect(alarms[0]!.advice).toContain(OUTER);
    await later(NO_MS);
    expect(alarms).toHaveLength(1);
  });

  it.each<[what: string, others: readonly (keyof typeof SIGHTS)[], near: readonly number[], first: string | undefined]>(
    [
      ["one sees another address, though others do not answer", ["silent", "silent", "outside"], [], "no"],
      ["one with which there is a session does, and is asked first", ["silent", "outside"], [1], "no"],
      ["one does that is no predecessor, where those say nothing", ["silent", "silent", "stranger"], [2], "no"],
      ["as many see it as see mine, behind the same NAT", ["outside", "here"], [], "no"],
      ["more see mine", ["outside", "here", "here"], [], "yes"],
      ["nobody sees another one", ["here", "silent"], [], "yes"],
      ["one sees it that has dialled me", ["dialled", "silent"], [], "yes"],
    ],
  )("is taken for no at once, until dials say yes, when %s", async (_, kinds, near, first) => {
    const others = kinds.map((kind): Other => SIGHTS[kind]);
    const rings = kinds.flatMap((kind, index) => (kind === "stranger" ? [] : [index, index, index]));
    const { reach, heard, later, observed } = scene(others, { rings, near: () => near.map((index) => ids(9)[index]!) });
    await later(0);
    expect(heard[0] ?? "yes").toBe(first);
    expect(reach.dialable).toBe("yes");
    if (near.length > 0) expect(observed[0]).toBe(ids(9)[near[0]!]);
  });

  it("stays yes when one round says no, and becomes no with the second", async () => {
    let outcome: DialledBack["outcome"] = "reached";
    const { reach, heard, later } = scene(many(5, () => ({ dials: () => outcome })));
    await later(0);
    outcome = "refused";
    await later(YES_MS);
    expect(reach.dialable).toBe("yes");
    await later(YES_MS);
    expect([reach.dialable, heard]).toEqual(["no", ["yes", "no"]]);
  });

  it("is unknown again, and asked at once, when addresses change", async () => {
    const { reach, asked, later } = scene(many(5, () => ({ dials: () => "reached" as const })));
    await later(0);
    const before = asked.length;
    reach.moved();
    expect(reach.dialable).toBe("unknown");
    await later(0);
    expect(reach.dialable).toBe("yes");
    expect(asked.length).toBeGreaterThan(before);
  });

  it("stays unknown while nobody answers, and asks on", async () => {
    const { reach, alarms, later } = scene(many(5, () => ({ seen: "silent" as const })));
    await later(0);
    await later(60_000);
    expect([reach.dialable, alarms]).toEqual(["unknown", []]);
  });

  it("is presumed not to be where one says no and the others do not answer, until they do", async () => {
    const others = [outside(1), ...many(4, (): Other => ({ seen: "silent" }))];
    const { reach, world, later } = scene(others);
    await later(0);
    expect(reach.dialable).toBe("no");
    for (const other of world.others) Object.assign(other, { seen: {}, dials: () => "reached" });
    await later(DOUBT_MS);
    expect(reach.dialable).toBe("yes");
  });

  it.each<[what: string, liars: DialledBack["outcome"], honest: DialledBack["outcome"], dialable: string]>([
    ["t rings of liars who say no", "timeout", "reached", "yes"],
    ["t rings of liars who say yes", "reached", "timeout", "no"],
  ])("is not changed by %s", async (_, liars, honest, dialable) => {
    const others = many(RINGS, (at) => ({ dials: () => (at < T ? liars : honest) }));
    const { reach, later } = scene(others);
    await later(0);
    await later(YES_MS);
    expect(reach.dialable).toBe(dialable);
  });
});

describe("addresses outside of a NAT", () => {
  const forwarded = outside(8400, (address) => (address === `${OUTER}:8400` ? "reached" : "timeout"));

  it("enter the note when enough have dialled me there, and leave it when they do not any more", async () => {
    const { reach, world, later } = scene(many(5, () => forwarded));
    await later(0);
    expect(reach.outer).toEqual([`${OUTER}:8400`]);
    await later(YES_MS);
    expect([reach.dialable, world.found]).toEqual(["yes", 2]);
    for (const other of world.others) Object.assign(other, outside(8400));
    await later(YES_MS);
    expect(reach.outer).toEqual([`${OUTER}:8400`]);
    await later(YES_MS);
    expect(reach.outer).toEqual([]);
  });

  it("enter it soon, though those who are asked have no note yet that names them", async () => {
    let outcome: DialledBack["outcome"] = "not-yours";
    const early = outside(8400, (address) => (address === `${OUTER}:8400` ? outcome : "reached"));
    const { reach, later } = scene(many(5, () => early));
    await later(0);
    expect([reach.dialable, reach.outer]).toEqual(["yes", []]);
    outcome = "reached";
    await later(DOUBT_MS);
    expect(reach.outer).toEqual([`${OUTER}:8400`]);
  });

  it("are not looked for where it was told what to advertise", async () => {
    const { reach, asked, later } = scene(
      many(5, () => forwarded),
      { isAuto: () => false },
    );
    await later(0);
    expect(reach.outer).toEqual([]);
    expect(asked.flatMap(([, addresses]) => addresses)).not.toContain(`${OUTER}:8400`);
  });

  it("of a third party never enter it, whatever t liars say", async () => {
    const liar: Other = {
      seen: { address: `${THIRD}:50000`, udp: `${THIRD}:8400` },
      dials: (address) => (address.startsWith(THIRD) ? "reached" : "timeout"),
    };
    const honest: Other = {
      seen: { address: OWN, udp: OWN },
      dials: (address) => (address === OWN ? "reached" : "not-yours"),
    };
    for (const rings of [undefined, [0, 1, 2, 2, 3], [0, 1, 3, 4, 2]]) {
      const { reach, later } = scene([liar, liar, honest, honest, honest], rings ? { rings } : {});
      for (const ms of [0, YES_MS, YES_MS]) await later(ms);
      expect([reach.outer, reach.dialable]).toEqual([[], "yes"]);
    }
  });

  it("are refused of one liar on many rings beside one that is correct", async () => {
    const liar: Other = { seen: { address: `${THIRD}:1` }, dials: () => "reached" };
    const { reach, later } = scene([liar, { seen: { address: OWN }, dials: () => "not-yours" }], {
      rings: [0, 0, 0, 0, 1],
    });
    for (const ms of [0, YES_MS, YES_MS]) await later(ms);
    expect(reach.outer).toEqual([]);
  });

  it.each([
    ["too long for a note", `${"a".repeat(260)}:1`],
    ["no address", "!!"],
    ["a name", "victim.example:80"],
    ["an IPv6 address with a zone without end", `[fe80::1%${"a".repeat(200)}]:1`],
  ])("are none that others only say: %s", async (_, lie) => {
    const liar: Other = { seen: { way: "came", address: lie, udp: lie } };
    const { reach, later } = scene([liar, liar, outside(2), outside(3), outside(4)]);
    await later(0);
    expect(reach.state.candidates).toEqual([`${OUTER}:8400`]);
    expect([...reach.seen, ...reach.seenUdp].filter(([, text]) => text === lie)).toEqual([]);
  });

  it("are candidates for punches when two agree", async () => {
    const { reach, world, later } = scene([outside(1), outside(1), outside(2), outside(3), outside(4)]);
    await later(0);
    expect(reach.state).toMatchObject({ nat: "symmetric", candidates: [`udp://${OUTER}:1`, `${OUTER}:8400`] });
    expect(world.found).toBe(1);
  });
});

it("a private address that most reach, and some from elsewhere do not, is told of", async () => {
  const near: Other = { seen: { address: OWN, udp: OWN }, dials: () => "reached" };
  const { reach, alarms, later } = scene([outside(1), near, near, near, near], { random: Math.random });
  for (let round = 0; round < 20 && alarms.length === 0; round++) await later(YES_MS);
  expect(reach.dialable).toBe("yes");
  expect(alarms).toMatchObject([{ code: "private-address", message: expect.stringContaining(OUTER) }]);
});

/** Looked at now and then: members ask when it is time. */
const settled = (isSo: () => boolean) => vi.waitFor(() => expect(isSo()).toBe(true), { timeout: DEADLINE_MS });

describe("over sockets", () => {
  it("members that reach each other know it", async () => {
    await using scene = await OfflineNetwork.of(4);
    const { clients } = scene;
    await settled(() => clients.every((client) => client.info().dialable === "yes"));
    await settled(() => clients.every((client) => client.info().nat === "none"));
    expect(clients[0]!.info().advertised).toEqual([clients[0]!.address]);
  });

  it("one that advertises where nobody listens is told, and so is one that names another one's address", async () => {
    await using scene = await OfflineNetwork.of(3);
    const { network, clients } = scene;
    const entryAddrs = [clients[0]!.address];
    const closed = await network.start({ entryAddrs, advertise: ["127.0.0.1:1"] });
    const wrong = await network.start({ entryAddrs, advertise: [clients[1]!.address] });
    await settled(() => [closed, wrong].every((client) => client.info().dialable === "no"));
    const told = (client: typeof closed) => client.alarms.find(({ code }) => code === "not-dialable");
    await settled(() => told(closed) !== undefined && told(wrong) !== undefined);
    expect(told(closed)).toMatchObject({ message: expect.stringContaining("127.0.0.1:1 (refused") });
    expect(told(wrong)).toMatchObject({ advice: expect.stringContaining("Correct what it advertises") });
  });
});
