/** What excuses a removal (invariant S1), and what does not: as tables. */
import { describe, expect, it } from "vitest";
import { LAN } from "../../../gossip/index.js";
import { type Seat, Simulation } from "../../../sim/index.js";
import { Certificates } from "../../../sim/invariants/certificates.js";
import { Exposure } from "../../../sim/invariants/exposure.js";
import { Links } from "../../../sim/invariants/links.js";
import { aftermathMs, harmlessStallMs, Stops } from "../../../sim/invariants/stops.js";
import { watchedOf } from "../../../sim/invariants/watched.js";
import type { Fault } from "../../../sim/network/fault.js";
import { egressLoss, flipFlop, ingressLoss, oneWay, partition } from "../../../sim/network/fault.js";

const { members } = new Simulation({ members: 20, seed: 1, rings: 3 });
const [a, b, c] = members as readonly [Seat, Seat, Seat];
const HALF = members.slice(0, 10);
const OTHERS = members.slice(10);

describe("a stop", () => {
  const kinds = { stalled: "resumed", crashed: "restarted" } as const;
  const after = (kind: keyof typeof kinds, lengths: readonly number[], later: number) => {
    const stops = new Stops(LAN);
    let now = 0;
    for (const length of lengths) {
      stops.happened({ kind, seat: a }, now);
      stops.happened({ kind: kinds[kind], seat: a }, now + length);
      now += length + 10;
    }
    return stops.isExcused(a, now - 10 + later);
  };

  it.each([
    ["a stall that leaves time to answer", "stalled", [harmlessStallMs(LAN)], 0, false],
    ["a longer one", "stalled", [harmlessStallMs(LAN) + 1], 0, true],
    ["a longer one, a while ago", "stalled", [10_000], aftermathMs(LAN), false],
    ["a longer one, less long ago", "stalled", [10_000], aftermathMs(LAN) - 1, true],
    ["two in a row that are together too long", "stalled", [800, 800], 0, true],
    ["a crash, however short", "crashed", [1], 0, true],
  ] as const)("%s", (_, kind, lengths, later, isExcused) => {
    expect(after(kind, lengths, later)).toBe(isExcused);
  });

  it("that lasts excuses once it is too long", () => {
    const stops = new Stops(LAN);
    stops.happened({ kind: "stalled", seat: a }, 0);
    expect(stops.isExcused(a, harmlessStallMs(LAN))).toBe(false);
    expect(stops.isExcused(a, harmlessStallMs(LAN) + 1)).toBe(true);
  });

  it("excuses nobody who had none, however short the wait for removals is", () => {
    expect(new Stops({ ...LAN, removalMs: 30 }).isExcused(a, 5000)).toBe(false);
  });

  it("is for good when the member leaves or is revoked", () => {
    const stops = new Stops(LAN);
    stops.happened({ kind: "leaving", seat: a }, 0);
    stops.happened({ kind: "revoked", seat: b }, 0);
    expect([a, b, c].map((seat) => stops.isExcused(seat, 1e9))).toEqual([true, true, false]);
  });
});

