/** The certificate authority: admits members, renews them, and knows where they were last. Over HTTPS by `serveAuthority`. */
import { join } from "node:path";
import {
  dateProblem,
  exposureOf,
  FirefliesError,
  fingerprintOf,
  generateKeyPair,
  hmacSha256,
  type Identity,
  issueServer,
  type KeyPair,
  type Logger,
  type MemberCertificate,
  type NetworkConstants,
  shown,
  validityOfCertificate,
} from "../identity/index.js";
import { type EnrollInput, enroll } from "./acts/admission.js";
import type { Issued } from "./acts/answer.js";
import { requirePrincipal } from "./acts/applicant.js";
import { gossipList, publishIfDue, type SignedList } from "./acts/lists.js";
import { createIdentity, type OfflineInput, signOffline } from "./acts/offline.js";
import { type RenewOptions, type ReportInput, renew, report } from "./acts/renewal.js";
import { rootOf } from "./acts/root-key.js";
import { publishRootListIfDue } from "./acts/root-list.js";
import { StatusResponder } from "./acts/status.js";
import { issueToken, requireNamePattern, requireUses, type TokenOptions } from "./acts/token.js";
import type { Context } from "./context.js";
import { logDecision } from "./decision-log.js";
import { JwtDoor } from "./jwt/jwt-door.js";
import { isOpenPattern } from "./name-pattern.js";
import { Operator } from "./operator.js";
import { type AuthorityOptions, type Decision, invalid, type Settings, settingsOf } from "./options.js";
import { validityAt } from "./policy.js";
import { addNetwork } from "./state/birth.js";
import { type Lock, takeLock } from "./state/lock.js";
import { type AuthorityState, createDirectory, openState } from "./state/state.js";
import { FIRST_NETWORK } from "./store/database/migrations.js";
import type { AuditNote, ContactRecord, Counts, Store } from "./store/store.js";

/** Each network of a directory may be served by a process of its own. */
function lockFileOf(networkName: string): string {
  return networkName === FIRST_NETWORK ? "ca.lock" : `ca-${networkName}.lock`;
}

/** For TLS, with the key that it is for and the certificate that signed it. */
export interface ServerCertificate {
  readonly pair: KeyPair;
  /** DER. */
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
}

/** What is fixed when a network is made. */
export interface NetworkOptions extends Pick<AuthorityOptions, "numRings" | "members" | "byzantine" | "deltaMs"> {
  /** File of the root's key, where it is not in the directory. */
  readonly rootKey?: string | undefined;
}

export class CertificateAuthority {
  readonly #context: Context;
  readonly #lock: Lock | undefined;
  readonly #status: StatusResponder;

  private constructor(context: Context, lock: Lock | undefined) {
    this.#context = context;
    this.#lock = lock;
    this.#status = new StatusResponder(context);
    const { listeners, logger } = context.settings;
    listeners.add((decision) => logDecision(logger, decision));
  }

