/** Each invariant sees the bug that it is there for, planted into the production machine; and on a good run none speaks. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { Defence } from "../../../gossip/defence/defence.js";
import { Epochs } from "../../../gossip/defence/epochs.js";
import { Monitor } from "../../../gossip/detection/monitor.js";
import { encodeAccusation, encodePacket, encodeStatement } from "../../../gossip/index.js";
import { Machine } from "../../../gossip/machine.js";
import { Exchanges } from "../../../gossip/spreading/exchanges.js";
import { Partners } from "../../../gossip/spreading/partners.js";
import { Evidence } from "../../../gossip/view/evidence.js";
import { Intake } from "../../../gossip/view/intake.js";
import { View } from "../../../gossip/view/view.js";
import { fromHex } from "../../../rings/index.js";
import { adversary } from "../../../sim/adversaries/index.js";
import { fakeCrypto } from "../../../sim/crypto/fake-crypto.js";
import { DATES } from "../../../sim/dates.js";
import { type Actor, type Behaviour, type Seat, Simulation, type SimulationOptions } from "../../../sim/index.js";
import { type Invariants, invariants } from "../../../sim/invariants/invariants.js";
import { partition } from "../../../sim/network/fault.js";

vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.restoreAllMocks());

interface Run {
  readonly simulation: Simulation;
  readonly checks: Invariants;
  readonly seats: readonly Seat[];
}

function begin(options: Partial<SimulationOptions> = {}, thorough = false): Run {
  const checks = invariants({ thorough });
  const simulation = new Simulation({ members: 12, rings: 9, seed: 1, watchers: [checks], ...options });
  checks.attach(simulation);
  return { simulation, checks, seats: simulation.members };
}

/** Liars that do this. */
function liars(byzantine: number, name: string): Partial<SimulationOptions> {
  return { byzantine, behaviours: () => [adversary(name)!.create()] };
}

/** A liar that calls the first correct member so many times a turn. */
function flood(calls: number, packet: (actor: Actor) => Uint8Array): Behaviour {
  return {
    name: "flood",
    turn(actor) {
      const victim = actor.everyone.find((seat) => seat.isCorrect) as Seat;
      for (let count = 0; count < calls; count++) actor.call(victim, packet(actor));
    },
  };
}

/** Accusations by everybody of everybody, with signatures that are none. */
function lies({ everyone, ringCount }: Actor): Uint8Array {
  const signature = new Uint8Array(64);
  const rings = Array.from({ length: ringCount }, (_, index) => index + 1);
  const statements = everyone.flatMap(({ id: accuser, certificate: { hash: certificate } }) =>
    everyone.flatMap(({ id: accused, machine: { epoch } }) =>
      rings.map((ring) => {
        const accusation = { accuser, certificate, accused, ring, epoch };
        const body = encodeAccusation(accusation, fromHex(certificate) as Uint8Array);
        return encodeStatement({ kind: "accusation", accusation: { ...accusation, body, signature } });
      }),
    ),
  );
  return encodePacket(statements.slice(0, 1024).map((bytes) => ({ kind: "statement", bytes })));
}

function seen({ checks }: Run): string[] {
  return [...new Set(checks.violations().map(({ invariant }) => invariant))].sort();
}

/** Faults of all kinds, and then quiet. */
function suffer({ simulation, checks, seats }: Run): void {
  const [, one, two, three, four, five] = seats as readonly Seat[];
  simulation.run(3000);
  simulation.crash(one!);
  simulation.stall(two!);
  simulation.run(1400);
  simulation.resume(two!);
  checks.outsider(simulation.now);
  simulation.run(8000);
  const cut = simulation.network.add(partition("cut", [seats.slice(0, 6), seats.slice(6)]));
  simulation.describe(four!, Uint8Array.of(1));
  simulation.run(12_000);
  simulation.network.remove(cut);
  simulation.restart(one!, { keepState: false });
  simulation.skewClock(five!, -3_600_000);
  simulation.run(8000);
  simulation.leave(three!);
  simulation.join();
  simulation.run(4000);
  simulation.revoke(four!);
  simulation.runUntil(() => checks.problems().length === 0, 30_000);
  checks.judge();
}

