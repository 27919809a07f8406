/** The network: what it does to packets, with and without faults. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  Chance,
  egressLoss,
  type Fault,
  flipFlop,
  ingressLoss,
  LAN_LATENCY,
  type NetworkOptions,
  oneWay,
  partition,
  type Seat,
} from "../../sim/index.js";
import { latencyAt } from "../../sim/network/latency.js";
import { LOST, Network } from "../../sim/network/network.js";

const PACKETS = 4000;
const seats = Array.from({ length: 6 }, (_, number) => ({ number }) as Seat);

function setUp(options: Partial<NetworkOptions> = {}) {
  const clock = { now: 0 };
  const heard: string[] = [];
  const chance = new Chance(11);
  const parts = { options, chance, now: () => clock.now, onChange: (what: string) => heard.push(what) };
  return { clock, heard, network: new Network(parts) };
}

const datagrams = (network: Network, from = 0, to = 1, count = PACKETS) =>
  Array.from({ length: count }, () => network.datagram(from, to, 65));
const lossOf = (network: Network, from = 0, to = 1) =>
  datagrams(network, from, to).filter((delay) => delay === LOST).length / PACKETS;

describe("latency", () => {
  it("follows the table of quantiles", () => {
    const delays = datagrams(setUp().network).toSorted((a, b) => a - b);
    for (const quantile of [0.1, 0.5, 0.9]) {
      const expected = latencyAt(LAN_LATENCY, quantile);
      expect(Math.abs(delays[PACKETS * quantile]! - expected)).toBeLessThan(0.15 * expected);
    }
    expect(delays[0]).toBeGreaterThanOrEqual(LAN_LATENCY[0]!);
    expect(delays.at(-1)).toBeLessThanOrEqual(LAN_LATENCY.at(-1)!);
  });

  it("never falls with the quantile, and stays within the table", () => {
    const table = fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { minLength: 2, maxLength: 12 });
    const quantile = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(table, quantile, quantile, (values, a, b) => {
        const latency = values.toSorted((x, y) => x - y);
        const [low, high] = [latencyAt(latency, Math.min(a, b)), latencyAt(latency, Math.max(a, b))];
        expect(low).toBeGreaterThanOrEqual(latency[0]!);
        expect(high).toBeLessThanOrEqual(latency.at(-1)! + 1e-9);
        expect(high - low).toBeGreaterThanOrEqual(-1e-9);
      }),
    );
  });

  it("belongs to the link, the same both ways, as far as it does not jitter", () => {
    const { network } = setUp({ jitter: 0, latency: [10, 100] });
    const once = network.datagram(0, 1, 65);
    expect(new Set(datagrams(network, 0, 1, 50))).toEqual(new Set([once]));
    expect(network.datagram(1, 0, 65)).toBe(once);
    expect(network.datagram(2, 3, 65)).not.toBe(once);
  });
});

describe("loss, duplicates, reordering and bandwidth", () => {
  it("lose, double and hold back their share", () => {
    const { network } = setUp({ loss: 0.2, duplicates: 0.3 });
    expect(lossOf(network)).toBeCloseTo(0.2, 1);
    const twice = Array.from({ length: PACKETS }, () => network.isTwice(0, 1)).filter((is) => is).length;
    expect(twice / PACKETS).toBeCloseTo(0.3, 1);
    const held = setUp({ reordering: 0.5, latency: [10, 10] }).network;
    const late = datagrams(held).filter((delay) => delay > 10).length;
    expect(late / PACKETS).toBeCloseTo(0.5, 1);
  });

  it("hit each segment of a connection by itself", () => {
    const { network } = setUp({ loss: 0.05 });
    const flights = Array.from({ length: PACKETS }, () => network.flight(0, 1, 14_000));
    for (const { lost, arrived } of flights) expect(lost + arrived).toBe(10);
    expect(flights.reduce((sum, { lost }) => sum + lost, 0) / (10 * PACKETS)).toBeCloseTo(0.05, 2);
    expect(flights.filter(({ lost }) => lost > 0).length / PACKETS).toBeCloseTo(1 - 0.95 ** 10, 1);
    // A fault's loss comes on top, and a long flight is not drawn segment by segment.
    network.add({ name: "lossy", loss: 0.5 });
    expect(network.flight(0, 1, 14_000_000).lost / 10_000).toBeCloseTo(1 - 0.95 * 0.5, 1);
    network.add({ name: "cut", loss: 1 });
    expect(network.flight(0, 1, 14_000)).toEqual({ lost: 10, arrived: 0, delay: 0 });
  });

  it("make a full line a queue: later packets wait, and datagrams are dropped when it is long", () => {
    const { network, clock } = setUp({ bytesPerSecond: 100_000, latency: [1, 1] });
    expect(network.flight(0, 1, 10_000).delay).toBeCloseTo(201, 0);
    expect(network.flight(0, 2, 10_000).delay).toBeCloseTo(301, 0);
    expect(network.flight(0, 3, 40_000).delay).toBeGreaterThan(900);
    expect(network.datagram(0, 4, 65)).toBe(LOST);
    clock.now = 2000;
    expect(network.datagram(0, 4, 65)).toBeLessThan(3);
  });
});

describe("faults", () => {
  const [a, b, c, d] = seats as [Seat, Seat, Seat, Seat];
  const cut = (network: Network, from: Seat, to: Seat) => network.datagram(from.number, to.number, 65) === LOST;

  it("are put in and taken away, told each time", () => {
    const { network, heard } = setUp();
    const fault = network.add(partition("split", [[a, b], [c]]));
    expect(network.faults).toEqual([fault]);
    network.remove(fault);
    network.remove(fault);
    expect(network.faults).toEqual([]);
    expect(heard).toEqual(["split: begins", "split: ends"]);
    network.add(oneWay("x", [a], [b]));
    network.add(oneWay("y", [b], [a]));
    network.heal();
    expect(network.faults).toEqual([]);
  });

  it("partition: nothing passes between groups, all does within them and for those in none", () => {
    const { network } = setUp();
    network.add(partition("split", [[a, b], [c]]));
    expect([cut(network, a, c), cut(network, c, b)]).toEqual([true, true]);
    expect([cut(network, a, b), cut(network, a, d), cut(network, d, c)]).toEqual([false, false, false]);
  });

  it("one way: the other way all passes", () => {
    const { network } = setUp();
    network.add(oneWay("deaf", [a], [b, c]));
    expect([cut(network, a, b), cut(network, a, c)]).toEqual([true, true]);
    expect([cut(network, b, a), cut(network, a, d)]).toEqual([false, false]);
  });

  it("egress and ingress loss concern one direction of a member each", () => {
    const out = setUp().network;
    out.add(egressLoss("out", [a], 0.8));
    expect(lossOf(out, 0, 1)).toBeCloseTo(0.8, 1);
    expect(lossOf(out, 1, 0)).toBe(0);
    const into = setUp().network;
    into.add(ingressLoss("in", [a], 0.5));
    expect(lossOf(into, 1, 0)).toBeCloseTo(0.5, 1);
    expect(lossOf(into, 0, 1)).toBe(0);
  });

  it("flip-flop: on and off by turns, from when it was added", () => {
    const { network, clock } = setUp();
    clock.now = 5000;
    network.add(flipFlop("flap", [b], 1000));
    const states = [5000, 5999, 6000, 6999, 7000].map((now) => {
      clock.now = now;
      return cut(network, a, b);
    });
    expect(states).toEqual([true, true, false, false, true]);
  });

  it("a share of the links: always the same ones while it lasts", () => {
    const { network } = setUp({ latency: [1, 1] });
    network.add({ name: "spikes", links: 0.4, delayMs: 2000 });
    const slow = (from: number, to: number) => network.datagram(from, to, 65) > 1000;
    const links = Array.from({ length: 2500 }, (_, index) => [index % 50, Math.floor(index / 50)] as const);
    const first = links.map(([from, to]) => slow(from, to));
    expect(links.map(([from, to]) => slow(from, to))).toEqual(first);
    expect(first.filter((is) => is).length / links.length).toBeCloseTo(0.4, 1);
  });

  it("of one kind leave the other alone; both ways is both ways", () => {
    const { network } = setUp();
    network.add({ name: "udp", kind: "datagrams", from: [a], to: [b], bothWays: true, loss: 1 });
    expect([cut(network, a, b), cut(network, b, a), cut(network, a, c)]).toEqual([true, true, false]);
    expect(network.flight(0, 1, 100).lost).toBe(0);
  });

  it("are refused when a value is out of range", () => {
    const { network } = setUp();
    const wrong: Partial<Fault>[] = [
      { loss: 1.1 },
      { links: -1 },
      { delayMs: Number.NaN },
      { flap: { onMs: 0, offMs: 1 } },
    ];
    for (const fault of wrong) expect(() => network.add({ name: "wrong", ...fault })).toThrow(RangeError);
    expect(() => setUp({ latency: [5, 1] })).toThrow(RangeError);
    expect(() => setUp({ loss: 2 })).toThrow(RangeError);
    expect(() => setUp({ bytesPerSecond: 0 })).toThrow(RangeError);
  });
});
