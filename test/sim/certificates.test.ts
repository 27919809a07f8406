/** Certificates of a simulation's members: several of one id, and their dates by the clock of whoever judges them. */
import { describe, expect, it } from "vitest";
import { p256 } from "../../cli/sim/p256.js";
import { encodeNote, encodePacket, encodeStatement, LAN, type Note } from "../../gossip/index.js";
import { fromHex, fullMask } from "../../rings/index.js";
import { Verdicts } from "../../sim/crypto/verdicts.js";
import {
  type Actor,
  type Behaviour,
  type Dates,
  fakeCrypto,
  type Identity,
  invariants,
  type Seat,
  Simulation,
  type SimulationOptions,
  type Watcher,
} from "../../sim/index.js";

/** Unix milliseconds at the beginning of a simulation. */
const WALL = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const TOLERANCE_MS = 300_000;
const BODY = Uint8Array.from({ length: 80 }, (_, index) => index);
/** Past its end for every clock ten seconds into a run, and not before. */
const ENDING: Dates = { notBefore: WALL - HOUR_MS, notAfter: WALL - TOLERANCE_MS + 10_000 };

const CRYPTOS = [
  ["fake", async () => fakeCrypto()],
  ["P-256", async () => (await p256({ seed: 1, rings: 5, settings: LAN }))()],
] as const;

describe.each(CRYPTOS)("signatures by %s crypto", (_, make) => {
  it.each([
    ["a clock within the dates", 0, undefined],
    ["one before them, within the tolerance", -HOUR_MS - TOLERANCE_MS, undefined],
    ["one before them", -HOUR_MS - TOLERANCE_MS - 1, "not-yet-valid"],
    ["one after them, within the tolerance", HOUR_MS + TOLERANCE_MS, undefined],
    ["one after them", HOUR_MS + TOLERANCE_MS + 1, "expired"],
  ] as const)("are judged by %s, also when others were told before", async (_name, offset, reason) => {
    const crypto = await make();
    const { certificate, sign } = crypto.issue("m0", { notBefore: WALL - HOUR_MS, notAfter: WALL + HOUR_MS });
    const check = { kind: "signature", type: "note", certificate, body: BODY, signature: sign("note", BODY) } as const;
    const verdicts = new Verdicts(crypto);
    expect(verdicts.check(check, WALL)).toEqual({ ok: true });
    const expected = reason ? { ok: false, reason } : { ok: true };
    expect(verdicts.check(check, WALL + offset)).toEqual(expected);
    expect(crypto.check(check, WALL + offset)).toEqual(expected);
    expect(verdicts.check(check, WALL)).toEqual({ ok: true });
  });

  it("of a false one say so only to whose clock finds the dates right", async () => {
    const crypto = await make();
    const { certificate } = crypto.issue("m0", { notBefore: WALL - HOUR_MS, notAfter: WALL + HOUR_MS });
    const signature = new Uint8Array(64).fill(1);
    const verdicts = new Verdicts(crypto);
    const check = { kind: "signature", type: "note", certificate, body: BODY, signature } as const;
    expect(verdicts.check(check, WALL)).toEqual({ ok: false, reason: "signature" });
    expect(verdicts.check(check, WALL + 3 * HOUR_MS)).toEqual({ ok: false, reason: "expired" });
  });
});