describe("on a good run no invariant speaks", () => {
  it.each([
    ["whole", { start: "whole" }],
    ["joining", { start: "joining" }],
    ["with loss, duplicates and reordering", { network: { loss: 0.1, duplicates: 0.2, reordering: 0.2 } }],
  ] as const)("%s", (_, options) => {
    const run = begin(options, "start" in options && options.start === "whole");
    suffer(run);
    expect(run.checks.violations()).toEqual([]);
  });

  it.each(["mob", "equivocator", "rebuttal-dropper"])("nor with a tenth of liars (%s)", (name) => {
    const run = begin({ members: 20, rings: 15, ...liars(2, name) });
    run.simulation.run(10_000);
    run.checks.judge();
    expect(run.checks.violations()).toEqual([]);
  });

  it("and outsiders change nothing at all: the run is the same without them", () => {
    const diary = (withOutsiders: boolean) => {
      const told: string[] = [];
      const checks = invariants();
      const watcher = {
        told: (seat: Seat, output: { readonly kind: string }, now: number) => {
          if (output.kind !== "rejected") told.push(`${now} ${seat.name} ${output.kind}`);
        },
        signed: (seat: Seat, type: string, _: Uint8Array, now: number) => {
          told.push(`${now} ${seat.name} signs ${type}`);
        },
      };
      const simulation = new Simulation({ members: 12, rings: 9, seed: 4, watchers: [checks, watcher] });
      checks.attach(simulation);
      const strike = () => {
        if (withOutsiders) checks.outsider(simulation.now);
        simulation.at(50, strike);
      };
      strike();
      simulation.crash(simulation.members[3] as Seat);
      simulation.run(15_000);
      return told;
    };
    const without = diary(false);
    expect(without.length).toBeGreaterThan(20);
    expect(diary(true)).toEqual(without);
  });
});

