/** What every store must do, whatever is below it. Run over each of them by a test file of its own. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { auditHash } from "../../ca/store/audit-chain.js";
import { PRUNE_START } from "../../ca/store/prune.js";
import type {
  CertificateRecord,
  IssuerRecord,
  NetworkRecord,
  NetworkStore,
  NewNetwork,
  Store,
} from "../../ca/store/store.js";
import { fingerprintOf, newSerial, randomSecret } from "../../identity/index.js";
import { type MemberId, memberIdFromBytes, toHex } from "../../rings/index.js";

export const NOW = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 86_400_000;
const ROOT = randomSecret(32);

export function network(name: string): NetworkRecord {
  const networkId = randomSecret(32);
  return { networkId, name, ringCount: 7, deltaMs: 1_500, idSecret: randomSecret(32), createdAt: NOW };
}

export function issuer(state: IssuerRecord["state"] = "active"): IssuerRecord {
  const certificate = randomSecret(100);
  const validity = { notBefore: NOW - DAY_MS, notAfter: NOW + 30 * DAY_MS };
  const times = { preparedAt: NOW, activatedAt: state === "active" ? NOW : undefined, retiredAt: undefined };
  return { fingerprint: fingerprintOf(certificate), certificate, state, keyReference: "a.key", ...validity, ...times };
}

const newId = (): MemberId => memberIdFromBytes(randomSecret(32));

/** A certificate as far as a store looks at one. */
export function certificate(
  principal: string,
  by: IssuerRecord,
  fields: Partial<CertificateRecord> = {},
): CertificateRecord {
  const issuedAt = fields.issuedAt ?? NOW;
  return {
    ...{ principal, generation: 0, id: newId(), serial: newSerial(issuedAt), spki: randomSecret(91) },
    ...{ leaf: randomSecret(300), issuer: by.certificate, notBefore: issuedAt, notAfter: issuedAt + DAY_MS },
    ...{ issuedAt, how: "token" },
    ...fields,
  };
}

const NONE = { kind: "none" } as const;
const note = (kind: string) => ({ kind, at: NOW, fields: { text: `"${kind}" \u00e9`, count: 1, nothing: null } });

