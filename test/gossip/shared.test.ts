/** Machines that start from one shared view: members among members at once, each with its own differences only. */
import { describe, expect, it } from "vitest";
import { type CertificateFacts, LAN, Machine, SharedView, TRANSPORT_GRPC, TrustedClock } from "../../gossip/index.js";
import { toHex } from "../../rings/index.js";
import { FakeAuthority, fakeSignature, sha256 } from "../support/gossip/authority.js";
import { seededRandom } from "../support/gossip/random.js";
import { noteOf, noteStatement } from "../support/gossip/statements.js";

const RINGS = 5;
const EPOCH = 7n;
const authority = new FakeAuthority();
const none = new Uint8Array(0);

const addressOf = (certificate: CertificateFacts) => [{ transport: TRANSPORT_GRPC, text: `${certificate.id}:1` }];

function machineOf(certificate: CertificateFacts, shared: SharedView, savedMark = 0n): Machine {
  return new Machine({
    certificate,
    ringCount: RINGS,
    settings: LAN,
    ports: {
      sha256,
      random: seededRandom(1),
      sign: (type, body) => fakeSignature(certificate.hash, type, body),
      clock: new TrustedClock(() => 1_000_000),
    },
    savedMark,
    agreementKey: sha256(certificate.leaf),
    addresses: addressOf(certificate),
    metadata: none,
    contacts: [],
    known: [],
    shared,
  });
}

function sharedBy(count: number) {
  const certificates = Array.from({ length: count }, (_, index) => authority.issue(`shared ${index}`));
  const shared = new SharedView({ ringCount: RINGS, sha256 });
  for (const certificate of certificates)
    shared.add(certificate, noteOf(certificate, { epoch: EPOCH, ringCount: RINGS }));
  const machines = certificates.map((certificate) => machineOf(certificate, shared));
  return { certificates, shared, machines };
}

describe("machines that start from a shared view", () => {
  it("are ready at once under their standing notes, and tell of nobody", () => {
    const { machines, certificates } = sharedBy(10);
    for (const [index, machine] of machines.entries()) {
      machine.start(0);
      expect(machine.takeOutputs().map(({ kind }) => kind)).toEqual(["save", "ready"]);
      expect(machine.epoch).toBe(EPOCH);
      expect(machine.standing(machine.id)).toBe("live");
      expect(machine.members()).toHaveLength(9);
      expect(machine.member(machine.id)).toBeUndefined();
      expect(machine.member(certificates[(index + 1) % 10]!.id)?.epoch).toBe(EPOCH);
    }
    expect(new Set(machines.map((machine) => toHex(machine.fingerprint()))).size).toBe(1);
  });

  it("see nothing of what another one learns, and agree again when both have learned it", () => {
    const { machines, certificates, shared } = sharedBy(10);
    const [a, b] = machines as [Machine, Machine];
    for (const machine of [a, b]) machine.start(0);
    const before = toHex(b.fingerprint());
    const news = noteStatement(noteOf(certificates[5]!, { epoch: EPOCH + 1n, ringCount: RINGS }));
    learn(a, news);
    expect(a.member(certificates[5]!.id)?.epoch).toBe(EPOCH + 1n);
    expect(b.member(certificates[5]!.id)?.epoch).toBe(EPOCH);
    expect(toHex(b.fingerprint())).toBe(before);
    learn(b, news);
    expect(toHex(b.fingerprint())).toBe(toHex(a.fingerprint()));
    expect(toHex(machineOf(certificates[2]!, shared).fingerprint())).toBe(before);
  });

  it("go on from the epoch of their note", () => {
    const { machines } = sharedBy(3);
    machines[0]!.start(0);
    machines[0]!.describe({ metadata: Uint8Array.of(1) }, 10);
    expect(machines[0]!.epoch).toBe(EPOCH + 1n);
  });

  it("refuse one without their note, and a note from before a crash", () => {
    const { shared, certificates } = sharedBy(3);
    expect(() => machineOf(authority.issue("somebody else"), shared)).toThrow(RangeError);
    expect(() => machineOf(certificates[0]!, shared, EPOCH)).toThrow(RangeError);
  });
});

/** Statements from the authority, with every signature good. */
function learn(machine: Machine, ...statements: readonly Uint8Array[]): void {
  machine.learn(statements, 1);
  for (const output of machine.takeOutputs()) {
    if (output.kind !== "verify") continue;
    machine.verified(
      output.batch,
      output.checks.map((check) => authority.check(check)),
      1,
    );
  }
}