describe("a liar", () => {
  it.each(CRYPTOS)("may hold several certificates of its own id (%s crypto)", async (_, make) => {
    const crypto = await make();
    const simulation = new Simulation({ members: 4, rings: 5, seed: 1, crypto });
    const { actor } = corrupted(simulation);
    const [older, newer, plain] = [
      actor.reissue(ENDING),
      actor.reissue({ ...ENDING, notBefore: WALL - 1_000_000 }),
      actor.reissue(),
    ];
    for (const { certificate } of [older, newer, plain]) expect(certificate.id).toBe(actor.id);
    expect(older.certificate).toMatchObject(ENDING);
    expect(new Set([actor, older, newer, plain].map(({ certificate }) => certificate.hash)).size).toBe(4);
    const signature = older.sign("note", BODY);
    const check = { kind: "signature", type: "note", body: BODY, signature } as const;
    expect(crypto.check({ ...check, certificate: older.certificate }, WALL).ok).toBe(true);
    expect(crypto.check({ ...check, certificate: newer.certificate }, WALL).ok).toBe(false);
  });

  it("has what it signs under an ended one refused, by each by its own clock", () => {
    const refused: string[] = [];
    const simulation = new Simulation({
      members: 4,
      rings: 5,
      seed: 1,
      watchers: [
        {
          told(seat, output) {
            if (output.kind === "rejected" && output.reason === "expired") refused.push(`${seat.name} ${output.what}`);
          },
        },
      ],
    });
    const { actor, others } = corrupted(simulation);
    const [first, behind] = others as [Seat, Seat];
    simulation.skewClock(behind, -60_000);
    const ending = actor.reissue(ENDING);
    const introduction = encodePacket([
      { kind: "statement", bytes: encodeStatement({ kind: "certificate", chain: ending.certificate }) },
    ]);
    for (const other of [first, behind]) actor.call(other, introduction);
    simulation.run(20_000);
    expect(refused).toEqual([]);
    const packet = encodePacket([{ kind: "statement", bytes: noteUnder(ending, actor) }]);
    for (const other of [first, behind]) actor.call(other, packet);
    simulation.run(50);
    expect(refused).toContain(`${first.name} note`);
    expect(refused).not.toContain(`${behind.name} note`);
  });
});

it("who is past its dates has no connections", () => {
  const simulation = new Simulation({ members: 5, rings: 5, seed: 1 });
  const { actor, others } = corrupted(simulation);
  simulation.renew(actor, ENDING);
  const isAnswered = () => {
    let answers = 0;
    for (const other of others) actor.call(other, encodePacket([]), () => answers++);
    simulation.run(3_000);
    return answers > 0;
  };
  expect(isAnswered()).toBe(true);
  simulation.run(10_000);
  expect(isAnswered()).toBe(false);
  expect(others.map(({ machine }) => machine.standing(actor.id))).toEqual(others.map(() => "expired"));
});

describe("a member that renews", () => {
  it.each(CRYPTOS)(
    "stays in all views, under its newer certificate, also over a crash and a stall (%s crypto)",
    async (_, make) => {
      const { simulation, checks } = checked({ members: 8, rings: 5, crypto: await make() });
      const [first, crashed, stalled] = simulation.members as [Seat, Seat, Seat];
      const before = [first, crashed, stalled].map(({ certificate }) => certificate.hash);
      simulation.run(2_000);
      simulation.crash(crashed);
      simulation.stall(stalled);
      for (const seat of [first, crashed, stalled]) simulation.renew(seat);
      simulation.run(1_000);
      simulation.resume(stalled);
      simulation.restart(crashed, { keepState: true });
      expect(simulation.runUntil(() => simulation.isWhole() && simulation.isEqual(), 20_000)).toBeDefined();
      for (const [index, seat] of [first, crashed, stalled].entries()) {
        expect(seat.certificate.hash).not.toBe(before[index]);
        for (const { machine } of simulation.members) {
          expect(machine.certificateOf(seat.id)?.hash).toBe(seat.certificate.hash);
        }
      }
      expect(checks.judge()).toEqual([]);
    },
  );

  it("in time stays when the certificate before ends; one that does not is out, and back when it renews", () => {
    const end = 10_000;
    const dates = ({ number }: Seat) => (number < 2 ? ENDING : undefined);
    const { simulation, checks, failedTo } = checked({ members: 8, rings: 5, dates });
    const [inTime, late, other] = simulation.members as [Seat, Seat, Seat];
    simulation.run(end - 4_000);
    simulation.renew(inTime);
    simulation.run(4_100);
    expect(simulation.runUntil(() => checks.problems().length === 0, 10_000)).toBeDefined();
    expect(other.machine.standing(late.id)).toBe("expired");
    expect(other.machine.standing(inTime.id)).toBe("live");
    simulation.run(2_000);
    simulation.renew(late);
    expect(simulation.runUntil(() => simulation.isWhole(), 20_000)).toBeDefined();
    expect(failedTo(simulation.members.filter((seat) => seat !== late))).toEqual([`${late.name} expired`]);
    expect(checks.judge()).toEqual([]);
  });

  it("after all others have gone over to another issuing certificate finds them again, with the authority's help", () => {
    const dates = ({ number }: Seat) => (number === 0 ? ENDING : undefined);
    const { simulation, checks } = checked({ members: 6, rings: 5, dates });
    const [late, ...others] = simulation.members as [Seat, ...Seat[]];
    simulation.run(12_000);
    const former = simulation.rotate();
    for (const seat of others) simulation.renew(seat);
    simulation.run(2_000);
    simulation.retire(former);
    simulation.run(5_000);
    simulation.renew(late);
    expect(simulation.runUntil(() => simulation.isWhole(), 60_000)).toBeDefined();
    expect(checks.judge()).toEqual([]);
  });
});

