/**
 * Where a member's identity comes from: its directory, the authority, or files that were signed offline. The authority is
 * needed once; afterwards a member starts without it.
 */
import {
  dateProblem,
  FirefliesError,
  generateKeyPair,
  type Identity,
  keyPairOf,
  loadIdentity,
  messageOf,
  nextKey,
  saveIdentity,
} from "../../identity/index.js";
import { type Admission, enroll, placeOf, renew } from "../authority/authority.js";
import type { MemberConfig } from "../config/index.js";
import { knownAuthority, rememberAuthority } from "./authority-place.js";

export interface Enrolled {
  readonly identity: Identity;
  /** Addresses of the authority; empty when there is none to speak to. */
  readonly authorityUrls: readonly string[];
}

export interface BootstrapOptions {
  /** Unix milliseconds. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

/** The identity in the directory, or a new one from the authority. */
export async function enrolOrRestore(config: MemberConfig, options: BootstrapOptions): Promise<Enrolled> {
  const { now, signal } = options;
  const saved = config.dir === undefined ? undefined : await loadIdentity(config.dir, { now, allowExpired: true });
  if (saved) return await restored(config, saved, options);
  if (!config.useCa) {
    throw new FirefliesError(
      "identity-missing",
      `use_ca is false and ${config.dir ?? "no directory"} holds no identity.`,
      { advice: "Put key.pem, certificate.pem and root.pem there; `fireflies ca sign` makes them." },
    );
  }
  const admission = admissionOf(config);
  const pair = config.dir === undefined ? generateKeyPair() : await nextKey(config.dir);
  const granted = await enroll(admission, pair, { addresses: [], now, signal });
  const identity: Identity = {
    certificate: granted.certificate,
    privateKey: pair.privateKey,
    root: granted.root,
  };
  const { urls } = placeOf(admission);
  if (config.dir !== undefined) {
    await saveIdentity(config.dir, identity);
    await rememberAuthority(config.dir, urls);
  }
  return { identity, authorityUrls: urls };
}

/** A saved identity; one that has ended gets its next certificate first, which the authority gives for a while. */
async function restored(
  config: MemberConfig,
  saved: Identity,
  { now, signal, onAlarm }: BootstrapOptions,
): Promise<Enrolled> {
  const authorityUrls = await knownAuthority(config, saved, onAlarm);
  if (dateProblem(saved.certificate, now) === undefined) return { identity: saved, authorityUrls };
  const pair = keyPairOf(saved.privateKey);
  const options = { addresses: [], now, signal };
  try {
    const granted = await renew(authorityUrls, saved, pair, options).catch((error: unknown) => {
      if (config.token === undefined) throw error;
      return enroll({ token: config.token, principal: config.name }, pair, options);
    });
    const identity = { ...saved, certificate: granted.certificate };
    await saveIdentity(config.dir!, identity);
    return { identity, authorityUrls };
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw expired(config.dir!, saved, cause);
  }
}

function expired(dir: string, { certificate }: Identity, cause: unknown): FirefliesError {
  const ended = `The certificate in ${dir} ended at ${new Date(certificate.notAfter).toISOString()}`;
  const message = `${ended}, and the authority gave no other one: ${messageOf(cause)}`;
  return new FirefliesError("identity-expired", message, { cause });
}

function admissionOf({ dir, token, ca, caFingerprint, name }: MemberConfig): Admission {
  if (token !== undefined) return { token, principal: name };
  if (ca !== undefined && caFingerprint !== undefined && name !== undefined) {
    return { url: ca, fingerprint: caFingerprint, principal: name };
  }
  throw nothingToEnrolWith(dir, { ca, ca_fingerprint: caFingerprint, name });
}

/** Half of what an open authority needs is answered with the other half. */
function nothingToEnrolWith(
  dir: string | undefined,
  open: Readonly<Record<string, string | undefined>>,
): FirefliesError {
  const place = dir === undefined ? "This member has no directory" : `${dir} holds no identity yet`;
  const missing = Object.keys(open).filter((key) => open[key] === undefined);
  const isHalf = missing.length < Object.keys(open).length;
  const advice = isHalf
    ? `To enrol with an open authority, give ${missing.join(" and ")} too.`
    : "Give one (--join, token or FIREFLIES_TOKEN); `fireflies ca token NAME` prints it.";
  return new FirefliesError("token-required", `${place}, and there is no token to enrol with.`, { advice });
}
