/**
 * JWTs of others as a way in (RFC 7519, RFC 8725): of an issuer in the policy, for this authority, in time, signed by one of its keys,
 * and about a subject that the policy admits. What a JWT says is believed only once all of that holds.
 */
import type { JWTVerifyOptions } from "jose";
import { FirefliesError, isCompactJwt, type JwtPolicy, sha256 } from "../../identity/index.js";
import { matchesPattern, toHex } from "../../rings/index.js";
import { type Claims, claimAt, nameBy, textOf, unfitClaim } from "./claims.js";
import { IssuerKeys } from "./issuer-keys.js";
import { loadJose } from "./load-jose.js";

/** Signatures that need no shared secret. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
/** Clocks of an issuer and of ours may differ by so much, seconds. */
const CLOCK_TOLERANCE_S = 60;
/** An instance lives longer than its JWTs do, milliseconds: for a year, or until its record is pruned, its key is remembered. */
const INSTANCE_KEPT_MS = 365 * 86_400_000;
/** The last date of JavaScript, unix seconds, less the tolerance. */
const END_MAX_S = 8_640_000_000_000 - CLOCK_TOLERANCE_S;
const SUBJECT_CHARACTERS_MAX = 256;
const QUOTED_CHARACTERS_MAX = 200;

/** Who a JWT says that it is, after everything was checked. */
export interface Introduction {
  /** The name that its bearer gets. */
  readonly principal: string;
  readonly issuer: string;
  /** Its claim `sub`, or as much of it as is kept; for the audit. */
  readonly subject: string;
  /** SHA-256 of network, issuer, name and instance: by this one key enrols, and no other. */
  readonly hash: Uint8Array;
  /** How long that is to be remembered, unix milliseconds. */
  readonly keptUntil: number;
}

export interface JwtDoorOptions {
  /** Each network has instances of its own. */
  readonly networkId: Uint8Array;
  readonly policies: readonly JwtPolicy[];
  /** Wall clock, unix milliseconds. */
  readonly now: () => number;
  /** Monotonic, milliseconds. */
  readonly monotonic: () => number;
  readonly onTrouble: (error: FirefliesError) => void;
}

export class JwtDoor {
  readonly #options: JwtDoorOptions;
  readonly #keys = new Map<string, IssuerKeys>();
  readonly #closing = new AbortController();

  constructor(options: JwtDoorOptions) {
    this.#options = options;
    for (const policy of options.policies) {
      const { monotonic: now, onTrouble } = options;
      const { signal: closing } = this.#closing;
      const place = placeOf(policy);
      if (!this.#keys.has(place)) this.#keys.set(place, new IssuerKeys({ place: policy, now, onTrouble, closing }));
    }
  }

  /** Fetches keys that are not there, or no longer fresh. Never rejects. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#keys.values()].map((keys) => keys.look()));
  }

  /** Ends what is being fetched. */
  close(): void {
    this.#closing.abort();
  }

  /** Rejects with "jwt-refused", "principal-refused" or "issuer-unreachable". */
  async introduce(jwt: string): Promise<Introduction> {
    const { header, claims } = await this.#opened(jwt);
    const verified = new Set<string>();
    let unfit: string | undefined;
    for (const policy of this.#policiesFor(claims)) {
      const place = placeOf(policy);
      if (!verified.has(place)) await this.#verify(jwt, header, policy);
      verified.add(place);
      unfit = unfitClaim(policy, claims);
      if (unfit === undefined) return this.#introduction(jwt, policy, claims);
    }
    throw refused(`its claim ${unfit} is not one that the authority admits`);
  }

  /** What it says, before anything of it is believed. */
  async #opened(jwt: string): Promise<{ readonly header: Claims; readonly claims: Claims }> {
    if (this.#options.policies.length === 0) throw refused("this authority takes none");
    if (!isCompactJwt(jwt)) throw refused("it is malformed, or too long");
    const { decodeJwt, decodeProtectedHeader } = await loadJose();
    try {
      return { header: { ...decodeProtectedHeader(jwt) }, claims: decodeJwt(jwt) };
    } catch (cause) {
      throw refused("it is malformed", cause);
    }
  }

  /** Cheap, and it names what operators get wrong; all of it is checked again with the signature. */
  #policiesFor(claims: Claims): readonly JwtPolicy[] {
    const ofIssuer = this.#options.policies.filter(({ issuer }) => issuer === claims.iss);
    if (ofIssuer.length === 0) throw refused(`its issuer ${quoted(claims.iss)} is none of the policy`);
    const audiences = [claims.aud].flat();
    const found = ofIssuer.filter(({ audience }) => audiences.includes(audience));
    if (found.length === 0) throw refused(`its audience is ${quoted(claims.aud)}, which is not this authority`);
    if (typeof claims.exp !== "number" || claims.exp > END_MAX_S) throw refused("it never ends");
    const secondsOver = this.#options.now() / 1_000 - claims.exp;
    if (secondsOver > CLOCK_TOLERANCE_S)
      throw refused(`it ended ${Math.round(secondsOver)} s ago by the authority's clock`);
    return found;
  }

