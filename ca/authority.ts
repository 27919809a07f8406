/** The certificate authority: admits members, renews them, and knows where they were last. Over HTTPS by `serveAuthority`. */
import { join } from "node:path";
import {
  FirefliesError,
  fingerprintOf,
  generateKeyPair,
  type Identity,
  issueServer,
  type KeyPair,
  type MemberCertificate,
  type NetworkConstants,
  openRequest,
  serialToHex,
  verifyMemberCertificate,
} from "../identity/index.js";
import { equalBytes, type MemberId } from "../rings/index.js";
import { holderNamed, issue, issueAnyway } from "./issuance.js";
import { type Lock, takeLock } from "./lock.js";
import { type AuthorityOptions, type Decision, invalid, type Settings, settingsOf } from "./options.js";
import { areAddresses, drawContacts, isFresh, isPrincipal, validityAt } from "./policy.js";
import { type AuthorityState, createDirectory, openState } from "./state.js";
import type { CertificateRecord, Condition, ContactRecord, HowIssued, PrincipalRecord, Store } from "./store.js";
import { issueToken, tokenHash } from "./token.js";

const LOCK_FILE = "ca.lock";
/** Contacts are drawn from this many times as many members, so that newcomers do not all ask the same ones. */
const CONTACT_CHOICE = 4;
/** Certificates one member may get in a day, or in a lifetime if that is shorter: renewals with ever new keys must not fill the disk. */
const ISSUED_MAX = 20;
const DAY_MS = 86_400_000;

/** How a member proves that it may enrol. */
export type Admission =
  | { readonly kind: "token"; readonly secret: Uint8Array }
  | { readonly kind: "open"; readonly principal: string };

export interface EnrollInput {
  readonly admission: Admission;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  readonly addresses: readonly string[];
}

/** A certificate with what a member needs beside it. */
export interface Issued {
  readonly id: MemberId;
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
  readonly root: Uint8Array;
  readonly contacts: readonly ContactRecord[];
}

export interface OfflineInput {
  readonly principal: string;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  /** Milliseconds; that of the options when left out. */
  readonly lifetimeMs?: number;
}

/** Who proved to hold a key, and where it says it is reached. */
interface Applicant {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly addresses: readonly string[];
}

export class CertificateAuthority {
  readonly #state: AuthorityState;
  readonly #settings: Settings;
  readonly #lock: Lock | undefined;

  private constructor(state: AuthorityState, settings: Settings, lock: Lock | undefined) {
    this.#state = state;
    this.#settings = settings;
    this.#lock = lock;
  }