export function describeStore(name: string, open: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    let first: NewNetwork;
    let records: NetworkStore;
    beforeEach(async () => {
      store = await open();
      first = { network: network("default"), issuer: issuer() };
      await store.createAuthority({ root: ROOT, createdAt: NOW, epoch: 0 }, first);
      records = store.network(first.network.networkId);
    });
    afterEach(() => store.close());

    const admit = async (principal: string, fields: Partial<CertificateRecord> = {}, addresses: string[] = []) => {
      const made = certificate(principal, first.issuer, fields);
      expect(await records.recordCertificate({ certificate: made, condition: NONE, addresses })).toBe("recorded");
      return made;
    };
    const heard = (
      { id }: CertificateRecord,
      when: number,
      { addresses = ["b:2"], leaving = false, dueMs = 10_000 } = {},
    ) => records.report({ id, addresses, at: when, dueAt: when + dueMs, leaving });
    const outcome = (made: CertificateRecord) =>
      records.recordCertificate({ certificate: made, condition: NONE, addresses: [] });

    it("keeps the authority and its networks, each once", async () => {
      expect(await store.authority()).toEqual({ root: ROOT, createdAt: NOW, epoch: 0 });
      expect(await store.createAuthority({ root: ROOT, createdAt: NOW, epoch: 0 }, first)).toBe("refused");
      const second = { network: network("second"), issuer: issuer() };
      expect(await store.createNetwork(second, note("network"))).toBe("recorded");
      expect(await store.createNetwork({ ...second, network: network("second") })).toBe("refused");
      expect(await store.networks()).toEqual([first.network, second.network]);
      expect(await store.network(second.network.networkId).issuers()).toEqual([second.issuer]);
      await records.saveUrls(["https://a:1", "https://b:2"]);
      expect(await store.network(second.network.networkId).urls()).toEqual([]);
      expect(await records.urls()).toEqual(["https://a:1", "https://b:2"]);
    });

    it("keeps a network's members from those of another", async () => {
      const second = { network: network("second"), issuer: issuer() };
      await store.createNetwork(second);
      const other = store.network(second.network.networkId);
      const alice = await admit("alice");
      expect(await other.certificate(alice.serial)).toBeUndefined();
      expect(await other.principal("alice")).toBeUndefined();
      const twin = certificate("alice", second.issuer);
      const condition = { kind: "free-name" } as const;
      expect(await other.recordCertificate({ certificate: twin, condition, addresses: [] })).toBe("recorded");
      expect((await other.principal("alice"))?.id).toBe(twin.id);
      expect((await records.principal("alice"))?.id).toBe(alice.id);
    });

    it("gives back what was recorded", async () => {
      const alice = await admit("alice", {}, ["10.0.0.1:1"]);
      expect(await records.certificate(alice.serial)).toEqual(alice);
      expect(await records.certificateOfKey("alice", alice.spki)).toEqual(alice);
      expect(await records.certificateOfKey("bob", alice.spki)).toBeUndefined();
      const { id, serial, notAfter } = alice;
      const member = { principal: "alice", generation: 0, id, status: "active", createdAt: NOW, serial, notAfter };
      expect(await records.principal("alice")).toEqual({
        ...member,
        addresses: ["10.0.0.1:1"],
        reportedAt: NOW,
        leftAt: undefined,
        ...{ how: "token", issuer: first.issuer.fingerprint, heardAt: NOW, goneAt: undefined },
      });
      expect(await records.principalOfId(id)).toEqual(await records.principal("alice"));
      expect(await records.issuedSince(id, NOW)).toBe(1);
      expect(await records.issuedSince(id, NOW + 1)).toBe(0);
      expect(await records.counts(NOW)).toMatchObject({ principals: 1, certificates: 1, validCertificates: 1 });
    });

    it("never records a serial twice", async () => {
      const alice = await admit("alice");
      await expect(outcome(certificate("bob", first.issuer, { serial: alice.serial }))).rejects.toMatchObject({
        code: "authority-failed",
      });
      expect(await records.principal("bob")).toBeUndefined();
    });

    it("keeps the operator's word that a member is gone until it is heard of again", async () => {
      const alice = await admit("alice", {}, ["10.0.0.1:1"]);
      await admit("bob", {}, ["10.0.0.2:1"]);
      expect(await records.declareGone("nobody", NOW)).toBe("refused");
      expect(await records.declareGone("alice", NOW + 5, note("gone"))).toBe("recorded");
      expect(await records.principal("alice")).toMatchObject({ goneAt: NOW + 5, leftAt: NOW + 5, heardAt: NOW });
      const contacts = async () =>
        (await records.contacts({ except: newId(), now: NOW + 6, limit: 9 })).map(({ addresses }) => addresses[0]);
      expect(await contacts()).toEqual(["10.0.0.2:1"]);
      await heard(alice, NOW + 6);
      expect(await records.principal("alice")).toMatchObject({
        goneAt: undefined,
        leftAt: undefined,
        heardAt: NOW + 6,
      });
      await records.declareGone("alice", NOW + 7);
      await admit("alice", { id: alice.id, issuedAt: NOW + 8 });
      expect(await records.principal("alice")).toMatchObject({ goneAt: undefined, heardAt: NOW + 8 });
    });

    it("knows since when somebody serves without a pause", async () => {
      expect(await records.served()).toEqual({ since: 0, at: 0 });
      for (const minute of [0, 1, 9]) await records.saveServed(NOW + minute * 60_000);
      expect(await records.served()).toEqual({ since: NOW, at: NOW + 9 * 60_000 });
      await records.saveServed(NOW + 20 * 60_000);
      expect(await records.served()).toEqual({ since: NOW + 20 * 60_000, at: NOW + 20 * 60_000 });
    });

    it("lists principals and certificates in pages", async () => {
      for (const name of ["c", "a", "B", "d"]) await admit(name);
      const names = async (after?: string) =>
        (await records.members({ limit: 2, after })).map(({ principal }) => principal);
      expect([await names(), await names("a"), await names("d")]).toEqual([["B", "a"], ["c", "d"], []]);
      const { id } = (await records.principal("a"))!;
      const newest = await admit("a", { id, serial: newSerial(NOW + 1) });
      const all = await records.certificates({ principal: "a", limit: 10 });
      expect(all.map(({ serial }) => serial).at(-1)).toBe(newest.serial);
      expect(await records.certificates({ principal: "a", limit: 10, after: newest.serial })).toEqual([]);
      expect((await records.certificates({ id: newest.id, limit: 10, validAt: NOW })).length).toBe(2);
      expect(await records.certificates({ limit: 10, validAt: NOW + 2 * DAY_MS })).toEqual([]);
    });

    it("gives a token to one of many who race for it", async () => {
      const hash = randomSecret(32);
      await records.createToken({ hash, principal: "alice", expiresAt: NOW + 1, uses: 1 }, note("token"));
      expect(await records.token(randomSecret(32))).toBeUndefined();
      const id = newId();
      const racers = Array.from({ length: 20 }, () => certificate("alice", first.issuer, { id }));
      const condition = { kind: "token", hash, isForNewNames: false } as const;
      const outcomes = await Promise.all(
        racers.map((made) => records.recordCertificate({ certificate: made, condition, addresses: [] })),
      );
      expect(outcomes.filter((each) => each === "recorded").length).toBe(1);
      expect(outcomes.filter((each) => each === "token-used").length).toBe(19);
      const winner = racers[outcomes.indexOf("recorded")]!;
      expect(await records.certificateOfToken(hash, "alice", winner.spki)).toEqual(winner);
      expect(await records.token(hash)).toMatchObject({ uses: 1, used: 1 });
      expect(await records.counts(NOW)).toMatchObject({ certificates: 1, tokens: 0 });
    });

    describe("a token for many", () => {
      const hash = randomSecret(32);
      const uses = 3;
      const bought = (made: CertificateRecord) => {
        const condition = { kind: "token", hash, isForNewNames: true } as const;
        return records.recordCertificate({ certificate: made, condition, addresses: [] });
      };
      beforeEach(() => records.createToken({ hash, principal: "web-*", expiresAt: NOW + 2 * DAY_MS, uses }));

      it("admits as many as it says of those who race for it, and no more", async () => {
        const racers = Array.from({ length: 20 }, (_, index) => certificate(`web-${index}`, first.issuer));
        const outcomes = await Promise.all(racers.map(bought));
        expect(outcomes.filter((each) => each === "recorded").length).toBe(uses);
        expect(outcomes.filter((each) => each === "token-used").length).toBe(20 - uses);
        expect(await records.token(hash)).toMatchObject({ uses, used: uses });
        expect((await records.counts(NOW)).principals).toBe(uses);
      });

      it("counts one use for a key that asks twice, and another one when its certificate has ended", async () => {
        const web = certificate("web-1", first.issuer);
        const again = (at: number) => certificate("web-1", first.issuer, { id: web.id, spki: web.spki, issuedAt: at });
        expect(await Promise.all([bought(web), bought(again(NOW + 1))])).toEqual(["recorded", "token-used"]);
        expect((await records.token(hash))?.used).toBe(1);
        expect(await bought(again(web.notAfter - 1))).toBe("token-used");
        expect(await bought(again(web.notAfter))).toBe("recorded");
        expect((await records.token(hash))?.used).toBe(2);
      });

      it("takes no name over, of whoever it is, nor one that was thrown out or let in again", async () => {
        const alice = await admit("web-1");
        const other = () => certificate("web-1", first.issuer, { id: alice.id });
        expect(await bought(other())).toBe("name-taken");
        expect(await bought({ ...other(), spki: alice.spki })).toBe("name-taken");
        const next = { principal: "web-1", generation: 1, id: newId() };
        await records.raiseGeneration(next);
        expect(await bought({ ...other(), ...next })).toBe("name-taken");
        expect((await records.token(hash))?.used).toBe(0);
      });

      it("buys nothing once its time is over", async () => {
        const late = certificate("web-1", first.issuer, { issuedAt: NOW + 2 * DAY_MS });
        expect(await bought(late)).toBe("token-used");
        expect(await records.counts(NOW + 2 * DAY_MS)).toMatchObject({ tokens: 0 });
      });
    });

    it("takes a token back: from then on it buys nothing, though its certificate is under way", async () => {
      const [hash, used] = [randomSecret(32), randomSecret(32)];
      for (const each of [hash, used])
        await records.createToken({ hash: each, principal: "alice", expiresAt: NOW + 9, uses: 1 });
      expect((await records.openTokens({ now: NOW, limit: 9 })).length).toBe(2);
      expect(await records.openTokens({ now: NOW + 9, limit: 9 })).toEqual([]);
      const bought = certificate("alice", first.issuer);
      const boughtBy = (by: Uint8Array) => ({ kind: "token", hash: by, isForNewNames: false }) as const;
      const buy = (made: CertificateRecord, by: Uint8Array) =>
        records.recordCertificate({ certificate: made, condition: boughtBy(by), addresses: [] });
      expect(await buy(bought, used)).toBe("recorded");
      expect(await records.cancelToken(used)).toBe("refused");
      expect(await records.cancelToken(randomSecret(32))).toBe("refused");
      expect(await records.cancelToken(hash, note("cancelled"))).toBe("recorded");
      expect(await records.cancelToken(hash)).toBe("refused");
      expect(await buy(certificate("alice", first.issuer, { id: bought.id }), hash)).toBe("token-used");
      expect(await records.openTokens({ now: NOW, limit: 9 })).toEqual([]);
      expect((await store.audit({ after: 0, limit: 9 })).map(({ kind }) => kind)).toEqual(["cancelled"]);
    });

    it("prunes certificates that ended long ago, but not those that something still needs", async () => {
      const [old, ended] = [NOW - 300 * DAY_MS, NOW - 200 * DAY_MS];
      const moment = { now: NOW, before: NOW - 90 * DAY_MS };
      const past = (principal: string, fields: Partial<CertificateRecord> = {}) =>
        admit(principal, { issuedAt: old, notAfter: ended, ...fields });
      const gone = [await past("plain")];
      const kept = [await past("plain", { id: gone[0]!.id, issuedAt: old + 1 })]; // Whose the name is.
      const revoked = await past("revoked");
      kept.push(revoked, await past("revoked", { id: revoked.id, issuedAt: old + 1 }));
      const target = { kind: "certificate", serial: revoked.serial } as const;
      await records.revoke({ target, principal: "revoked", reason: "keyCompromise", at: NOW });
      const young = await past("young", { notAfter: NOW - 89 * DAY_MS });
      kept.push(young, await admit("young", { id: young.id }));
      // Its life was so long that it could still be renewed.
      const long = await past("long", { issuedAt: NOW - 600 * DAY_MS, notAfter: NOW - 100 * DAY_MS });
      kept.push(long, await admit("long", { id: long.id }));
      // An open token bought it, and that key may ask again.
      const hash = randomSecret(32);
      await records.createToken({ hash, principal: "bought", expiresAt: NOW + DAY_MS, uses: 2 });
      const bought = certificate("bought", first.issuer, { issuedAt: old, notAfter: ended });
      const condition = { kind: "token", hash, isForNewNames: false } as const;
      expect(await records.recordCertificate({ certificate: bought, condition, addresses: [] })).toBe("recorded");
      kept.push(bought, await admit("bought", { id: bought.id }));
      // By it a key that is still good was renewed to another one, whose later certificates are good.
      const signed = await past("signed", { notAfter: NOW + DAY_MS });
      const by = { kind: "renewal", serial: signed.serial, spki: signed.spki } as const;
      const link = certificate("signed", first.issuer, { id: signed.id, issuedAt: old + 1, notAfter: ended });
      expect(await records.recordCertificate({ certificate: link, condition: by, addresses: [] })).toBe("recorded");
      kept.push(signed, link, await admit("signed", { id: signed.id, spki: link.spki }));
      for (let i = 0; i < 3; i++) gone.push(await past("many", { id: gone[1]?.id ?? newId(), issuedAt: old + i }));
      kept.push(await admit("many", { id: gone[1]!.id }));

      const tokens = [NOW - 91 * DAY_MS, 0, NOW - 89 * DAY_MS];
      for (const expiresAt of tokens)
        await records.createToken({ hash: randomSecret(32), principal: "x", expiresAt, uses: 1 });
      expect(await records.countPrunable(moment)).toEqual({ certificates: gone.length, tokens: 2 });
      const noteOf = (count: number) => ({ kind: "pruned", at: NOW, fields: { count } });
      const page = await records.pruneCertificates({ moment, after: PRUNE_START }, noteOf);
      expect(page).toEqual({ count: gone.length, next: undefined });
      expect([await records.pruneTokens(moment, noteOf), await records.pruneTokens(moment, noteOf)]).toEqual([2, 0]);
      for (const { serial } of gone) expect(await records.certificate(serial)).toBeUndefined();
      for (const { serial, principal } of kept) expect(await records.certificate(serial), principal).toBeDefined();
      expect(await records.isKeyRevoked(revoked.spki)).toBe(true);
      expect((await store.audit({ after: 0, limit: 9 })).map(({ fields }) => fields)).toEqual([
        '{"count":4}',
        '{"count":2}',
      ]);
    });

    it("prunes the audit from its beginning, never its newest entry", async () => {
      expect([await store.prunableAudit(NOW), await store.newestAudit("a")]).toEqual([0, undefined]);
      for (const at of [1, 2, 5, 3, 9]) await store.append([{ kind: at < 5 ? "a" : "b", at: NOW + at, fields: {} }]);
      expect(await store.prunableAudit(NOW + 4)).toBe(2); // The fourth is young enough, but the third stays.
      expect(await store.prunableAudit(NOW + 1)).toBe(0);
      expect(await store.prunableAudit(NOW + 100)).toBe(4);
      expect((await store.newestAudit("a"))?.sequence).toBe(4);
      expect([await store.pruneAudit(2, note("cut")), await store.pruneAudit(2)]).toEqual([2, 0]);
      expect((await store.audit({ after: 0, limit: 9 })).map(({ sequence }) => sequence)).toEqual([3, 4, 5, 6]);
      expect((await store.auditHead()).sequence).toBe(6);
    });

    it("gives a free name to one key, and to that key again", async () => {
      const condition = { kind: "free-name" } as const;
      const record = (made: CertificateRecord) =>
        records.recordCertificate({ certificate: made, condition, addresses: [] });
      const alice = certificate("alice", first.issuer);
      expect(await record(alice)).toBe("recorded");
      expect(await record(certificate("alice", first.issuer, { id: alice.id }))).toBe("name-taken");
      expect(await record({ ...alice, serial: newSerial(NOW) })).toBe("recorded");
    });

    it("gives no name that differs from another one in case alone, in a group and afterwards", async () => {
      const names = ["Web-1", "web-1", "WEB-1"];
      const outcomes = await Promise.all(names.map((name) => outcome(certificate(name, first.issuer))));
      expect(outcomes.toSorted()).toEqual(["name-alike", "name-alike", "recorded"]);
      expect(await outcome(certificate("wEB-1", first.issuer))).toBe("name-alike");
      expect(await outcome(certificate("web-10", first.issuer))).toBe("recorded");
    });

    it("fails one of a group without the others", async () => {
      const alice = await admit("alice");
      const orders = [certificate("b", first.issuer), { ...alice }, certificate("c", first.issuer)];
      const settled = await Promise.allSettled(orders.map(outcome));
      expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect((await records.members({ limit: 9 })).map(({ principal }) => principal)).toEqual(["alice", "b", "c"]);
    });

    it("raises a generation only from the one before, and then takes no certificate of the old one", async () => {
      const alice = await admit("alice", {}, ["10.0.0.1:1"]);
      const next = { principal: "alice", generation: 1, id: newId() };
      expect(await records.raiseGeneration({ ...next, generation: 2 })).toBe("refused");
      expect(await records.raiseGeneration(next, note("generation"))).toBe("recorded");
      expect(await records.raiseGeneration(next)).toBe("refused");
      expect(await records.principal("alice")).toMatchObject({ ...next, addresses: [], serial: undefined });
      expect(await outcome(certificate("alice", first.issuer, { id: alice.id }))).toBe("generation-changed");
      expect(await records.certificateOfKey("alice", alice.spki)).toBeUndefined();
      await admit("alice", next);
    });

    it("raises a generation and voids the unused tokens of before, of that principal only", async () => {
      await admit("alice");
      const hashes = { alice: randomSecret(32), bob: randomSecret(32) };
      for (const [principal, hash] of Object.entries(hashes))
        await records.createToken({ hash, principal, expiresAt: NOW + 9, uses: 1 });
      await records.raiseGeneration({ principal: "alice", generation: 1, id: newId() });
      expect((await records.token(hashes.alice))?.expiresAt).toBe(0);
      expect((await records.token(hashes.bob))?.expiresAt).toBe(NOW + 9);
    });

    it("records no renewal by a certificate that was revoked meanwhile, whatever the new key", async () => {
      const alice = await admit("alice");
      const target = { kind: "certificate", serial: alice.serial } as const;
      const condition = { kind: "renewal", serial: alice.serial, spki: alice.spki } as const;
      const renewed = () => {
        const made = certificate("alice", first.issuer, { id: alice.id });
        return records.recordCertificate({ certificate: made, condition, addresses: [] });
      };
      expect(await renewed()).toBe("recorded");
      const [rekeyed, ...others] = await records.keysRenewedBy(alice.spki);
      expect([rekeyed?.length, others]).toEqual([91, []]);
      expect(await records.keysRenewedBy(rekeyed!)).toEqual([]);
      const same = certificate("alice", first.issuer, { id: alice.id, spki: alice.spki });
      expect(await records.recordCertificate({ certificate: same, condition, addresses: [] })).toBe("recorded");
      expect((await records.keysRenewedBy(alice.spki)).length).toBe(1);
      await records.revoke({ target, principal: "alice", reason: "keyCompromise", at: NOW });
      expect(await renewed()).toBe("key-revoked");
    });

    it("revokes a certificate once: its key never again, its principal with another one", async () => {
      const alice = await admit("alice");
      const target = { kind: "certificate", serial: alice.serial } as const;
      const revocation = { target, principal: "alice", reason: "keyCompromise", at: NOW };
      expect(await records.revoke(revocation, note("revoked"))).toBe("recorded");
      expect(await records.revoke(revocation)).toBe("refused");
      expect(await records.revocationOf(alice.serial, newId())).toEqual({ ...revocation, sequence: 1 });
      expect([await records.isKeyRevoked(alice.spki), await records.isKeyRevoked(ROOT)]).toEqual([true, false]);
      expect((await records.certificates({ spki: alice.spki, limit: 9 })).map(({ serial }) => serial)).toEqual([
        alice.serial,
      ]);
      expect(await outcome({ ...alice, serial: newSerial(NOW) })).toBe("key-revoked");
      expect(await outcome(certificate("alice", first.issuer, { id: alice.id }))).toBe("recorded");
    });

    it("revokes a principal: no certificate any more, until an operator raises its generation", async () => {
      const alice = await admit("alice");
      const target = { kind: "principal", id: alice.id } as const;
      expect(await records.revoke({ target, principal: "alice", reason: "unspecified", at: NOW })).toBe("recorded");
      expect(await records.revocationOf("other", alice.id)).toMatchObject({ target });
      expect((await records.principal("alice"))?.status).toBe("revoked");
      expect(await outcome(certificate("alice", first.issuer, { id: alice.id }))).toBe("principal-revoked");
      await records.raiseGeneration({ principal: "alice", generation: 1, id: newId() });
      expect((await records.principal("alice"))?.status).toBe("active");
      expect((await records.revocations({ after: 0, limit: 9 })).length).toBe(1);
    });

    it("numbers lists upwards, never behind the clock, and lets no list miss a revocation", async () => {
      const alice = await admit("alice");
      const turn = await records.listTurn(NOW);
      expect(turn).toEqual({ number: NOW / 1_000, upTo: 0 });
      const list = (of: typeof turn) => ({ kind: "x", ...of, bytes: ROOT, thisUpdate: NOW, nextUpdate: NOW + 1 });
      const target = { kind: "certificate", serial: alice.serial } as const;
      await records.revoke({ target, principal: "alice", reason: "unspecified", at: NOW });
      expect(await records.saveLists(turn, [list(turn)])).toBe("refused");
      const next = await records.listTurn(NOW);
      expect(next.upTo).toBe(1);
      expect(await records.saveLists(next, [list(next)], note("list"))).toBe("recorded");
      expect(await records.saveLists(next, [list(next)])).toBe("refused");
      expect(await records.list("x")).toEqual(list(next));
      expect(await records.list("y")).toBeUndefined();
      const later = await records.listTurn(NOW - DAY_MS);
      expect(later).toEqual({ number: next.number + 1, upTo: 1 });
      expect(await records.listTurn(2 ** 32 * 1_000)).toEqual(later); // A broken clock must not use up 32 bits.
      expect(await records.saveLists(later, [list(later)])).toBe("recorded");
    });

    it("has one active issuer, and records nothing that another one signed", async () => {
      const next = issuer("prepared");
      expect(await records.activateIssuer(next.fingerprint, NOW)).toBe("refused");
      expect(await records.prepareIssuer(next, note("prepared"))).toBe("recorded");
      expect(await records.prepareIssuer(next)).toBe("refused");
      expect(await outcome(certificate("alice", next))).toBe("issuer-inactive");
      expect(await records.activateIssuer(next.fingerprint, NOW + 1, note("activated"))).toBe("recorded");
      const states = (await records.issuers()).map(({ state, activatedAt, retiredAt }) => [
        state,
        activatedAt,
        retiredAt,
      ]);
      expect(states.sort()).toEqual([
        ["active", NOW + 1, undefined],
        ["outgoing", NOW, undefined],
      ]);
      expect(await outcome(certificate("alice", first.issuer))).toBe("issuer-inactive");
      expect(await outcome(certificate("alice", next))).toBe("recorded");
      expect(await records.retireIssuer(next.fingerprint, NOW)).toBe("refused");
      expect(await records.retireIssuer(first.issuer.fingerprint, NOW + 2, note("retired"))).toBe("recorded");
      expect(await records.retireIssuer(first.issuer.fingerprint, NOW + 3)).toBe("refused");
      const retired = (await records.issuers()).find(({ state }) => state === "retired");
      expect(retired).toMatchObject({ fingerprint: first.issuer.fingerprint, retiredAt: NOW + 2 });
    });

    it("chains the audit, in the order of the decisions, without those that failed", async () => {
      await store.append([note("one"), note("two")]);
      const alice = await admit("alice");
      const work = Array.from({ length: 10 }, (_, index) =>
        records.recordCertificate({
          certificate: index === 5 ? { ...alice } : certificate(`m${index}`, first.issuer),
          ...{ condition: NONE, addresses: [], note: note(`m${index}`) },
        }),
      );
      await Promise.allSettled(work);
      const entries = await store.audit({ after: 0, limit: 100 });
      expect(entries.map(({ kind }) => kind)).toEqual(
        ["one", "two", ...Array.from({ length: 10 }, (_, n) => `m${n}`)].filter((kind) => kind !== "m5"),
      );
      for (const [index, entry] of entries.entries()) {
        expect(entry.sequence).toBe(index + 1);
        expect(entry.previous).toBe(entries[index - 1]?.hash ?? "0".repeat(64));
        expect(entry.hash).toBe(auditHash(entry));
      }
      expect(entries.at(-1)?.network).toBe(toHex(first.network.networkId));
      expect(JSON.parse(entries[0]!.fields)).toEqual(note("one").fields);
      const { sequence, hash } = entries.at(-1)!;
      expect(await store.auditHead()).toEqual({ sequence, hash });
      expect((await store.audit({ after: 3, limit: 2 })).map((entry) => entry.sequence)).toEqual([4, 5]);
    });

    it("draws contacts from members that are valid, not revoked, and said where they are", async () => {
      const members = [];
      for (let index = 0; index < 12; index++) {
        const id = memberIdFromBytes(new Uint8Array(32).fill(20 * index)); // Evenly, so that none is found too rarely.
        members.push(await admit(`m${index}`, { id, issuedAt: NOW + index }, [`10.0.0.${index}:1`]));
      }
      await admit("quiet");
      await admit("expired", { notAfter: NOW }, ["10.0.1.1:1"]);
      const [asking, stolen, thrown] = members as [CertificateRecord, CertificateRecord, CertificateRecord];
      const common = { principal: "x", reason: "unspecified", at: NOW };
      await records.revoke({ ...common, target: { kind: "certificate", serial: stolen.serial } });
      await records.revoke({ ...common, target: { kind: "principal", id: thrown.id } });
      const seen = new Set<string>();
      for (let asked = 0; asked < 100; asked++) {
        const contacts = await records.contacts({ except: asking.id, now: NOW + 1, limit: 4 });
        expect(contacts.length).toBeGreaterThanOrEqual(2);
        expect(contacts.length).toBeLessThanOrEqual(4);
        for (const contact of contacts) seen.add(contact.addresses[0]!);
        expect(contacts[0]).toMatchObject({ issuer: first.issuer.certificate });
      }
      expect([...seen].sort()).toEqual(
        members
          .slice(3)
          .map((_, index) => `10.0.0.${index + 3}:1`)
          .sort(),
      );
    });

    it("takes reports, the newest instead of the one before", async () => {
      const alice = await admit("alice");
      await heard(alice, NOW, { addresses: ["a:1"] });
      await heard(alice, NOW + 1);
      await heard(alice, NOW + 2);
      expect(await records.principal("alice")).toMatchObject({ addresses: ["b:2"], reportedAt: NOW + 1 });
      await heard(alice, NOW + 5_000);
      expect(await records.principal("alice")).toMatchObject({ reportedAt: NOW + 5_000, leftAt: undefined });
    });

    it("takes goodbyes, also within a second of a report, and a return", async () => {
      const alice = await admit("alice");
      await heard(alice, NOW);
      await heard(alice, NOW + 1, { leaving: true });
      expect(await records.principal("alice")).toMatchObject({ reportedAt: NOW + 1, leftAt: NOW + 1 });
      await heard(alice, NOW + 2);
      expect(await records.principal("alice")).toMatchObject({ reportedAt: NOW + 2, leftAt: undefined });
    });

    const at = (index: number) => `10.0.0.${index}:1`;
    /** Members m0, m1 ... with ids spread evenly, heard of once or twice in a time of which the next report is due. */
    const crowd = async (from: number, count: number, times: 1 | 2, now: number) => {
      const members = [];
      for (let index = from; index < from + count; index++) {
        const id = memberIdFromBytes(Uint8Array.from({ length: 32 }, () => (index * 41) % 256));
        const member = await admit(`m${index}`, { id });
        if (times === 2) await heard(member, now - 5_000, { addresses: [at(index)] });
        await heard(member, now, { addresses: [at(index)] });
        members.push(member);
      }
      return members;
    };
    const named = async (now: number, limit: number, except: MemberId = newId()) =>
      (await records.contacts({ except, now, limit })).map(({ addresses }) => addresses[0]!);

    it("names nobody who said goodbye, and who is overdue only while few others are there", async () => {
      const [first, second, third, ...gone] = await crowd(0, 20, 1, NOW);
      for (const member of gone) await heard(member, NOW + 1_000, { leaving: true });
      expect((await named(NOW + 2_000, 10)).sort()).toEqual([at(0), at(1), at(2)]);
      // Two of them are overdue: both stand last.
      for (const member of [first!, second!]) await heard(member, NOW + 4_000, { addresses: ["b:2"], dueMs: 1_000 });
      await heard(third!, NOW + 4_000, { addresses: ["c:3"], dueMs: 60_000 });
      expect(await named(NOW + 9_000, 10)).toEqual(["c:3", "b:2", "b:2"]);
      expect(await named(NOW + 9_000, 10, third!.id)).toEqual(["b:2", "b:2"]);
      expect((await named(NOW + 3_600_000, 10)).length).toBe(3);
    });

    it("names those that have been there for a while by turns with the last to come: these may have crashed", async () => {
      await crowd(0, 3, 2, NOW);
      await crowd(3, 60, 1, NOW + 1_000);
      for (let asked = 0; asked < 20; asked++) {
        const contacts = await named(NOW + 2_000, 10);
        expect(contacts.length).toBe(10);
        expect([0, 2, 4].map((place) => contacts[place]).sort()).toEqual([at(0), at(1), at(2)]);
      }
    });

    it("does not name only those who report most often", async () => {
      await crowd(0, 6, 2, NOW);
      const loud = await crowd(6, 60, 2, NOW);
      for (const [index, member] of loud.entries())
        await heard(member, NOW + 5_000, { addresses: [at(6 + index)], dueMs: 1_800_000 });
      const quiet = new Set<string>();
      for (let asked = 0; asked < 100; asked++) {
        for (const address of await named(NOW + 5_000 + asked * 100, 4)) if (loudness(address) < 6) quiet.add(address);
      }
      expect(quiet.size).toBeGreaterThan(0);
    });
    const loudness = (address: string) => Number(/^10\.0\.0\.(\d+):/.exec(address)?.[1]);
  });
}
