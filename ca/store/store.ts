/**
 * What the authority remembers, as a port: one store for the authority, in it one part for each network. Every method
 * that changes something is one transaction, synced before it resolves: the authority reveals nothing that is not
 * recorded. Rejections mean that nothing was recorded. A note for the audit is appended in the same transaction as the
 * decision that it tells; where a decision is refused, its note is not kept either.
 */
import type { MemberId } from "../../rings/index.js";

/** One row for the whole authority. */
export interface AuthorityRecord {
  /** Trusted root, DER; all networks have it in common. */
  readonly root: Uint8Array;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Rises by one with every restore of a backup that was not the newest state. */
  readonly epoch: number;
}

export interface NetworkRecord {
  /** 32 bytes. */
  readonly networkId: Uint8Array;
  /** The operator's name for it, unlike that of any other network here. */
  readonly name: string;
  readonly ringCount: number;
  readonly deltaMs: number;
  /** Key of the HMAC that makes member ids, 32 bytes. */
  readonly idSecret: Uint8Array;
  /** Unix milliseconds. */
  readonly createdAt: number;
}

/**
 * prepared: not yet in use; active: the one that signs members; outgoing: signs no more, what it signed stays good;
 * retired: no longer trusted, and so on the revocation list.
 */
export type IssuerState = "prepared" | "active" | "outgoing" | "retired";

/** An intermediate certificate of a network. */
export interface IssuerRecord {
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly fingerprint: string;
  /** DER. */
  readonly certificate: Uint8Array;
  readonly state: IssuerState;
  /** Where its key is: the name of a file, or what an external signer calls it. Opaque here. */
  readonly keyReference: string;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly preparedAt: number;
  readonly activatedAt: number | undefined;
  readonly retiredAt: number | undefined;
}

/** A name that was admitted. The generation rises only by an operator's act; with it the id changes. */
export interface PrincipalRecord {
  readonly principal: string;
  readonly generation: number;
  readonly id: MemberId;
}

export type PrincipalStatus = "active" | "revoked";

/** A principal as lists show it. */
export interface MemberRecord extends PrincipalRecord {
  readonly status: PrincipalStatus;
  readonly createdAt: number;
  /** Of its newest certificate. */
  readonly serial: string | undefined;
  readonly notAfter: number | undefined;
  /** Where it last said that it is reached, and when. */
  readonly addresses: readonly string[];
  readonly reportedAt: number | undefined;
  /** When it said goodbye; undefined while it has not, since it was last heard of. */
  readonly leftAt: number | undefined;
  /** How it got its newest certificate, and the SHA-256 of the issuing certificate, 64 hex digits. */
  readonly how: HowIssued | undefined;
  readonly issuer: string | undefined;
  /** When it last reported or got a certificate, unix milliseconds; 0 for never. */
  readonly heardAt: number;
  /** When the operator said that it does not come back; undefined when it was heard of since. */
  readonly goneAt: number | undefined;
}

export type HowIssued = "token" | "jwt" | "open" | "renewal" | "offline";

export interface CertificateRecord extends PrincipalRecord {
  /** Hexadecimal. */
  readonly serial: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly leaf: Uint8Array;
  /** DER of the certificate that signed it: one of this network's issuers. */
  readonly issuer: Uint8Array;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuedAt: number;
  readonly how: HowIssued;
}

export interface TokenRecord {
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array;
  /** The name that it admits, or a pattern of names. */
  readonly principal: string;
  /** Unix milliseconds; 0 when it was taken back. */
  readonly expiresAt: number;
  /** Certificates that it may buy, and those that it bought. */
  readonly uses: number;
  readonly used: number;
}

/** A token that still admits somebody. */
export interface OpenToken extends TokenRecord {
  /** Its hash, 64 hex digits. */
  readonly digits: string;
}

/** A member says that it is there, or goodbye. */
export interface MemberReport {
  readonly id: MemberId;
  readonly addresses: readonly string[];
  /** When it was heard, unix milliseconds. */
  readonly at: number;
  /** When its next report is overdue, unix milliseconds. */
  readonly dueAt: number;
  /** This is its last one, for now. */
  readonly leaving: boolean;
}

export interface ContactRecord {
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
  readonly addresses: readonly string[];
}

/** A certificate (a stolen key; its principal may enrol again with another one), or an id for good (a principal thrown out). */
export type RevocationTarget =
  | { readonly kind: "certificate"; readonly serial: string }
  | { readonly kind: "principal"; readonly id: MemberId };