it.each(CRYPTOS)(
  "a retired issuing certificate puts out whoever has not renewed, and nobody else (%s crypto)",
  async (_, make) => {
    const { simulation, checks, failedTo } = checked({ members: 8, rings: 5, crypto: await make() });
    const [late, ...others] = simulation.members as [Seat, ...Seat[]];
    const former = simulation.rotate();
    for (const seat of others) simulation.renew(seat);
    simulation.run(6_000);
    expect(failedTo(simulation.members)).toEqual([]);
    simulation.retire(former);
    simulation.run(6_000);
    expect(failedTo(others)).toEqual([`${late.name} revoked`]);
    expect(others.map(({ machine }) => machine.standing(late.id))).toEqual(others.map(() => "revoked"));
    expect(simulation.isWhole(others)).toBe(true);
    const newcomer = simulation.join();
    expect(simulation.runUntil(() => simulation.isWhole([...others, newcomer]), 20_000)).toBeDefined();
    expect(checks.judge()).toEqual([]);
  },
);

/** With all invariants, and what members tell of those that failed: "m0 expired", by whose view. */
function checked(options: Partial<SimulationOptions>) {
  const checks = invariants();
  const told: { readonly by: Seat; readonly text: string }[] = [];
  const watcher: Watcher = {
    told(by, output) {
      if (output.kind !== "failed") return;
      const lost = simulation.members.find(({ id }) => id === output.member.id);
      told.push({ by, text: `${lost?.name} ${output.reason}` });
    },
  };
  const simulation = new Simulation({ members: 4, seed: 1, ...options, watchers: [checks, watcher] });
  checks.attach(simulation);
  const failedTo = (seats: readonly Seat[]) => [
    ...new Set(told.filter(({ by }) => seats.includes(by)).map(({ text }) => text)),
  ];
  return { simulation, checks, failedTo };
}

/** The first member as a liar that does nothing by itself, and the others. */
function corrupted(simulation: Simulation): { actor: Actor; others: Seat[] } {
  let actor: Actor | undefined;
  const behaviour: Behaviour = {
    name: "puppet",
    start(self) {
      actor = self;
    },
  };
  const [liar, ...others] = simulation.members as [Seat, ...Seat[]];
  simulation.corrupt(liar, [behaviour]);
  return { actor: actor as unknown as Actor, others };
}

/** A later note of an actor than its machine's, under another certificate. */
function noteUnder({ certificate, sign }: Identity, { id, machine, ringCount }: Actor): Uint8Array {
  const note: Note = {
    id,
    certificate: certificate.hash,
    epoch: machine.epoch + 1n,
    leaving: false,
    mask: fullMask(ringCount),
    agreementKey: new Uint8Array(32),
    addresses: [],
    metadata: BODY,
  };
  const body = encodeNote(note, fromHex(certificate.hash) as Uint8Array);
  return encodeStatement({ kind: "note", note: { ...note, body, signature: sign("note", body) } });
}
