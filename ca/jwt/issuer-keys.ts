/**
 * The keys of one issuer of JWTs, kept for a while. A key that is not known is looked for, but not more often than the
 * pause allows, whatever callers make up. While the issuer is away, the keys that are known stay good for a time.
 */
import type { JSONWebKeySet, JWTVerifyGetKey } from "jose";
import { FirefliesError, type JwtPolicy, messageOf, readText } from "../../identity/index.js";
import { Buckets } from "../../rings/index.js";
import { fetchJson } from "./bounded-fetch.js";
import { loadJose } from "./load-jose.js";

/** Keys older than this are fetched again, milliseconds: within it a key that the issuer has withdrawn is still taken. */
export const KEYS_FRESH_MS = 10 * 60_000;
/** While the issuer does not answer, keys are used up to this age, milliseconds. */
export const KEYS_MAX_MS = 60 * 60_000;
/** Fetches for keys that are not known, or from an issuer that is away, at once ... */
export const LOOKS_MAX = 5;
/** ... and how long each further one waits, milliseconds. */
export const KEYS_PAUSE_MS = 15_000;
/** Issuers have a few: the one of today and the next. */
const KEYS_COUNT_MAX = 64;

/** Where keys come from. */
export type KeyPlace = Pick<JwtPolicy, "issuer" | "jwksUri" | "caFile" | "tokenFile">;

export interface IssuerKeysOptions {
  readonly place: KeyPlace;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** The issuer is away, or says what cannot be used; told once until it is back. */
  readonly onTrouble: (error: FirefliesError) => void;
  /** Fires when the authority closes. */
  readonly closing?: AbortSignal | undefined;
}

interface Known {
  readonly find: JWTVerifyGetKey;
  readonly ids: ReadonlySet<string>;
  readonly at: number;
}

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #known: Known | undefined;
  readonly #looks = new Buckets<string>({ burst: LOOKS_MAX, refillMs: KEYS_PAUSE_MS }, 1);
  #trying: Promise<void> | undefined;
  #trouble: FirefliesError | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /**
   * What finds a JWT's key, for `jose`. Rejects with "issuer-unreachable" when no key is known that may still be used, or when
   * this one is not known and may not be looked for at this moment.
   */
  async finder(keyId: string | undefined): Promise<JWTVerifyGetKey> {
    const hasLooked = this.#isWanting(keyId) && (await this.#refresh());
    const known = this.#known;
    if (known === undefined || this.#ageOf(known) > KEYS_MAX_MS)
      throw this.#trouble ?? unreachable(this.#options.place, "it was asked a moment ago");
    if (keyId === undefined || known.ids.has(keyId)) return known.find;
    if (this.#trouble !== undefined) throw this.#trouble; // It may have a new key, and cannot say so.
    if (!hasLooked) throw unreachable(this.#options.place, "this one is new, and it was asked for others a moment ago");
    return known.find;
  }

  /** Whether the keys were fetched, or tried, just now. Never rejects. */
  async #refresh(): Promise<boolean> {
    if (this.#trying === undefined) {
      if (this.#looks.take("", this.#options.now()) > 0) return false;
      this.#trying = this.#fetch().finally(() => {
        this.#trying = undefined;
      });
    }
    await this.#trying;
    return true;
  }

  /** Fetches the keys when they are no longer fresh. Never rejects. */
  async look(): Promise<void> {
    if (this.#known === undefined || this.#ageOf(this.#known) > KEYS_FRESH_MS) await this.#refresh();
  }

  #isWanting(keyId: string | undefined): boolean {
    if (this.#known === undefined || this.#ageOf(this.#known) > KEYS_FRESH_MS) return true;
    return keyId !== undefined && !this.#known.ids.has(keyId);
  }

  #ageOf({ at }: Known): number {
    return this.#options.now() - at;
  }

  async #fetch(): Promise<void> {
    const { place, now, onTrouble, closing } = this.#options;
    try {
      const set = await keySetOf(place, closing);
      const { createLocalJWKSet } = await loadJose();
      const ids = set.keys.flatMap(({ kid }) => (typeof kid === "string" ? [kid] : []));
      this.#known = { find: createLocalJWKSet(set), ids: new Set(ids), at: now() };
      this.#trouble = undefined;
    } catch (cause) {
      const isNews = this.#trouble === undefined;
      this.#trouble = unreachable(place, messageOf(cause), cause);
      if (isNews && !closing?.aborted) onTrouble(this.#trouble);
    }
  }
}

async function keySetOf(
  { issuer, jwksUri, caFile, tokenFile }: KeyPlace,
  signal: AbortSignal | undefined,
): Promise<JSONWebKeySet> {
  const options = { signal, ca: await contentOf(caFile), bearer: (await contentOf(tokenFile))?.trim() };
  const { keys } = await fetchJson(jwksUri ?? (await discovered(issuer, options)), options);
  if (!Array.isArray(keys) || keys.length === 0) throw new Error("its answer holds no keys");
  if (keys.length > KEYS_COUNT_MAX) throw new Error(`its answer holds over ${KEYS_COUNT_MAX} keys`);
  return { keys: keys as JSONWebKeySet["keys"] };
}

/** Both files may be changed at any time: Kubernetes does so every hour. */
async function contentOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readText(file);
  if (text === undefined) throw new Error(`${file} does not exist`);
  return text;
}

/** OpenID Connect Discovery 1.0, section 4. A document must not send us to another host: only the operator may. */
async function discovered(issuer: string, options: Parameters<typeof fetchJson>[1]): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const { issuer: named, jwks_uri: found } = await fetchJson(url, options);
  if (named !== issuer) throw new Error(`${url} is of another issuer`);
  if (typeof found !== "string" || !URL.canParse(found)) throw new Error(`${url} names no jwks_uri`);
  const { protocol, host } = new URL(found);
  if (protocol === "https:" && host === new URL(issuer).host) return found;
  throw new Error(`${url} names keys on another host, ${found.slice(0, 200)}, which only jwks_uri in the policy may`);
}

function unreachable({ issuer }: KeyPlace, why: string, cause?: unknown): FirefliesError {
  return new FirefliesError("issuer-unreachable", `The keys of ${issuer} cannot be had: ${why}.`, { cause });
}
