/** One contract for the cryptography of simulations, fake and real: what nobody may pass for another is refused. */
import { describe, expect, it } from "vitest";
import { p256 } from "../../cli/sim/p256.js";
import { LAN } from "../../gossip/index.js";
import { sharedReader } from "../../sim/crypto/reader.js";
import { Verdicts } from "../../sim/crypto/verdicts.js";
import { fakeCrypto, type SimCrypto, Simulation } from "../../sim/index.js";

const WALL = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const DATES = { notBefore: WALL - DAY_MS, notAfter: WALL + DAY_MS };
const BODY = Uint8Array.from({ length: 80 }, (_, index) => index);

const KINDS: readonly (readonly [string, () => Promise<SimCrypto>])[] = [
  ["fake", async () => fakeCrypto()],
  ["P-256", async () => (await p256({ seed: 1, rings: 5, settings: LAN }))()],
];

function changed(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

describe.each(KINDS)("%s crypto", (_name, make) => {
  it("reads back the certificates that it issued, and refuses any that was changed", async () => {
    const crypto = await make();
    const { certificate } = crypto.issue("m0", DATES);
    const { leaf, issuer } = certificate;
    const check = (chain: { leaf: Uint8Array; issuer: Uint8Array }) =>
      crypto.check({ kind: "certificate", chain }, WALL);
    expect(check({ leaf, issuer })).toEqual({ ok: true, certificate });
    for (let at = 0; at < leaf.length; at += 7)
      expect(check({ leaf: changed(leaf, at), issuer })).toMatchObject({ ok: false });
    expect(check({ leaf, issuer: changed(issuer, 40) })).toMatchObject({ ok: false });
    expect(check({ leaf: leaf.subarray(1), issuer })).toMatchObject({ ok: false });
  });

  it("keeps an id over a renewal, and gives every name its own", async () => {
    const crypto = await make();
    const [first, again, other] = ["m0", "m0", "m1"].map((name) => crypto.issue(name, DATES).certificate);
    expect(again?.id).toBe(first?.id);
    expect(again?.hash).not.toBe(first?.hash);
    expect((again?.serial ?? 0n) > (first?.serial ?? 0n)).toBe(true);
    expect(other?.id).not.toBe(first?.id);
  });

  it("takes a signature for its signer, type and body only", async () => {
    const crypto = await make();
    const [me, other] = [crypto.issue("m0", DATES), crypto.issue("m1", DATES)];
    const signature = me.sign("note", BODY);
    const check = (type: "note" | "leave", by: typeof me, body: Uint8Array, bytes = signature) =>
      crypto.check({ kind: "signature", type, certificate: by.certificate, body, signature: bytes }, WALL).ok;
    expect(signature).toHaveLength(64);
    expect(check("note", me, BODY)).toBe(true);
    expect(check("leave", me, BODY)).toBe(false);
    expect(check("note", other, BODY)).toBe(false);
    expect(check("note", me, changed(BODY, 5))).toBe(false);
    expect(check("note", me, BODY, changed(signature, 60))).toBe(false);
  });

  it("signs revocation lists as the authority, and nobody else does", async () => {
    const crypto = await make();
    const sets = { certificates: new Set<string>(), issuers: new Set<string>() };
    const { id } = crypto.issue("m0", DATES).certificate;
    const dates = { issuedAt: WALL, nextUpdate: WALL + DAY_MS };
    const list = crypto.signRevocations({ number: 3n, ...dates, ...sets, members: new Set([id]) });
    const { issuer, body, signature } = list;
    const check = (bytes: Uint8Array) => crypto.check({ kind: "revocation", issuer, body: bytes, signature }, WALL).ok;
    expect(check(body)).toBe(true);
    expect(check(changed(body, body.length - 1))).toBe(false);
  });

  it("carries a whole run, which repeats", async () => {
    const digests: string[] = [];
    for (let run = 0; run < 2; run++) {
      const simulation = new Simulation({ members: 6, rings: 5, seed: 1, crypto: await make() });
      simulation.crash(simulation.members[0]!);
      expect(simulation.runUntil(() => simulation.isWhole(), 20_000)).toBeDefined();
      simulation.revoke(simulation.members[1]!);
      const isOut = () => simulation.members.slice(2).every(({ machine }) => machine.members().length === 3);
      expect(simulation.runUntil(isOut, 20_000)).toBeDefined();
      digests.push(simulation.digest());
    }
    expect(digests[1]).toBe(digests[0]);
  });
});

describe("what members of a simulation share", () => {
  const statements = () => {
    const simulation = new Simulation({ members: 4, seed: 1 });
    return simulation.members[0]!.machine.statements();
  };

  it("a statement is read once by its content, and apart from the packet that it came in", () => {
    const read = sharedReader(fakeCrypto().sha256);
    for (const bytes of statements()) {
      const packet = new Uint8Array(bytes);
      const first = read(packet);
      expect(first).toBeDefined();
      packet.fill(0);
      expect(read(new Uint8Array(bytes))).toBe(first);
      expect(read(changed(bytes, bytes.length - 1))).not.toBe(first);
      expect(read(bytes.subarray(1))).toBeUndefined();
    }
  });

  it("a signature is checked once, for this signer, type and signature", () => {
    const crypto = fakeCrypto();
    const { certificate, sign } = crypto.issue("m0", DATES);
    let asked = 0;
    const counted: SimCrypto = {
      sha256: crypto.sha256,
      issue: (name, dates) => crypto.issue(name, dates),
      rotate: () => crypto.rotate(),
      signRevocations: (list) => crypto.signRevocations(list),
      check: (check, wall) => {
        asked += 1;
        return crypto.check(check, wall);
      },
    };
    const verdicts = new Verdicts(counted);
    const good = { kind: "signature", type: "note", certificate, body: BODY, signature: sign("note", BODY) } as const;
    for (let member = 0; member < 5; member++) expect(verdicts.check(good, WALL).ok).toBe(true);
    expect(asked).toBe(1);
    const other = crypto.issue("m1", DATES).certificate;
    expect(verdicts.check({ ...good, certificate: other }, WALL).ok).toBe(false);
    expect(verdicts.check({ ...good, signature: changed(good.signature, 3) }, WALL).ok).toBe(false);
    expect(verdicts.check({ ...good, type: "leave" }, WALL).ok).toBe(false);
    expect(verdicts.check(good, WALL).ok).toBe(true);
  });
});