describe("a certificate puts its member out", () => {
  const WALL = 1_800_000_000_000;
  const TOLERANCE_MS = 300_000;
  const issuer = Uint8Array.of(1);
  const seatWith = (notBefore: number, notAfter: number, by = issuer) =>
    ({ id: a.id, certificate: { notBefore: WALL + notBefore, notAfter: WALL + notAfter, issuer: by } }) as Seat;
  const SPREAD_MS = 5_000;
  const LONG = 1e9;

  /** Of one that began with a certificate and renewed at 10 s: is it out at this time? */
  const isOut = (first: Seat, second: Seat | undefined, now: number, clockError = 0) => {
    const certificates = new Certificates(SPREAD_MS);
    certificates.begin([first]);
    if (second) certificates.happened({ kind: "renewed", seat: second }, 10_000);
    return certificates.isOut(second ?? first, now, WALL + now + clockError);
  };
  const long = seatWith(-LONG, LONG);
  const ending = seatWith(-LONG, -TOLERANCE_MS + 12_000);

  it.each([
    ["not before its end, the tolerated difference included", ending, undefined, 12_000, 0, false],
    ["after it", ending, undefined, 12_001, 0, true],
    ["after it by the clock of whoever judges, and not by a right one", ending, undefined, 9_000, 4_000, true],
    ["not after it by a right clock, when that of whoever judges is slow", ending, undefined, 14_000, -4_000, false],
    ["not when a newer one had its time to reach all", ending, long, 15_001, 0, false],
    ["when the newer one had not", ending, long, 14_999, 0, true],
    ["not for renewing, however lately, while the one before is good", long, seatWith(-1_000, LONG), 10_001, 0, false],
    ["before it is valid", long, seatWith(TOLERANCE_MS + 20_000, LONG), 19_999, 0, true],
  ] as const)("%s", (_, first, second, now, clockError, expected) => {
    expect(isOut(first, second, now, clockError)).toBe(expected);
  });

  it("when its issuer is retired, and not when a newer one by another had its time", () => {
    const certificates = new Certificates(SPREAD_MS);
    certificates.begin([long]);
    certificates.happened({ kind: "renewed", seat: seatWith(-LONG, LONG, Uint8Array.of(2)) }, 10_000);
    certificates.happened({ kind: "issuer-retired", issuer }, 12_000);
    expect([14_999, 15_001].map((now) => certificates.isOut(long, now, WALL))).toEqual([true, false]);
    expect(certificates.isGood(long, WALL)).toBe(false);
  });
});

describe("a fault of the network puts apart", () => {
  const areApart = (fault: Fault, one: Seat, other: Seat) => {
    const links = new Links(LAN.deltaMs);
    links.changed([], 0, 1000);
    links.changed([fault], 100, 1000);
    return links.wereApart(one, other, members, 100);
  };
  const z = members[19] as Seat;

  it.each([
    ["a partition: two of different sides", partition("", [HALF, OTHERS]), a, z, true],
    ["a partition: two of one side", partition("", [HALF, OTHERS]), a, b, false],
    ["a partition: two of the small side", partition("", [[a, b, c], members.slice(3)]), a, b, false],
    ["one way: across", oneWay("", HALF, OTHERS), a, z, true],
    ["a single link: its ends", partition("", [[a], [b]]), a, b, false],
    ["most of what one sends: it and anybody", egressLoss("", [a], 0.8), a, b, true],
    ["most of what one sends: two others", egressLoss("", [a], 0.8), b, c, false],
    ["as much loss as the detector is made for", egressLoss("", [a], 0.3), a, b, false],
    ["most of what one receives", ingressLoss("", [a], 0.8), b, a, true],
    ["a flapping way in", flipFlop("", [a], 20_000), b, a, true],
    ["pings alone", { name: "", from: [a], loss: 1, kind: "datagrams" }, a, b, false],
    ["a tenth of all links", { name: "", links: 0.1, loss: 1 }, a, b, false],
    ["long delays of all that one sends", { name: "", from: [a], delayMs: 2000 }, a, b, true],
    ["short ones", { name: "", from: [a], delayMs: 200 }, a, b, false],
  ] as const)("%s", (_, fault, one, other, expected) => {
    expect(areApart(fault, one, other)).toBe(expected);
  });

  it("while it lasts, and for the time that is asked about", () => {
    const links = new Links(LAN.deltaMs);
    links.changed([partition("", [HALF, OTHERS])], 100, 1000);
    links.changed([], 200, 1000);
    expect(links.wereApart(a, z, members, 199)).toBe(true);
    expect(links.wereApart(a, z, members, 200)).toBe(false);
    links.changed([], 2000, 1000);
    expect(links.wereApart(a, z, members, 0)).toBe(false);
  });
});