export interface NewRevocation {
  readonly target: RevocationTarget;
  readonly principal: string;
  /** A word of RFC 5280, 5.3.1, as "keyCompromise". */
  readonly reason: string;
  /** Unix milliseconds. */
  readonly at: number;
}

export interface RevocationRecord extends NewRevocation {
  /** 1, 2, 3 ... within the network, without a gap. */
  readonly sequence: number;
}

/** What the next published list must be made of. */
export interface ListTurn {
  /** Higher than that of every list published so far. */
  readonly number: number;
  /** Sequence number of the last revocation that it has to contain; 0 for none. */
  readonly upTo: number;
}

/** A signed list as it was published; the newest of each kind is kept. */
export interface ListRecord {
  /** What it is, and of which issuer: the publisher's own word. */
  readonly kind: string;
  readonly number: number;
  readonly upTo: number;
  /** The signed bytes. */
  readonly bytes: Uint8Array;
  /** Unix milliseconds. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/** What the audit is to say. No secrets. */
export interface AuditNote {
  /** A short word: "issued", "refused". */
  readonly kind: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/** One line of the audit; `hash` covers everything before it. */
export interface AuditEntry {
  /** 1, 2, 3 ... without a gap. */
  readonly sequence: number;
  readonly at: number;
  /** Network id, hexadecimal; empty when it concerns the whole authority. */
  readonly network: string;
  readonly kind: string;
  /** JSON of the note's fields, as it was hashed. */
  readonly fields: string;
  /** Hash of the entry before, 64 hex digits; zeros for the first. */
  readonly previous: string;
  readonly hash: string;
}

/** The newest entry: a state that lacks it is an older one. Sequence 0 with zeros when there is none. */
export type AuditHead = Pick<AuditEntry, "sequence" | "hash">;

/** Under which condition a certificate is recorded; it is checked in the transaction that records. */
export type Condition =
  /** It has uses left, and its time is not over. */
  | {
      readonly kind: "token";
      readonly hash: Uint8Array;
      /** The name is new, or is held by this key by this token: so a fleet's token takes over no other member's name. */
      readonly isForNewNames: boolean;
    }
  /**
   * Nobody has enrolled by this hash yet, but this key; and the name is new, or its holder came from the same source. Then
   * the hash is recorded like that of a token that is used up.
   */
  | {
      readonly kind: "jwt";
      readonly hash: Uint8Array;
      /** Issuer of the JWT. */
      readonly source: string;
      /** Unix milliseconds. */
      readonly keptUntil: number;
    }
  /** No other key has the name. */
  | { readonly kind: "free-name" }
  /** No certificate for the key of this one, which the caller proved, is revoked. */
  | {
      readonly kind: "renewal";
      readonly serial: string;
      /** Its key, SubjectPublicKeyInfo, DER: it is remembered where the new certificate is for another one. */
      readonly spki: Uint8Array;
    }
  | { readonly kind: "none" };

/** "refused": the condition no longer held, because another call was first. */
export type Recorded = "recorded" | "refused";

/** Everything but "recorded" means that nothing was recorded, and why. */
export type CertificateOutcome =
  | "recorded"
  /** Or past its end, or not there, or this very key has bought by it. */
  | "token-used"
  | "name-taken"
  /** Another member's differs from it in case alone. */
  | "name-alike"
  /** The principal is revoked, or its generation is another one by now. */
  | "principal-revoked"
  | "generation-changed"
  /** A certificate for this very key is revoked. */
  | "key-revoked"
  /** Another issuer is active by now: sign again with that one. */
  | "issuer-inactive";

export interface NewCertificate {
  readonly certificate: CertificateRecord;
  readonly condition: Condition;
  /** Reported in the same transaction, when there are any. */
  readonly addresses: readonly string[];
  readonly note?: AuditNote | undefined;
}

export interface Page {
  readonly limit: number;
  /** The last one of the page before: a principal's name or a serial. */
  readonly after?: string | undefined;
}

export interface CertificateQuery extends Page {
  readonly principal?: string | undefined;
  readonly id?: MemberId | undefined;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki?: Uint8Array | undefined;
  /** Only those that end later than this, unix milliseconds. */
  readonly validAt?: number | undefined;
}

/** For metrics. */
export interface Counts {
  readonly principals: number;
  readonly certificates: number;
  /** Not past their end at the time asked for; revoked ones count. */
  readonly validCertificates: number;
  /** With uses left, and not expired. */
  readonly tokens: number;
  readonly revocations: number;
}

/** What is old enough to go, unix milliseconds. */
export interface PruneMoment {
  readonly now: number;
  /** What ended before this. */
  readonly before: number;
}

/** How far certificates were looked at: by their end, then by serial. */
export interface PruneCursor {
  readonly notAfter: number;
  readonly serial: string;
}

export interface Prunable {
  readonly certificates: number;
  readonly tokens: number;
}

/** Since when somebody serves a network without a pause, and until when that is known: unix milliseconds, 0 for never. */
export interface Served {
  readonly since: number;
  readonly at: number;
}

/** One network's part. */
export interface NetworkStore {
  /** Where this network's authority was last reached, for tokens. */
  urls(): Promise<readonly string[]>;
  saveUrls(urls: readonly string[]): Promise<void>;

