/**
 * Signing keys in a security module, over PKCS#11 (v2.40): the key is made there and never leaves. pkcs11js is loaded
 * only here; it compiles against the module's interface, so it is an optional peer that operators install themselves.
 */
import { randomBytes } from "node:crypto";
import { FirefliesError, messageOf, readSecret, sha256 } from "../../identity/index.js";
import { concatBytes, equalBytes, fromHex } from "../../rings/index.js";
import { Pkcs11Session } from "./pkcs11-session.js";
import { formatKeyUri, type KeyUri } from "./pkcs11-uri.js";
import type { SigningKey } from "./signing-key.js";

/** A module in a network answers in milliseconds; one that does not must not hold every enrolment. Milliseconds. */
const SIGN_TIMEOUT_MS = 5_000;
/** Signatures waiting for the module: more are refused at once, for callers would give up before. */
const WAITING_MAX = 1_024;
/** ECPoint in DER: OCTET STRING of the uncompressed point. */
const POINT_PREFIX = fromHex("044104")!;
const SPKI_PREFIX = fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")!;

/** The key that the URI names. Rejects with "signer-unavailable". */
export async function openModuleKey(uri: KeyUri, pin: string | undefined): Promise<SigningKey> {
  return await inSession(uri, pin, () => {});
}

/** Makes a key pair on the token; its URI names it. Rejects with "signer-unavailable". */
export async function createModuleKey(
  where: KeyUri,
  pin: string | undefined,
): Promise<{ key: SigningKey; uri: string }> {
  const object = where.object ?? `fireflies-issuing-${randomBytes(8).toString("hex")}`;
  const uri = { ...where, object };
  const key = await inSession(uri, pin, (session) => session.generate());
  return { key, uri: formatKeyUri(uri) };
}

async function inSession(
  uri: KeyUri,
  pin: string | undefined,
  prepare: (session: Pkcs11Session) => void,
): Promise<SigningKey> {
  const session = await Pkcs11Session.load(uri, await pinOf(uri, pin)).catch((cause: unknown) => {
    throw unavailable(cause);
  });
  try {
    prepare(session);
    return new ModuleKey(spkiOfPoint(session.publicPoint()), session);
  } catch (cause) {
    session.close();
    throw unavailable(cause);
  }
}

class ModuleKey implements SigningKey {
  readonly spki: Uint8Array;
  readonly #session: Pkcs11Session;
  /** A session signs one thing at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(spki: Uint8Array, session: Pkcs11Session) {
    this.spki = spki;
    this.#session = session;
  }

  readonly sign = async (data: Uint8Array): Promise<Uint8Array> => {
    if (this.#waiting >= WAITING_MAX) throw unavailable("too many signatures wait for it");
    this.#waiting += 1;
    const digest = sha256(data);
    const signing = this.#last.then(() => this.#session.sign(digest));
    this.#last = signing.catch(() => {});
    try {
      return await within(signing, SIGN_TIMEOUT_MS);
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      this.#waiting -= 1;
    }
  };

  async close(): Promise<void> {
    await within(this.#last, SIGN_TIMEOUT_MS).catch(() => {});
    this.#session.close();
  }
}

/** Whatever the module does, the caller goes on after `milliseconds`. */
async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function pinOf({ pinFile }: KeyUri, pin: string | undefined): Promise<string> {
  if (pinFile === undefined) {
    if (pin !== undefined) return pin;
    throw unavailable("its PIN is missing: name a file as pin-source in the URI, or set FIREFLIES_CA_PIN");
  }
  const text = await readSecret(pinFile);
  if (text === undefined) throw unavailable(`${pinFile}, the file of its PIN, is gone`);
  return text.trimEnd();
}

function spkiOfPoint(point: Uint8Array): Uint8Array {
  if (point.length !== 67 || !equalBytes(point.subarray(0, 3), POINT_PREFIX)) throw unavailable("it is no P-256 key");
  return concatBytes(SPKI_PREFIX, point.subarray(3));
}

function unavailable(cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  const what = typeof cause === "string" ? cause : messageOf(cause);
  return new FirefliesError("signer-unavailable", `The key on the security module cannot be used: ${what}.`, { cause });
}