describe("a fault of the network leaves two members barely linked", () => {
  const [, , , d, e, f] = members as readonly Seat[] as readonly [Seat, Seat, Seat, Seat, Seat, Seat];
  const y = OTHERS[0] as Seat;
  const z = OTHERS[1] as Seat;
  const cut = partition("", [HALF, OTHERS]);

  /** Ring neighbours as pairs. */
  const neighboursBy = (pairs: readonly (readonly [Seat, Seat])[]) => (seat: Seat) =>
    pairs.flatMap((pair) => (pair.includes(seat) ? pair.filter((other) => other !== seat) : []));
  /** Between any two of these. */
  const all = (...seats: readonly Seat[]) =>
    seats.flatMap((one, index) => seats.slice(index + 1).map((other) => [one, other] as const));
  /** Round the cut: whoever is on neither of the two sides is next to z on the other one, twice for two ways. */
  const around = (...seats: readonly Seat[]) => seats.flatMap((seat) => [[seat, z] as const, [seat, y] as const]);

  const areBarelyLinked = (fault: Fault, pairs: readonly (readonly [Seat, Seat])[]) => {
    const links = new Links(LAN.deltaMs);
    links.changed([fault], 100, 1000);
    return links.wereBarelyLinked(a, f, neighboursBy(pairs), 100);
  };
  const chain = [[a, b] as const, [b, c] as const, [c, d] as const, [d, e] as const, [e, f] as const];

  it.each([
    ["whose neighbours are all behind it", cut, around(a, f), true],
    ["at the ends of a chain, though each has two neighbours", cut, [...chain, ...around(a, b, c, d, e, f)], true],
    ["on either side of one whom all passes", cut, [...all(a, b, c), ...all(c, d, e, f), ...around(a, f)], true],
    ["by a single link", cut, [[a, f], ...around(a, f)], true],
    ["not in a circle", cut, [...chain, [f, a], ...around(a, f)], false],
    ["not with a link and another way", cut, [[a, f], [a, b], [b, f], ...around(a, f)], false],
    [
      "not on either side of two whom all passes",
      cut,
      [...all(a, b, c, d), ...all(c, d, e, f), ...around(a, f)],
      false,
    ],
    ["not among many", cut, [...all(...HALF), ...around(a, f)], false],
    ["not who had a single way at all", cut, chain, false],
    ["not who had none, by liars and not by a fault", cut, [], false],
    ["not by a tenth of all links", { name: "", links: 0.1, loss: 1 }, chain, false],
  ] as const)("%s", (_, fault, pairs, expected) => {
    expect(areBarelyLinked(fault, pairs)).toBe(expected);
  });

  it("by the ring neighbours that are up", () => {
    const simulation = new Simulation({ members: 20, seed: 1, rings: 3 });
    const exposure = new Exposure(watchedOf(simulation));
    const [seat] = simulation.members as [Seat];
    const near = exposure.correctNeighbours(seat)(seat);
    expect(near.map(({ id }) => id).toSorted()).toEqual(
      [1, 2, 3]
        .flatMap((ring) => Object.values(seat.machine.neighboursOn(ring)))
        .filter(isFirst)
        .toSorted(),
    );
    simulation.crash(near[0]!);
    expect(exposure.correctNeighbours(seat)(seat)).not.toContain(near[0]);
    simulation.corrupt(near[1]!, []);
    expect(exposure.correctNeighbours(seat)(seat)).not.toContain(near[1]);
  });

  function isFirst<T>(item: T, index: number, items: readonly T[]): boolean {
    return items.indexOf(item) === index;
  }
});

it("a member is exposed when liars hold more than t of its rings", () => {
  const simulation = new Simulation({ members: 20, seed: 1, rings: 3 });
  const exposure = new Exposure(watchedOf(simulation));
  const beforeOn = (seat: Seat) => [1, 2, 3].map((ring) => seat.machine.neighboursOn(ring).predecessor);
  const victim = simulation.members.find((seat) => new Set(beforeOn(seat)).size === 3) as Seat;
  const before = beforeOn(victim);
  expect(exposure.isExposed(victim, a)).toBe(false);
  const corrupt = (id: unknown) => simulation.corrupt(simulation.members.find((seat) => seat.id === id) as Seat, []);
  corrupt(before[0]);
  expect(exposure.isExposed(victim, a)).toBe(false);
  corrupt(before[1]);
  expect(exposure.isExposed(victim, a)).toBe(true);
});
