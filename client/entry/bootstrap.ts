/**
 * Where a member's identity comes from: its directory, the authority, or files that were signed offline. The authority is
 * needed once; afterwards a member starts without it.
 */
import {
  dateProblem,
  FirefliesError,
  generateKeyPair,
  type Identity,
  type IdentityPem,
  identityFromPem,
  keyPairOf,
  loadIdentity,
  messageOf,
  nextKey,
  saveIdentity,
} from "../../identity/index.js";
import type { HostNetwork } from "../../net/index.js";

import {
  type Admission,
  type CallOptions,
  enroll,
  type Granted,
  noAddress,
  placeOf,
  renew,
} from "../authority/authority.js";
import { pause } from "../authority/pause.js";
import type { MemberConfig } from "../config/index.js";
import { knownAuthority, rememberAuthority } from "./authority-place.js";
import { readJwt } from "./jwt-file.js";
import { isLater, patiently } from "./patience.js";
import { tryPorts } from "./port-trial.js";

export interface Enrolled {
  readonly identity: Identity;
  /** Addresses of the authority; empty when there is none to speak to. */
  readonly authorityUrls: readonly string[];
}

export interface BootstrapOptions {
  /** Brought along by the program: nobody is asked for another one. */
  readonly given?: IdentityPem | undefined;
  /** Wall clock, unix milliseconds. */
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
  readonly onAlarm: (alarm: FirefliesError) => void;
  /** What listens, where that is not the system. */
  readonly network?: HostNetwork | undefined;
}

/** The identity that the program gives, the one in the directory, or a new one from the authority. */
export async function enrolOrRestore(config: MemberConfig, options: BootstrapOptions): Promise<Enrolled> {
  const { given, now } = options;
  if (given !== undefined) return { identity: identityFromPem(given, { now: now() }), authorityUrls: [] };
  const { dir, useCa } = config;
  const saved = dir === undefined ? undefined : await loadIdentity(dir, { now: options.now(), allowExpired: true });
  if (saved) return await restored(config, saved, options);
  if (!useCa) {
    throw new FirefliesError("identity-missing", `use_ca is false and ${dir ?? "no directory"} holds no identity.`, {
      advice: "Put key.pem, certificate.pem and root.pem there; `fireflies ca sign` makes them.",
    });
  }
  return await enrolled(config, options);
}

/** One key for all attempts: whatever became of the answers to earlier ones, it is enrolled once. */
async function enrolled(config: MemberConfig, options: BootstrapOptions): Promise<Enrolled> {
  const { dir } = config;
  const { urls } = placeOf(await admissionOf(config));
  await tryPorts(config.listen, options.network);
  const pair = dir === undefined ? generateKeyPair() : await nextKey(dir);
  const granted = await patient(config, options, async (call) => enroll(await admissionOf(config), pair, call));
  const identity: Identity = { certificate: granted.certificate, privateKey: pair.privateKey, root: granted.root };
  if (dir !== undefined) {
    await saveIdentity(dir, identity);
    await rememberAuthority(dir, urls);
  }
  return { identity, authorityUrls: urls };
}

/** A saved identity; one that has ended gets its next certificate first, which the authority gives for a while. */
async function restored(config: MemberConfig, saved: Identity, options: BootstrapOptions): Promise<Enrolled> {
  const authorityUrls = await knownAuthority(config, saved, options.onAlarm);
  if (dateProblem(saved.certificate, options.now()) === undefined) return { identity: saved, authorityUrls };
  const pair = keyPairOf(saved.privateKey);
  const isPlaceKnown = authorityUrls.length > 0;
  if (!isPlaceKnown && !hasProof(config)) throw expired(config.dir!, saved, noAddress());
  try {
    const granted = await patient(config, options, async (call) => {
      try {
        return await renew(authorityUrls, saved, pair, call);
      } catch (error) {
        if ((isLater(error) && isPlaceKnown) || !hasProof(config)) throw error;
        return await enroll(await admissionOf(config), pair, call);
      }
    });
    const identity = { ...saved, certificate: granted.certificate };
    await saveIdentity(config.dir!, identity);
    return { identity, authorityUrls };
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw expired(config.dir!, saved, cause);
  }
}

function patient(
  { waitMs = 0, caTls: proxyRoots }: MemberConfig,
  { now, signal, onAlarm }: BootstrapOptions,
  ask: (call: CallOptions) => Promise<Granted>,
): Promise<Granted> {
  return patiently(() => ask({ addresses: [], now: now(), signal, proxyRoots }), {
    ...{ waitMs, signal, pause, random: Math.random, now: () => performance.now() },
    onWaiting: (cause) => onAlarm(awaited(cause)),
  });
}

function awaited(cause: FirefliesError): FirefliesError {
  const message = `There is no certificate yet. ${cause.message} The authority is asked again until it gives one.`;
  return new FirefliesError("authority-awaited", message, { cause });
}

function expired(dir: string, { certificate }: Identity, cause: unknown): FirefliesError {
  const ended = `The certificate in ${dir} ended at ${new Date(certificate.notAfter).toISOString()}`;
  const message = `${ended}, and the authority gave no other one: ${messageOf(cause)}`;
  return new FirefliesError("identity-expired", message, { cause });
}

/** What proves who I am, beside a name that anybody could give. */
function hasProof({ token, jwtFile }: MemberConfig): boolean {
  return token !== undefined || jwtFile !== undefined;
}

/** Asked for anew before each attempt: a file with a JWT may hold a newer one by then. */
async function admissionOf({ dir, token, jwtFile, ca, caFingerprint, name }: MemberConfig): Promise<Admission> {
  if (token !== undefined) return { token, principal: name };
  if (ca !== undefined && caFingerprint !== undefined) {
    const place = { url: ca, fingerprint: caFingerprint };
    if (jwtFile !== undefined) return { ...place, jwt: await readJwt(jwtFile), principal: name };
    if (name !== undefined) return { ...place, principal: name };
  }
  const needed = { ca_addr: ca, ca_fingerprint: caFingerprint, ...(jwtFile === undefined && { name }) };
  throw nothingToEnrolWith(dir, needed, jwtFile);
}

/** Half of what an open authority, or a JWT, needs is answered with the other half. */
function nothingToEnrolWith(
  dir: string | undefined,
  needed: Readonly<Record<string, string | undefined>>,
  jwtFile: string | undefined,
): FirefliesError {
  const place = dir === undefined ? "This member has no directory" : `${dir} holds no identity yet`;
  const missing = Object.keys(needed).filter((key) => needed[key] === undefined);
  const isHalf = jwtFile !== undefined || missing.length < Object.keys(needed).length;
  const how = jwtFile === undefined ? "with an open authority" : "by a JWT";
  const advice = isHalf
    ? `To enrol ${how}, give ${missing.join(" and ")} too.`
    : "Give one (--join, token or FIREFLIES_TOKEN); `fireflies ca token NAME` prints it.";
  return new FirefliesError("token-required", `${place}, and there is no token to enrol with.`, { advice });
}
