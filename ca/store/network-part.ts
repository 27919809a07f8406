/** One network's part of a store: each method one look or one transaction. */
import type { MemberId } from "../../rings/index.js";
import * as certificates from "./certificates.js";
import { ContactChoice } from "./contact-choice.js";
import { type Session, texts } from "./database/sql.js";
import * as issuers from "./issuers.js";
import * as principals from "./principals.js";
import * as prune from "./prune.js";
import { Reported } from "./reported.js";
import * as reports from "./reports.js";
import * as revocations from "./revocations.js";
import type {
  AuditNote,
  CertificateQuery,
  IssuerRecord,
  ListRecord,
  ListTurn,
  MemberReport,
  NetworkStore,
  NewCertificate,
  NewRevocation,
  Page,
  PrincipalRecord,
  PruneCursor,
  PruneMoment,
  TokenRecord,
} from "./store.js";
import * as tokens from "./tokens.js";
import type { Writer } from "./writer.js";

export function networkPart(read: Session, writer: Writer, networkId: Uint8Array): NetworkStore {
  const contacts = new ContactChoice(read, writer, networkId);
  const reported = new Reported();
  return {
    urls: async () => texts((await read.one("SELECT urls FROM networks WHERE network_id = ?", networkId))?.urls),
    saveUrls: async (urls: readonly string[]) => {
      const sql = "UPDATE networks SET urls = ? WHERE network_id = ?";
      await writer.write((tx) => tx.run(sql, JSON.stringify(urls), networkId));
    },

    saveServed: async (now: number) => {
      await writer.write(async (tx) => reports.saveServed(tx, networkId, now));
    },
    served: () => reports.servedAt(read, networkId),

    issuers: () => issuers.issuersOf(read, networkId),
    prepareIssuer: (issuer: IssuerRecord, note?: AuditNote) =>
      writer.write((tx) => issuers.prepareIssuer(tx, networkId, issuer, note)),
    activateIssuer: (fingerprint: string, at: number, note?: AuditNote) =>
      writer.write((tx) => issuers.activateIssuer(tx, networkId, { fingerprint, at, note })),
    retireIssuer: (fingerprint: string, at: number, note?: AuditNote) =>
      writer.write((tx) => issuers.retireIssuer(tx, networkId, { fingerprint, at, note })),

    principal: (name: string) => principals.memberNamed(read, networkId, name),
    principalOfId: (id: MemberId) => principals.memberWithId(read, networkId, id),
    members: (page: Page) => principals.membersAfter(read, networkId, page),
    raiseGeneration: (next: PrincipalRecord, note?: AuditNote) =>
      writer.write((tx) => principals.raiseGeneration(tx, networkId, next, note)),

    declareGone: (principal: string, at: number, note?: AuditNote) =>
      writer.write((tx) => principals.declareGone(tx, networkId, { principal, at, note })),

    certificate: (serial: string) => certificates.certificateOfSerial(read, networkId, serial),
    certificateOfKey: (principal: string, spki: Uint8Array) =>
      certificates.certificateOfKey(read, networkId, principal, spki),
    certificates: (query: CertificateQuery) => certificates.certificatesAfter(read, networkId, query),
    keysRenewedBy: (spki: Uint8Array) => certificates.keysRenewedBy(read, networkId, spki),
    issuedSince: (id: MemberId, since: number) => certificates.countIssuedSince(read, id, since),
    recordCertificate: async (order: NewCertificate) => {
      const outcome = await writer.decide(certificates.certificateDecision(networkId, order));
      if (outcome === "recorded") reported.set(order);
      return outcome;
    },
    createToken: (token: Omit<TokenRecord, "used">, note?: AuditNote) =>
      writer.write(async (tx) => certificates.createToken(tx, networkId, token, note)),
    token: (hash: Uint8Array) => certificates.tokenOfHash(read, networkId, hash),
    openTokens: (query: { readonly now: number; readonly limit: number }) => tokens.openTokens(read, networkId, query),
    cancelToken: (hash: Uint8Array, note?: AuditNote) =>
      writer.write((tx) => tokens.cancelToken(tx, networkId, hash, note)),
    certificateOfToken: (hash: Uint8Array, principal: string, spki: Uint8Array) =>
      certificates.certificateOfToken(read, networkId, { hash, principal, spki }),

    countPrunable: (moment: PruneMoment) => prune.countPrunable(read, networkId, moment),
    pruneCertificates: (
      page: { readonly moment: PruneMoment; readonly after: PruneCursor },
      noteOf: (count: number) => AuditNote,
    ) => writer.write((tx) => prune.pruneCertificates(tx, networkId, page, noteOf)),
    pruneTokens: (moment: PruneMoment, noteOf: (count: number) => AuditNote) =>
      writer.write((tx) => prune.pruneTokens(tx, networkId, moment, noteOf)),

    revoke: (revocation: NewRevocation, note?: AuditNote) =>
      writer.write((tx) => revocations.revoke(tx, networkId, revocation, note)),
    revocations: (query: { readonly after: number; readonly limit: number }) =>
      revocations.revocationsAfter(read, networkId, query),
    revocationOf: (serial: string, id: MemberId) => revocations.revocationOf(read, networkId, serial, id),
    isKeyRevoked: (spki: Uint8Array) => revocations.isKeyRevoked(read, networkId, spki),
    listTurn: (now: number) => revocations.listTurn(read, networkId, now),
    saveLists: (turn: ListTurn, lists: readonly ListRecord[], note?: AuditNote) =>
      writer.write((tx) => revocations.saveLists(tx, networkId, { turn, lists, note })),
    list: (kind: string) => revocations.listOf(read, networkId, kind),

    report: async (report: MemberReport) => {
      if (reported.take(report) || (await reports.isReported(read, report))) return;
      await writer.write(async (tx) => reports.saveReport(tx, networkId, report));
    },
    contacts: (query: { except: MemberId; now: number; limit: number }) => contacts.draw(query),
    counts: (now: number) => principals.countsAt(read, networkId, now),
  };
}