describe("a planted bug is seen by", () => {
  it("S1, when nobody answers accusations", () => {
    vi.spyOn(Defence.prototype, "accused").mockImplementation(() => {});
    vi.spyOn(Defence.prototype, "summoned").mockImplementation(() => {});
    const run = begin({ members: 20, ...liars(2, "false-accuser") });
    run.simulation.run(7000);
    expect(seen(run)).toEqual(["S1"]);
    expect(run.checks.violations()[0]?.text).toContain("as removed, though it runs and is reachable");
  });

  it("S2, when an epoch is used twice", () => {
    vi.spyOn(Epochs.prototype, "advance").mockImplementation(function (this: Epochs) {
      return this.current;
    });
    const run = begin({ start: "joining" });
    run.simulation.run(1000);
    run.simulation.describe(run.seats[2]!, Uint8Array.of(1));
    run.simulation.run(100);
    expect(run.checks.violations()[0]?.text).toContain("signed two notes with epoch");
    expect(run.checks.violations()[0]?.member).toBe("m2");
  });

  it("S2, when a member without its state begins at 1 again", () => {
    const epochs = new WeakMap<Epochs, bigint>();
    vi.spyOn(Epochs.prototype, "advance").mockImplementation(function (this: Epochs) {
      epochs.set(this, (epochs.get(this) ?? 0n) + 1n);
      return epochs.get(this);
    });
    const run = begin({ start: "joining" });
    run.simulation.run(1000);
    run.simulation.crash(run.seats[2]!);
    run.simulation.run(100);
    run.simulation.restart(run.seats[2]!, { keepState: false });
    expect(run.checks.violations()[0]?.text).toBe("signed two notes with epoch 1");
  });

  it("S2, when no mark is saved", () => {
    vi.spyOn(Epochs.prototype, "markToSave").mockImplementation(() => undefined);
    const run = begin({ start: "joining" });
    run.simulation.run(100);
    expect(run.checks.violations()[0]?.text).toMatch(/^signed epoch \d+ above its saved mark 0$/);
  });

  it("S3, when signatures are not looked at", () => {
    const { verified } = Intake.prototype;
    vi.spyOn(Intake.prototype, "verified").mockImplementation(function (this: Intake, batch, verdicts, now) {
      const good = verdicts.map((verdict) => (verdict.ok ? verdict : { ok: true as const }));
      return verified.call(this, batch, good, now);
    });
    const run = begin();
    for (let strikes = 0; strikes < 20; strikes++) {
      run.checks.outsider(run.simulation.now);
      run.simulation.run(200);
    }
    expect(seen(run)).toContain("S3");
    expect(run.checks.violations().some(({ text }) => text.includes("does not pass its check: signature"))).toBe(true);
  });

  it("S4, when a partner has no budget", () => {
    vi.spyOn(Partners.prototype, "take").mockImplementation(() => true);
    const question = encodePacket([{ kind: "range", prefix: "", hash: new Uint8Array(16).fill(1) }]);
    const run = begin({ members: 8, byzantine: 1, behaviours: () => [flood(100, () => question)] });
    run.simulation.run(3000);
    expect(seen(run)).toEqual(["S4"]);
    expect(run.checks.violations()[0]?.text).toMatch(/^sent m\d 89 packets \(answer\) in one interval$/);
  });

  it("S4, when lies cost nothing", () => {
    vi.spyOn(Partners.prototype, "punish").mockImplementation(() => {});
    const run = begin({ members: 8, byzantine: 1, behaviours: () => [flood(5, lies)] });
    run.simulation.run(3000);
    expect(seen(run)).toEqual(["S4"]);
    expect(run.checks.violations()[0]?.text).toContain("false signatures of");
  });

  it("S4, when certificates of before are kept for ever", () => {
    const crypto = fakeCrypto();
    const run = begin();
    const renewals = Array.from({ length: 6 }, () => crypto.issue("m3", DATES).certificate);
    const kept = renewals.map((chain) => encodeStatement({ kind: "certificate", chain }));
    const { statements } = Machine.prototype;
    vi.spyOn(Machine.prototype, "statements").mockImplementation(function (this: Machine) {
      return [...statements.call(this), ...kept];
    });
    run.simulation.run(1000);
    expect(seen(run)).toContain("S4");
    expect(run.checks.violations().some(({ text }) => /^holds \d certificates of /.test(text))).toBe(true);
  });

  it("S5, when what an outsider says is taken in unseen", () => {
    const { submit, verified } = Intake.prototype;
    const run = begin();
    const { certificate } = run.seats[0]!;
    vi.spyOn(Intake.prototype, "submit").mockImplementation(function (this: Intake, statements, from, fresh, now) {
      const done = submit.call(this, statements, from, fresh, now);
      for (const event of done) {
        if (event.kind !== "verify") continue;
        const verdicts = event.checks.map(() => ({ ok: true as const, certificate }));
        done.push(...verified.call(this, event.batch, verdicts, now));
      }
      return done.filter((event) => event.kind !== "verify");
    });
    for (let strikes = 0; strikes < 10; strikes++) run.checks.outsider(run.simulation.now);
    expect(seen(run)).toContain("S5");
  });

  it("S6, when a handler throws", () => {
    vi.spyOn(Partners.prototype, "punish").mockImplementation(() => {
      throw new Error("planted");
    });
    const run = begin({ members: 8, ...liars(1, "packet-flooder") });
    run.simulation.run(5000);
    expect(seen(run)).toContain("S6");
    expect(run.checks.violations()[0]?.text).toBe("threw Error: planted");
  });

  it("L1, when nobody is monitored", () => {
    vi.spyOn(Monitor.prototype, "round").mockImplementation(() => {});
    vi.spyOn(Monitor.prototype, "hint").mockImplementation(() => {});
    const run = begin();
    run.simulation.crash(run.seats[3]!);
    run.simulation.run(30_000);
    run.checks.judge();
    expect(seen(run)).toEqual(["L1"]);
    expect(run.checks.violations()).toHaveLength(11);
  });

  it("L2, when views are not reconciled", () => {
    vi.spyOn(Exchanges.prototype, "begin").mockImplementation(() => false);
    const run = begin();
    const deaf = run.simulation.network.add({ name: "deaf", to: [run.seats[9]!], loss: 1, kind: "calls" });
    run.simulation.describe(run.seats[2]!, Uint8Array.of(1));
    run.simulation.run(6000);
    run.simulation.network.remove(deaf);
    run.simulation.run(10_000);
    run.checks.judge();
    expect(seen(run)).toEqual(["L2"]);
  });

  it("L3, when newcomers' certificates are not taken", () => {
    const run = begin();
    vi.spyOn(Evidence.prototype, "admitCertificate").mockImplementation(() => false);
    run.simulation.join();
    run.simulation.run(10_000);
    run.checks.judge();
    expect(seen(run)).toContain("L3");
  });

  it("L4, when nobody looks for the lost", () => {
    const { partner } = View.prototype;
    vi.spyOn(View.prototype, "partner").mockImplementation(function (this: View, id) {
      return this.judgement.standing(id) === "removed" ? undefined : partner.call(this, id);
    });
    const run = begin();
    const cut = run.simulation.network.add(partition("cut", [run.seats.slice(0, 6), run.seats.slice(6)]));
    run.simulation.run(30_000);
    run.simulation.network.remove(cut);
    run.simulation.run(60_000);
    run.checks.judge();
    expect(seen(run)).toContain("L4");
    expect(seen(run)).not.toContain("S1");
  });
});
