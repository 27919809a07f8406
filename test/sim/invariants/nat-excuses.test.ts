/** What excuses the removal of a member behind a NAT, or by one that stood still (invariant S1): removals are planted. */
import { describe, expect, it } from "vitest";
import { LAN, type Output } from "../../../gossip/index.js";
import { WALL_START } from "../../../sim/dates.js";
import { type Seat, Simulation, type SimulationOptions, type Watcher } from "../../../sim/index.js";
import { Certificates } from "../../../sim/invariants/certificates.js";
import { Removals } from "../../../sim/invariants/removals.js";
import { aftermathMs } from "../../../sim/invariants/stops.js";
import { Ledger } from "../../../sim/invariants/violation.js";
import { watchedOf } from "../../../sim/invariants/watched.js";
import { type Fault, partition } from "../../../sim/network/fault.js";

/** A simulation with the invariant alone, which is told of removals that nobody has made. */
class Stage {
  readonly simulation: Simulation;
  readonly hidden: readonly Seat[];
  readonly dialable: readonly Seat[];
  readonly #ledger = new Ledger();
  readonly #removals: Removals;

  constructor(options: Partial<SimulationOptions> = {}) {
    const certificates = new Certificates(aftermathMs(LAN));
    const watcher: Watcher = {
      signed: (seat, type, body, now) => this.#removals?.signed(seat, type, body, now),
      happened: (event, now) => {
        certificates.happened(event, now);
        this.#removals?.happened(event, now);
      },
    };
    this.simulation = new Simulation({ members: 24, nat: 0.5, rings: 9, seed: 1, watchers: [watcher], ...options });
    const { members } = this.simulation;
    certificates.begin(members);
    this.#removals = new Removals(this.#ledger, watchedOf(this.simulation), certificates, { countExposed: true });
    this.hidden = members.filter((seat) => this.simulation.isBehindNat(seat));
    this.dialable = members.filter((seat) => !this.simulation.isBehindNat(seat));
    this.simulation.run(3000);
  }

  /** Is it a violation if this view loses this member now? */
  isReported(observer: Seat, lost: Seat): boolean {
    const before = this.#ledger.count("S1");
    const output = { kind: "failed", reason: "removed", member: { id: lost.id } } as Output;
    this.#removals.told(observer, output, this.simulation.now);
    return this.#ledger.count("S1") > before;
  }

  suffer(fault: Fault, ms: number): void {
    this.simulation.network.add(fault);
    this.simulation.run(ms);
  }
}

/** All of them without these. */
function without(seats: readonly Seat[], those: readonly Seat[]): readonly Seat[] {
  return seats.filter((seat) => !those.includes(seat));
}

describe("a cut between a member behind a NAT and relays", () => {
  /** Of the first hidden member and its relays: those on its side of a cut, by how many dialable ones are beyond. */
  const cut = (stage: Stage, beyond: readonly Seat[]) => {
    stage.suffer(partition("cut", [beyond, without(stage.simulation.members, beyond)]), 100);
  };

  it("excuses nobody while one of its own relays is left, though most members that could relay are beyond", () => {
    const stage = new Stage();
    const [lost, observer] = stage.hidden as [Seat, Seat];
    const own = stage.simulation.relaysOf(lost);
    const others = without(stage.dialable, own.slice(0, 1));
    cut(stage, others.slice(0, 7));
    expect(stage.isReported(observer, lost)).toBe(true);
  });

  it("excuses nobody for the relays of the one who removes", () => {
    const stage = new Stage();
    const [observer] = stage.hidden as [Seat];
    const [lost] = without(stage.dialable, stage.simulation.relaysOf(observer)) as [Seat];
    cut(stage, without(stage.dialable, [lost]).slice(0, 7));
    expect(stage.isReported(observer, lost)).toBe(true);
  });

  it("excuses when none is left, and not any more when it has had others for long enough", () => {
    const stage = new Stage();
    const [lost, observer] = stage.hidden as [Seat, Seat];
    const own = stage.simulation.relaysOf(lost);
    cut(stage, [...own, ...without(stage.dialable, own).slice(0, 7 - own.length)]);
    expect(stage.isReported(observer, lost)).toBe(false);
    stage.simulation.run(20_000);
    expect(stage.simulation.relaysOf(lost).some((relay) => own.includes(relay))).toBe(false);
    expect(stage.isReported(observer, lost)).toBe(true);
  });

  it("excuses when liars alone are left", () => {
    const stage = new Stage();
    const [lost, observer] = stage.hidden as [Seat, Seat];
    const [liar, ...own] = stage.simulation.relaysOf(lost) as [Seat, ...Seat[]];
    stage.simulation.corrupt(liar, []);
    cut(stage, own);
    expect(stage.isReported(observer, lost)).toBe(false);
  });
});

describe("loss on all links, over relays", () => {
  it.each([
    ["as much as the detector is made for excuses nobody", 0.25, true],
    ["more than that does", 0.35, false],
  ] as const)("%s", (_, loss, expected) => {
    const stage = new Stage();
    const [lost, observer] = stage.hidden as [Seat, Seat];
    stage.suffer({ name: "loss", loss }, 100);
    expect(stage.isReported(observer, lost)).toBe(expected);
  });
});

describe("a certificate that was renewed, for one who stood still", () => {
  const TOLERANCE_MS = 300_000;
  const ENDS_MS = 13_000;

  /** The first certificate of a member ends at 13 s; it renews, and an observer stands still from 11 to 17 s. */
  const after = (renewedAt: number, wokenMs: number) => {
    const isFirst = (seat: Seat) => seat.name === "m0";
    const ending = { notBefore: WALL_START - 1e9, notAfter: WALL_START + ENDS_MS - TOLERANCE_MS };
    const stage = new Stage({ nat: 0, dates: (seat) => (isFirst(seat) ? ending : undefined) });
    const [lost, observer] = stage.simulation.members as readonly Seat[] as [Seat, Seat];
    const { simulation } = stage;
    simulation.at(renewedAt - simulation.now, () => simulation.renew(lost));
    simulation.at(11_000 - simulation.now, () => simulation.stall(observer));
    simulation.at(17_000 - simulation.now, () => simulation.resume(observer));
    simulation.run(17_000 + wokenMs - simulation.now);
    return stage.isReported(observer, lost);
  };

  it.each([
    ["long before that: it had heard of it", 4_000, 100, true],
    ["meanwhile: it has not", 12_000, 100, false],
    ["just before: it may not have", 10_500, 100, false],
    ["meanwhile, and it has run for as long as it takes to hear", 12_000, LAN.deltaMs + 1_000, true],
  ] as const)("%s", (_, renewedAt, wokenMs, expected) => {
    expect(after(renewedAt, wokenMs)).toBe(expected);
  });
});