  /**
   * Opens the authority of a directory, creating it on the first run. One at a time: rejects with "ca-state-locked"
   * when another one has it; also with "ca-state-corrupt", "ca-state-mismatch", "ca-state-unreadable",
   * "key-file-permissions" or "ca-options-invalid".
   */
  static async open(options: AuthorityOptions): Promise<CertificateAuthority> {
    const settings = settingsOf(options);
    await createDirectory(settings.directory);
    const lock = takeLock(join(settings.directory, LOCK_FILE));
    try {
      return new CertificateAuthority(await openState(settings, true), settings, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** As `open`, beside a running one, for tokens and offline certificates. Rejects with "ca-state-missing" instead of creating. */
  static async attach(options: AuthorityOptions): Promise<CertificateAuthority> {
    const settings = settingsOf(options);
    return new CertificateAuthority(await openState(settings, false), settings, undefined);
  }

  get network(): NetworkConstants {
    const { networkId, ringCount, deltaMs } = this.#state.network;
    return { networkId, ringCount, deltaMs };
  }

  /** The root certificate, DER. */
  get root(): Uint8Array {
    return this.#state.network.root;
  }

  /** The certificate that signs members, DER. */
  get issuer(): Uint8Array {
    return this.#state.network.issuer;
  }

  /** SHA-256 of the root certificate, 64 hex digits: what members pin. */
  get fingerprint(): string {
    return fingerprintOf(this.root);
  }

  get isOpen(): boolean {
    return this.#settings.open;
  }

  /** Wall clock, unix milliseconds. */
  now(): number {
    return this.#settings.now();
  }

  /** Passes on what happened to `onDecision`. */
  tell(decision: Decision): void {
    this.#settings.onDecision(decision);
  }

  /** Remembers where this authority is reached, for tokens. */
  async saveUrls(urls: readonly string[]): Promise<void> {
    await this.#store.saveUrls(urls);
  }

  /**
   * A token, valid once, for one key, until it expires, that admits whoever brings it as `principal`. `urls` are those
   * under which the authority last listened unless given. Rejects with "principal-invalid" or "ca-options-invalid".
   */
  async createToken(
    principal: string,
    options: { readonly lifetimeMs?: number; readonly urls?: readonly string[] } = {},
  ): Promise<string> {
    requirePrincipal(principal);
    const urls = options.urls ?? (await this.#store.urls());
    if (urls.length === 0) {
      throw invalid("This authority never listened: say in `urls` where members will reach it.");
    }
    const now = this.now();
    const expiresAt = now + (options.lifetimeMs ?? this.#settings.tokenLifetimeMs);
    const token = await issueToken(this.#store, { urls, fingerprint: this.fingerprint, principal, expiresAt });
    this.tell({ kind: "token-created", principal, at: now });
    return token;
  }

  /**
   * Admits a member. The same token (or, in an open network, the same name) with the same key gets the same
   * certificate again. Rejects with one of the codes of the table under "What the authority refuses".
   */
  async enroll({ admission, request, addresses }: EnrollInput): Promise<Issued> {
    requireAddresses(addresses);
    const applicant = { spki: requestedKey(request), addresses };
    const record =
      admission.kind === "token"
        ? await this.#enrollByToken(tokenHash(admission.secret), applicant)
        : await this.#enrollByName(admission.principal, applicant);
    return this.#answer(record, addresses);
  }

  /**
   * The next certificate of a member: the same id, for the key of `request`. `current` was proven in TLS. Asked twice
   * for one key, also after a lost answer, it gives the same certificate. Rejects with "unauthenticated" or as `enroll`.
   */
  async renew(current: MemberCertificate, request: Uint8Array, addresses: readonly string[]): Promise<Issued> {
    requireAddresses(addresses);
    const spki = requestedKey(request);
    const holder = await this.#holderOf(current);
    const earlier = await this.#store.certificateOfKey(holder.principal, spki);
    if (earlier !== undefined && isFresh(earlier, this.now())) return this.#answer(earlier, addresses);
    await this.#requireBudget(holder.id);
    return this.#answer(await this.#issue(holder, { spki, addresses }, "renewal"), addresses);
  }

  /** Takes a member's addresses, and answers with contacts. */
  async report(current: MemberCertificate, addresses: readonly string[]): Promise<readonly ContactRecord[]> {
    requireAddresses(addresses);
    const { id } = await this.#holderOf(current);
    await this.#store.report(id, addresses, this.now());
    return this.#contacts(id);
  }

  /** A member's certificate without its coming here: `fireflies ca sign`. Recorded like any other. */
  async signOffline({ principal, request, lifetimeMs }: OfflineInput): Promise<Issued> {
    requirePrincipal(principal);
    const spki = requestedKey(request);
    const holder = await holderNamed(this.#state, principal);
    const record = await this.#issue(holder, { spki, addresses: [] }, "offline", lifetimeMs);
    return this.#answer(record, []);
  }

  /** As `signOffline`, with a new key: everything a member needs to start from files. */
  async createIdentity(input: { readonly principal: string; readonly lifetimeMs?: number }): Promise<Identity> {
    requirePrincipal(input.principal);
    const pair = generateKeyPair();
    const holder = await holderNamed(this.#state, input.principal);
    const record = await this.#issue(holder, { spki: pair.spki, addresses: [] }, "offline", input.lifetimeMs);
    const { root } = this;
    const verdict = verifyMemberCertificate(record, { root, now: this.now() });
    if (!verdict.ok) throw new FirefliesError("certificate-invalid", `Issued a certificate that is ${verdict.reason}.`);
    return { certificate: verdict.certificate, privateKey: pair.privateKey, root };
  }

  /** A TLS certificate for the authority's own server, for a new key. */
  async createServerCertificate(lifetimeMs: number): Promise<{ readonly pair: KeyPair; readonly leaf: Uint8Array }> {
    const pair = generateKeyPair();
    const issuer = { certificate: this.issuer, sign: this.#state.sign };
    const leaf = await issueServer({ spki: pair.spki, issuer, validity: validityAt(this.now(), lifetimeMs) });
    return { pair, leaf };
  }

  async close(): Promise<void> {
    await this.#store.close();
    this.#lock?.release();
  }

  get #store(): Store {
    return this.#state.store;
  }

  async #enrollByToken(hash: Uint8Array, applicant: Applicant): Promise<CertificateRecord> {
    const token = await this.#store.token(hash);
    if (token === undefined) throw new FirefliesError("token-invalid");
    if (token.serial !== undefined) return this.#boughtBefore(token.serial, applicant.spki);
    if (token.expiresAt <= this.now()) throw new FirefliesError("token-expired");
    const record = await this.#admit(token.principal, applicant, "token", { kind: "token", hash });
    if (record !== undefined) return record;
    const burnt = await this.#store.token(hash); // Another call was faster.
    return this.#boughtBefore(burnt?.serial ?? "", applicant.spki);
  }

  /** Of a used token: its certificate, for the key that it was issued to. */
  async #boughtBefore(serial: string, spki: Uint8Array): Promise<CertificateRecord> {
    const record = await this.#store.certificate(serial);
    if (record === undefined || !equalBytes(record.spki, spki)) throw new FirefliesError("token-used");
    if (record.notAfter <= this.now()) throw new FirefliesError("token-expired");
    return record;
  }

  async #enrollByName(principal: string, applicant: Applicant): Promise<CertificateRecord> {
    if (!this.isOpen) throw new FirefliesError("token-required");
    requirePrincipal(principal);
    const earlier = await this.#store.certificateOfKey(principal, applicant.spki);
    if (earlier !== undefined && earlier.notAfter > this.now()) return earlier;
    const record = await this.#admit(principal, applicant, "open", { kind: "free-name" });
    if (record === undefined) throw new FirefliesError("principal-taken");
    return record;
  }

  /** The recorded holder of a certificate that was proven in TLS: one we do not know was issued by a lost database. */
  async #holderOf(current: MemberCertificate): Promise<PrincipalRecord> {
    const record = await this.#store.certificate(serialToHex(current.serial));
    if (record === undefined || record.id !== current.id) {
      throw new FirefliesError(
        "unauthenticated",
        "This authority has no record of that certificate. Enrol again with a new token.",
      );
    }
    return record;
  }

  async #admit(
    principal: string,
    applicant: Applicant,
    how: HowIssued,
    condition: Condition,
  ): Promise<CertificateRecord | undefined> {
    const holder = await holderNamed(this.#state, principal);
    const lifetimeMs = this.#settings.certificateLifetimeMs;
    return issue(this.#state, this.#settings, { holder, ...applicant, how, condition, lifetimeMs });
  }

  #issue(
    holder: PrincipalRecord,
    applicant: Applicant,
    how: HowIssued,
    lifetimeMs = this.#settings.certificateLifetimeMs,
  ): Promise<CertificateRecord> {
    return issueAnyway(this.#state, this.#settings, { holder, ...applicant, how, lifetimeMs });
  }

  async #requireBudget(id: MemberId): Promise<void> {
    const windowMs = Math.min(DAY_MS, this.#settings.certificateLifetimeMs);
    const issued = await this.#store.issuedSince(id, this.now() - windowMs);
    if (issued < ISSUED_MAX) return;
    throw new FirefliesError("too-many-requests", `This member already got ${issued} certificates. Try again later.`);
  }

  async #answer(record: CertificateRecord, addresses: readonly string[]): Promise<Issued> {
    const { id, leaf, issuer } = record;
    if (addresses.length > 0) await this.#store.report(id, addresses, this.now());
    return { id, leaf, issuer, root: this.root, contacts: await this.#contacts(id) };
  }

  async #contacts(except: MemberId): Promise<ContactRecord[]> {
    const { bootNodes } = this.#settings;
    const choice = await this.#store.contacts({ except, now: this.now(), limit: bootNodes * CONTACT_CHOICE });
    return drawContacts(choice, bootNodes, Math.random);
  }
}

function requirePrincipal(principal: string): void {
  if (!isPrincipal(principal)) throw new FirefliesError("principal-invalid");
}

function requireAddresses(addresses: readonly string[]): void {
  if (!areAddresses(addresses)) throw new FirefliesError("address-invalid");
}

/** The key of a request that its owner signed: all that is taken from it. */
function requestedKey(request: Uint8Array): Uint8Array {
  const opened = openRequest(request);
  if (opened.ok) return opened.value.spki;
  throw new FirefliesError("request-invalid", `The certificate request is refused: ${opened.reason}.`);
}