  /** Called every minute by the process that serves this network. After a pause it begins anew. */
  saveServed(now: number): Promise<void>;
  served(): Promise<Served>;

  /** All of them, the oldest first. */
  issuers(): Promise<readonly IssuerRecord[]>;
  /** "refused" when it is there already. The state is "prepared". */
  prepareIssuer(issuer: IssuerRecord, note?: AuditNote): Promise<Recorded>;
  /** From prepared to active; the active one so far is outgoing. "refused" when it is not prepared. */
  activateIssuer(fingerprint: string, at: number, note?: AuditNote): Promise<Recorded>;
  /** From prepared or outgoing to retired. "refused" in any other state. */
  retireIssuer(fingerprint: string, at: number, note?: AuditNote): Promise<Recorded>;

  principal(name: string): Promise<MemberRecord | undefined>;
  /** By the id of today's generation. */
  principalOfId(id: MemberId): Promise<MemberRecord | undefined>;
  /** By name. */
  members(page: Page): Promise<readonly MemberRecord[]>;
  /** The operator's act: the principal gets the next generation, with this id, and is active. "refused": not of that generation. */
  raiseGeneration(next: PrincipalRecord, note?: AuditNote): Promise<Recorded>;

  /** The operator's word that this principal does not come back with what it holds. "refused": there is none. */
  declareGone(principal: string, at: number, note?: AuditNote): Promise<Recorded>;

  certificate(serial: string): Promise<CertificateRecord | undefined>;
  /** The newest certificate of this name for this key, of the principal's generation of today. */
  certificateOfKey(principal: string, spki: Uint8Array): Promise<CertificateRecord | undefined>;
  /** By serial, which is by time. */
  certificates(query: CertificateQuery): Promise<readonly CertificateRecord[]>;
  /** Keys (SubjectPublicKeyInfo, DER) that this one got certificates for, by a renewal that it proved; not those further on. */
  keysRenewedBy(spki: Uint8Array): Promise<readonly Uint8Array[]>;
  /** How many certificates of this id were issued at or after `since`. */
  issuedSince(id: MemberId, since: number): Promise<number>;
  /** Adds the principal when it is new. */
  recordCertificate(order: NewCertificate): Promise<CertificateOutcome>;

  createToken(token: Omit<TokenRecord, "used">, note?: AuditNote): Promise<void>;
  token(hash: Uint8Array): Promise<TokenRecord | undefined>;
  /** The newest certificate of this name that the token bought for this key. */
  certificateOfToken(hash: Uint8Array, principal: string, spki: Uint8Array): Promise<CertificateRecord | undefined>;
  /** Those that still admit somebody at `now` (unix milliseconds), the next to end first. */
  openTokens(query: { readonly now: number; readonly limit: number }): Promise<readonly OpenToken[]>;
  /** Takes a token back. "refused" when it has no use left, or was taken back, before. */
  cancelToken(hash: Uint8Array, note?: AuditNote): Promise<Recorded>;

  /** What may go (prune.ts says what stays). */
  countPrunable(moment: PruneMoment): Promise<Prunable>;
  /** One page of certificates, with a note when some went. `next` is undefined after the last page. */
  pruneCertificates(
    page: { readonly moment: PruneMoment; readonly after: PruneCursor },
    noteOf: (count: number) => AuditNote,
  ): Promise<{ readonly count: number; readonly next: PruneCursor | undefined }>;
  /** One page of tokens, with a note when some went; 0 when none is left. */
  pruneTokens(moment: PruneMoment, noteOf: (count: number) => AuditNote): Promise<number>;

