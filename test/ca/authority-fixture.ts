/** An authority over real HTTPS on a free port, in a directory of its own, with a clock that the test sets. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuthorityOptions, Decision } from "../../ca/index.js";
import { type AuthorityServer, CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { type Admission, enroll, type Granted } from "../../client/authority/authority.js";
import { generateKeyPair, type Identity, type KeyPair } from "../../identity/index.js";

export const NOW = Date.UTC(2026, 10, 21, 12);
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "fireflies-ca-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export class AuthorityFixture implements AsyncDisposable {
  readonly clock = { now: NOW };
  readonly decisions: Decision[] = [];
  authority!: CertificateAuthority;
  server!: AuthorityServer;
  private constructor(
    readonly directory: string,
    private readonly options: Partial<AuthorityOptions>,
    private readonly remove: () => PromiseLike<void>,
  ) {}

  static async start(options: Partial<AuthorityOptions> = {}): Promise<AuthorityFixture> {
    const directory = await temporaryDirectory();
    const fixture = new AuthorityFixture(directory.path, options, () => directory[Symbol.asyncDispose]());
    await fixture.begin();
    return fixture;
  }

  async begin(): Promise<void> {
    const { directory, clock, decisions, options } = this;
    const onDecision = (decision: Decision) => decisions.push(decision);
    this.authority = await CertificateAuthority.open({ directory, now: () => clock.now, onDecision, ...options });
    this.server = await serveAuthority(this.authority, { port: 0 });
  }

  async stop(): Promise<void> {
    await this.server.close();
    await this.authority.close();
  }

  /** Sets the clock of authority and callers, and lets the server do what it does every hour. */
  async at(now: number): Promise<void> {
    this.clock.now = now;
    await this.server.refresh();
  }

  get url(): string {
    return this.server.urls[0]!;
  }

  /** A name in an open network. */
  named(principal: string): Admission {
    return { url: this.url, fingerprint: this.authority.fingerprint, principal };
  }

  /** Options of a call; the deadline is for a machine that is busy with other tests. */
  call(...addresses: string[]) {
    return { addresses, now: this.clock.now, timeoutMs: 60_000 };
  }

  /** Enrols with a new token. */
  async join(principal: string, pair: KeyPair = generateKeyPair(), ...addresses: string[]): Promise<Joined> {
    const token = await this.authority.createToken(principal);
    const granted = await enroll({ token }, pair, this.call(...addresses));
    return { ...granted, pair, token, identity: identityOf(granted, pair) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.remove();
  }
}

export interface Joined extends Granted {
  readonly pair: KeyPair;
  readonly token: string;
  readonly identity: Identity;
}

export function identityOf({ certificate, root }: Granted, pair: KeyPair): Identity {
  return { certificate, root, privateKey: pair.privateKey };
}

/** The code that a promise rejects with, or "none". */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );
}