  async #verify(jwt: string, { kid, alg }: Claims, policy: JwtPolicy): Promise<void> {
    if (!ALGORITHMS.includes(String(alg))) throw refused(`it is signed by ${quoted(alg)}, which is not taken`);
    const keys = this.#keys.get(placeOf(policy))!;
    const find = await keys.finder(typeof kid === "string" ? kid : undefined);
    const { jwtVerify } = await loadJose();
    const checks: JWTVerifyOptions = {
      ...{ issuer: policy.issuer, audience: policy.audience, algorithms: ALGORITHMS },
      ...{ clockTolerance: CLOCK_TOLERANCE_S, currentDate: new Date(this.#options.now()), requiredClaims: ["exp"] },
    };
    try {
      await jwtVerify(jwt, find, checks);
    } catch (cause) {
      throw refused(reasonOf(cause), cause);
    }
  }

  #introduction(jwt: string, policy: JwtPolicy, claims: Claims): Introduction {
    const { issuer, name, names, instance: path } = policy;
    const principal = nameBy(name, claims);
    if (principal === undefined) throw refused(`it lacks a claim of the name ${name}`);
    if (names !== undefined && !matchesPattern(principal, names))
      throw new FirefliesError("principal-refused", `The policy admits ${names}, not ${principal.slice(0, 100)}.`);
    const subject = (textOf(claims.sub) ?? "").slice(0, SUBJECT_CHARACTERS_MAX);
    const about = { principal, issuer, subject };
    if (path === undefined) {
      const keptUntil = Math.ceil((Number(claims.exp) + CLOCK_TOLERANCE_S) * 1_000); // Seconds may have fractions.
      return { ...about, hash: this.#hashOf(issuer, principal, "jwt", signedPart(jwt)), keptUntil };
    }
    const instance = textOf(claimAt(claims, path));
    if (instance === undefined) throw refused(`it lacks the claim ${path}, which tells instances apart`);
    const keptUntil = this.#options.now() + INSTANCE_KEPT_MS;
    return { ...about, hash: this.#hashOf(issuer, principal, "instance", instance), keptUntil };
  }

  /** As JSON, in which no two lists are written the same way. */
  #hashOf(...parts: readonly string[]): Uint8Array {
    const list = ["fireflies/1/jwt", toHex(this.#options.networkId), ...parts];
    return sha256(new TextEncoder().encode(JSON.stringify(list)));
  }
}

/** Without the signature: of an ECDSA signature anybody can make a second one, which would pass for another JWT. */
function signedPart(jwt: string): string {
  return jwt.slice(0, jwt.lastIndexOf("."));
}

function quoted(value: unknown): string {
  return JSON.stringify(value ?? null).slice(0, QUOTED_CHARACTERS_MAX);
}

function placeOf({ issuer, jwksUri, caFile, tokenFile }: JwtPolicy): string {
  return JSON.stringify([issuer, jwksUri, caFile, tokenFile]);
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ERR_JWKS_NO_MATCHING_KEY") return "its issuer has no such key";
  if (code === "ERR_JWKS_MULTIPLE_MATCHING_KEYS") return "it does not say which of its issuer's keys signed it (kid)";
  if (code === "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") return "its signature is not one of its issuer";
  return cause instanceof Error ? `${cause.message.slice(0, 200)}` : "it cannot be verified";
}

function refused(why: string, cause?: unknown): FirefliesError {
  return new FirefliesError("jwt-refused", `The JWT is refused: ${why}.`, { cause });
}