  /** "refused" when this target is revoked already. A revoked id makes its principal revoked, too. */
  revoke(revocation: NewRevocation, note?: AuditNote): Promise<Recorded>;
  /** After the sequence number `after` (0 for all), in order. */
  revocations(query: { readonly after: number; readonly limit: number }): Promise<readonly RevocationRecord[]>;
  /** Why a certificate is no longer good: its own revocation, or that of its id. */
  revocationOf(serial: string, id: MemberId): Promise<RevocationRecord | undefined>;
  /** Whether any certificate for this key (SubjectPublicKeyInfo, DER) is revoked. */
  isKeyRevoked(spki: Uint8Array): Promise<boolean>;
  /** What the next list must contain. `now` in unix milliseconds: numbers never fall behind the clock's seconds. */
  listTurn(now: number): Promise<ListTurn>;
  /** All lists of one turn. "refused": another one published, or a revocation was recorded since the turn was asked for. */
  saveLists(turn: ListTurn, lists: readonly ListRecord[], note?: AuditNote): Promise<Recorded>;
  list(kind: string): Promise<ListRecord | undefined>;

  /** Costs nothing when the same was reported within a second. */
  report(report: MemberReport): Promise<void>;
  /**
   * At most `limit` members other than `except`, with addresses and an unexpired certificate, none of them revoked or gone,
   * in the order in which to try them. Those whose next report is not overdue: at random of those that have reported more
   * than once, and by turns of the last to report. Of liars that report every second there may be enough to be all the last
   * ones, and of newcomers that crashed too. Overdue ones only while there are not three others.
   */
  contacts(query: { except: MemberId; now: number; limit: number }): Promise<ContactRecord[]>;
  counts(now: number): Promise<Counts>;
}

export interface Store {
  readonly kind: "sqlite" | "postgres";
  /** Undefined as long as the state was not created. */
  authority(): Promise<AuthorityRecord | undefined>;
  /** With its first network. "refused" when there is one. */
  createAuthority(authority: AuthorityRecord, first: NewNetwork, note?: AuditNote): Promise<Recorded>;
  /** The oldest first. */
  networks(): Promise<readonly NetworkRecord[]>;
  /** "refused" when the name or the id is taken. */
  createNetwork(network: NewNetwork, note?: AuditNote): Promise<Recorded>;
  network(networkId: Uint8Array): NetworkStore;
  /** Notes of decisions that record nothing else, as refusals. */
  append(notes: readonly AuditNote[], networkId?: Uint8Array): Promise<void>;
  auditHead(): Promise<AuditHead>;
  /** After the sequence number `after` (0 for all), in order. */
  audit(query: { readonly after: number; readonly limit: number }): Promise<readonly AuditEntry[]>;
  /** The newest entry of this kind. */
  newestAudit(kind: string): Promise<AuditEntry | undefined>;
  /** Number of the last entry that only older ones than `before` (unix milliseconds) come before; 0 for none. */
  prunableAudit(before: number): Promise<number>;
  /** Takes away a page of entries up to this number, the oldest first; 0 when none is left. */
  pruneAudit(upTo: number, note?: AuditNote): Promise<number>;
  /** Told of the audit's end after every commit of this process that moved it; awaited before an operator's act is answered. */
  watch(watcher: (head: AuditHead, isWeighty: boolean) => Promise<void>): void;
  /** Everything there is, as it was at one moment: for a backup. Values are texts, numbers, and base64 of bytes. */
  dump(): AsyncGenerator<DumpedRow>;
  /** Into an empty store, in one transaction, with the fence on top. "refused" when the store is not empty. */
  load(rows: AsyncIterable<DumpedRow>, fence: Fence): Promise<Recorded>;
  /** For readiness: rejects when nothing can be read. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface DumpedRow {
  readonly table: string;
  readonly values: readonly (string | number | null)[];
}

/** What a restored state gets on top of what it was, so that nothing is given out twice. */
export interface Fence {
  /** Unused tokens may have been used since: from now on they are expired. */
  readonly at: number;
  readonly epoch: number;
  readonly revocations: readonly { readonly networkId: Uint8Array; readonly revocation: NewRevocation }[];
  /** Numbers of published lists: the next ones are higher. */
  readonly lists: readonly { readonly networkId: Uint8Array; readonly number: number }[];
  readonly note: AuditNote;
}

/** A network with the issuer that is active from the start. */
export interface NewNetwork {
  readonly network: NetworkRecord;
  readonly issuer: IssuerRecord;
}