  /**
   * Opens the authority of a directory, creating it on the first run. One at a time: rejects with "ca-state-locked"
   * when another one has it; also with "ca-state-corrupt", "ca-state-mismatch", "ca-state-unreadable",
   * "key-file-permissions" or "ca-options-invalid".
   */
  static async open(options: AuthorityOptions): Promise<CertificateAuthority> {
    const settings = settingsOf(options);
    await createDirectory(settings.directory);
    const exposure = await exposureOf(settings.directory);
    if (exposure)
      settings.logger.warn({ event: "alarm", code: exposure.code }, shown(`${exposure.message} ${exposure.advice}`));
    const lock = await takeLock(join(settings.directory, lockFileOf(settings.networkName)));
    try {
      return new CertificateAuthority(contextOf(await openState(settings, true), settings), lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** As `open`, beside a running one, for tokens and offline certificates. Rejects with "ca-state-missing" instead of creating. */
  static async attach(options: AuthorityOptions): Promise<CertificateAuthority> {
    const settings = settingsOf(options);
    return new CertificateAuthority(contextOf(await openState(settings, false), settings), undefined);
  }

  get network(): NetworkConstants {
    const { networkId, ringCount, deltaMs } = this.#state.network;
    return { networkId, ringCount, deltaMs };
  }

  /** The root certificate, DER. */
  get root(): Uint8Array {
    return this.#state.root;
  }

  /** The certificate that signs members, DER. */
  get issuer(): Uint8Array {
    return this.#state.issuers.current.certificate;
  }

  /** The issuing certificates that members accept, DER, the newest first. */
  get issuers(): readonly Uint8Array[] {
    return this.#state.issuers.seen.map(({ certificate }) => certificate);
  }

  /** What only an operator may do. */
  get operator(): Operator {
    return new Operator(this.#context);
  }

  /** For the freshness of signed calls: the same in all replicas of this network, and nobody else's. */
  get challengeKey(): Uint8Array {
    return hmacSha256(this.#state.network.idSecret, new TextEncoder().encode("fireflies/1/challenge\0"));
  }

  /** How long after its end a certificate may still be renewed, milliseconds. */
  get renewalGraceMs(): number {
    return this.#settings.renewalGraceMs;
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

  /** The program's, or one that says nothing. */
  get logger(): Logger {
    return this.#settings.logger;
  }

  /** As `onDecision` of the options, until the returned function is called. */
  listen(listener: (decision: Decision) => void): () => void {
    this.#settings.listeners.add(listener);
    return () => this.#settings.listeners.delete(listener);
  }

  /** Appends to the audit what records nothing else, as refusals. */
  async note(notes: readonly AuditNote[]): Promise<void> {
    await this.#store.append(notes, this.#state.network.networkId);
  }

  /** How much is on record. */
  counts(): Promise<Counts> {
    return this.#state.records.counts(this.now());
  }

  /** Rejects when nothing could be issued now: the store does not answer, or the issuing certificate is not in force. */
  async check(): Promise<void> {
    await this.#store.ping();
    const problem = dateProblem(validityOfCertificate(this.issuer)!, this.now());
    if (problem !== undefined)
      throw new FirefliesError("certificate-invalid", `The issuing certificate is ${problem}.`);
  }

  /** Looks at the intermediates again, and publishes new revocation lists where that is due. To be called every minute. */
  async refresh(): Promise<void> {
    this.#state.issuers.forget();
    await this.#state.issuers.active();
    await this.#state.records.saveServed(this.now());
    void this.#context.jwts.refresh(); // Of others: nothing here waits for them.
    await publishIfDue(this.#context);
    await publishRootListIfDue(this.#context);
  }

  /** The newest revocation list that members gossip; undefined before the first. */
  revocations(): Promise<SignedList | undefined> {
    return gossipList(this.#context);
  }

  /** DER of the answer to an OCSP request in DER. */
  statusOf(request: Uint8Array): Promise<Uint8Array> {
    return this.#status.answer(request);
  }

  /** Remembers where this authority is reached, for tokens. */
  async saveUrls(urls: readonly string[]): Promise<void> {
    await this.#state.records.saveUrls(urls);
  }

  /**
   * A token that admits `uses` members (1) until it expires. `principal` is a name, whose holder gets another key by it, or a
   * pattern as "web-*", which admits new names only. `urls` are those under which the authority last listened unless given.
   * Rejects with "principal-invalid", "principal-revoked" or "ca-options-invalid".
   */
  async createToken(principal: string, options: TokenOptions = {}): Promise<string> {
    const { uses = 1, lifetimeMs = this.#settings.tokenLifetimeMs } = options;
    requireUses(uses);
    await this.#requireAdmissible(principal);
    const urls = options.urls ?? (await this.#state.records.urls());
    if (urls.length === 0) {
      throw invalid("This authority never listened, so where members reach it is not known.", {
        advice: "Say it in `urls`, or with --url.",
      });
    }
    const now = this.now();
    const { fingerprint } = this;
    const order = { urls, fingerprint, principal, uses, expiresAt: now + lifetimeMs, now };
    const token = await issueToken(this.#state.records, order);
    this.tell({ kind: "token-created", principal, uses, at: now });
    return token;
  }

  async #requireAdmissible(principal: string): Promise<void> {
    if (isOpenPattern(principal)) return requireNamePattern(principal);
    requirePrincipal(principal);
    const known = await this.#state.records.principal(principal);
    if (known?.status === "revoked") throw new FirefliesError("principal-revoked");
  }

  /**
   * Admits a member. The same token (or, in an open network, the same name) with the same key gets the same
   * certificate again. Rejects with one of the codes of the table under "What the authority refuses".
   */
  enroll(input: EnrollInput): Promise<Issued> {
    return enroll(this.#context, input);
  }

  /**
   * The next certificate of a member: the same id, for the key of `request`. `current` was proven in TLS. Asked twice
   * for one key, also after a lost answer, it gives the same certificate, unless `anew`. Rejects with "unauthenticated",
   * "too-many-requests" or as `enroll`.
   */
  renew(current: MemberCertificate, request: Uint8Array, options: RenewOptions = {}): Promise<Issued> {
    return renew(this.#context, current, request, options);
  }

  /** Records that a member is there, or leaves, and where it is reached; answers with contacts. Rejects with "unauthenticated". */
  report(current: MemberCertificate, input: ReportInput): Promise<readonly ContactRecord[]> {
    return report(this.#context, current, input);
  }

  /** A member's certificate without its coming here: `fireflies ca sign`. Recorded like any other. */
  signOffline(input: OfflineInput): Promise<Issued> {
    return signOffline(this.#context, input);
  }

  /** As `signOffline`, with a new key: everything a member needs to start from files. */
  createIdentity(input: Omit<OfflineInput, "request">): Promise<Identity> {
    return createIdentity(this.#context, input);
  }

  /** A TLS certificate for the authority's own server, for a new key. */
  async createServerCertificate(lifetimeMs: number): Promise<ServerCertificate> {
    const pair = generateKeyPair();
    const issuer = await this.#state.issuers.active();
    const leaf = await issueServer({ spki: pair.spki, issuer, validity: validityAt(this.now(), lifetimeMs) });
    return { pair, leaf, issuer: issuer.certificate };
  }

  /** All networks of this authority, the oldest first. */
  async networks(): Promise<readonly (NetworkConstants & { readonly name: string })[]> {
    const networks = await this.#store.networks();
    return networks.map(({ name, networkId, ringCount, deltaMs }) => ({ name, networkId, ringCount, deltaMs }));
  }

  /**
   * One more network, with ids and an intermediate of its own; serve it by an authority with this `networkName`. Rejects
   * with "ca-options-invalid" when the name is taken, with "root-key-missing", or with "ca-state-mismatch" when that is
   * another root's key.
   */
  async addNetwork(name: string, { rootKey, ...options }: NetworkOptions = {}): Promise<NetworkConstants> {
    const { directory, store } = this.#settings;
    const now = () => this.now();
    const settings = settingsOf({ ...options, directory, store, networkName: name, now });
    const { networkId, ringCount, deltaMs } = await addNetwork(settings, this.#state, () =>
      rootOf(this.#context, rootKey),
    );
    return { networkId, ringCount, deltaMs };
  }

  async close(): Promise<void> {
    this.#context.jwts.close();
    await this.#state.close();
    this.#lock?.release();
  }

  get #state(): AuthorityState {
    return this.#context.state;
  }

  get #settings(): Settings {
    return this.#context.settings;
  }

  get #store(): Store {
    return this.#state.store;
  }
}

function contextOf(state: AuthorityState, settings: Settings): Context {
  const { jwt: policies, now, onDecision } = settings;
  const onTrouble = (error: FirefliesError) => onDecision({ kind: "failed", error, at: now() });
  const { networkId } = state.network;
  const monotonic = () => performance.now();
  return { state, settings, jwts: new JwtDoor({ networkId, policies, now, monotonic, onTrouble }) };
}
