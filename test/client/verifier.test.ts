/** The machine's checks, carried out with real keys and certificates. */
import { beforeAll, describe, expect, it } from "vitest";
import { factsOf, Verifier } from "../../client/driver/verifier.js";
import type { Check, SignedType } from "../../gossip/index.js";
import { type Identity, sign } from "../../identity/index.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

let network: TestNetwork;
let me: Identity;
let peer: Identity;
let stranger: Identity;
const clock = { now: Date.now() };
const body = new TextEncoder().encode("a statement");

beforeAll(async () => {
  network = await TestNetwork.create();
  [me, peer] = [await network.member(), await network.member()];
  stranger = await (await TestNetwork.create()).member();
});

const verifier = new Verifier({ identity: () => me, now: () => clock.now });

const certificateOf = ({ certificate: { leaf, issuer } }: Identity): Check => ({
  kind: "certificate",
  chain: { leaf, issuer },
});

function signatureOf(signer: Identity, type: SignedType, as = type, named = signer): Check {
  const signature = sign(signer.privateKey, type, signer.certificate.networkId, body);
  return { kind: "signature", type: as, certificate: factsOf(named.certificate), body, signature };
}

describe("a certificate", () => {
  it("of this network passes, with its facts", async () => {
    expect(await verifier.verify([certificateOf(peer)])).toEqual([
      { ok: true, certificate: factsOf(peer.certificate) },
    ]);
  });

  it("of another authority, of another network, expired or damaged does not", async () => {
    const { leaf, issuer } = peer.certificate;
    const damaged = leaf.slice();
    damaged[damaged.length - 1]! ^= 1;
    const validity = { notBefore: clock.now - 10 * DAY_MS, notAfter: clock.now - DAY_MS };
    const expired = await network.member({ validity, at: clock.now - 2 * DAY_MS });
    const checks: Check[] = [
      certificateOf(stranger),
      { kind: "certificate", chain: { leaf, issuer: stranger.certificate.issuer } },
      { kind: "certificate", chain: { leaf: damaged, issuer } },
      { kind: "certificate", chain: { leaf: new Uint8Array(0), issuer: new Uint8Array(0) } },
      certificateOf(expired),
    ];
    const verdicts = await verifier.verify(checks);
    expect(verdicts.map(({ ok }) => ok)).toEqual([false, false, false, false, false]);
    expect(verdicts.at(-1)).toEqual({ ok: false, reason: "expired" });
  });

  it("is judged by its dates each time, also when it has passed before", async () => {
    const validity = { notBefore: clock.now - DAY_MS, notAfter: clock.now + DAY_MS };
    const short = await network.member({ validity });
    expect(verifier.certificate(short.certificate).ok).toBe(true);
    clock.now += 2 * DAY_MS;
    expect(verifier.certificate(short.certificate)).toEqual({ ok: false, reason: "expired" });
    clock.now -= 2 * DAY_MS;
    expect(verifier.certificate(short.certificate).ok).toBe(true);
  });
});

describe("a signature", () => {
  it("by the certificate's key, of its type and over its body passes", async () => {
    const checks = (["note", "leave", "accusation"] as const).map((type) => signatureOf(peer, type));
    expect(await verifier.verify(checks)).toEqual(checks.map(() => ({ ok: true })));
  });

  it("of another type, key, body or network does not", async () => {
    const good = signatureOf(peer, "note") as Extract<Check, { kind: "signature" }>;
    const checks: Check[] = [
      signatureOf(peer, "note", "leave"),
      signatureOf(peer, "leave", "note"),
      signatureOf(me, "note", "note", peer),
      { ...good, body: Uint8Array.of(...body, 0) },
      { ...good, signature: new Uint8Array(64) },
      { ...good, signature: good.signature.subarray(1) },
      { ...good, signature: new Uint8Array(0) },
      signatureOf(stranger, "note"),
      { ...good, signature: sign(peer.privateKey, "note", new Uint8Array(32), body) },
    ];
    const verdicts = await verifier.verify(checks);
    expect(verdicts.map(({ ok }) => ok)).toEqual(checks.map(() => false));
  });

  it("of a revocation list that is none does not", async () => {
    const { issuer } = peer.certificate;
    const list: Check = { kind: "revocation", issuer, body, signature: new Uint8Array(64) };
    expect(await verifier.verify([list])).toEqual([{ ok: false, reason: "number" }]);
    const own = sign(peer.privateKey, "revocation", peer.certificate.networkId, body);
    expect(await verifier.verify([{ ...list, signature: own }])).toEqual([{ ok: false, reason: "number" }]);
  });
});

it("verdicts come in the order of the checks, and the loop goes on in between", async () => {
  const checks = Array.from({ length: 100 }, (_, index) =>
    index % 3 === 0 ? certificateOf(index % 2 === 0 ? peer : stranger) : signatureOf(peer, "note"),
  );
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const verdicts = await verifier.verify(checks);
  isOver = true;
  expect(verdicts.map(({ ok }) => ok)).toEqual(checks.map((_, index) => index % 3 !== 0 || index % 2 === 0));
  expect(turns).toBeGreaterThan(0);
});

describe("a clock that is behind", () => {
  /** Three hours behind; what proves later times moves it, as a member's own does. */
  function behind() {
    const own = { now: clock.now - DAY_MS / 8 };
    const proves = (begin: number) => {
      own.now = Math.max(own.now, begin);
    };
    return { own, verifier: new Verifier({ identity: () => me, now: () => own.now, proves }) };
  }
  const young = (by: TestNetwork) =>
    by.member({ validity: { notBefore: Math.floor(clock.now / 1000) * 1000 - 60_000, notAfter: clock.now + DAY_MS } });

  it("is moved by a certificate of the authority that begins later, which passes then", async () => {
    const { own, verifier } = behind();
    const newcomer = await young(network);
    expect((await verifier.verify([certificateOf(newcomer)]))[0]?.ok).toBe(true);
    expect(own.now).toBe(newcomer.certificate.notBefore);
  });

  it("is moved by nobody else: another authority, a damaged certificate, a foreign signature", async () => {
    const { own, verifier } = behind();
    const before = own.now;
    const { leaf, issuer } = (await young(network)).certificate;
    const damaged = leaf.slice();
    damaged[damaged.length - 1]! ^= 1;
    const foreign = (await young(await TestNetwork.create())).certificate;
    const checks: Check[] = [
      { kind: "certificate", chain: { leaf: damaged, issuer } },
      { kind: "certificate", chain: foreign },
      { kind: "certificate", chain: { leaf: foreign.leaf, issuer } },
      { kind: "revocation", issuer, body: new Uint8Array(29), signature: new Uint8Array(64) },
    ];
    expect((await verifier.verify(checks)).map(({ ok }) => ok)).toEqual(checks.map(() => false));
    expect(own.now).toBe(before);
  });
});
