/**
 * Where the authority is, for a member that has an identity: as the configuration says, else as the directory does, where the
 * first start has kept it. A token is used up by then, its address is not.
 */
import { join } from "node:path";
import {
  atomicWrite,
  FirefliesError,
  fingerprintOf,
  type Identity,
  isAuthorityUrl,
  messageOf,
  PUBLIC_FILE_MODE,
  readText,
} from "../../identity/index.js";
import { asFirefliesError } from "../../net/index.js";
import { placeOf } from "../authority/authority.js";
import type { MemberConfig } from "../config/index.js";

const AUTHORITY_FILE = "authority.json";

type Kept = { readonly urls: readonly string[] } | { readonly problem: string };

/**
 * The authority's URLs; empty for a member that is to have none, and where they are lost: that is an alarm, because the
 * certificate will not be renewed. What the configuration names is kept for the next start. Rejects with
 * "authority-untrusted" when it names another authority than that of the identity.
 */
export async function knownAuthority(
  config: MemberConfig,
  identity: Identity,
  onAlarm: (alarm: FirefliesError) => void,
): Promise<readonly string[]> {
  if (!config.useCa) return [];
  const named = namedUrls(config, identity);
  if (config.dir === undefined) return named;
  const kept = await keptIn(config.dir);
  if (named.length > 0) {
    if (!isSame(kept, named)) await rememberAuthority(config.dir, named).catch((error) => onAlarm(notKept(error)));
    return named;
  }
  if ("urls" in kept) return kept.urls;
  onAlarm(unknown(config.dir, identity, kept.problem));
  return [];
}

/** Keeps where the authority is. Rejects with "state-write-failed". */
export async function rememberAuthority(directory: string, urls: readonly string[]): Promise<void> {
  await atomicWrite(join(directory, AUTHORITY_FILE), `${JSON.stringify({ urls })}\n`, PUBLIC_FILE_MODE);
}

/** A token or URL of the configuration counts when it is for the authority that this identity comes from. */
function namedUrls({ token, ca, caFingerprint }: MemberConfig, identity: Identity): readonly string[] {
  const fingerprint = fingerprintOf(identity.root);
  if (token !== undefined) {
    const place = placeOf({ token });
    if (place.fingerprint !== fingerprint) throw otherNetwork();
    return place.urls;
  }
  if (ca === undefined) return [];
  if (caFingerprint !== undefined && caFingerprint.toLowerCase() !== fingerprint) throw otherNetwork();
  return [ca];
}

function otherNetwork(): FirefliesError {
  return new FirefliesError(
    "authority-untrusted",
    "The directory holds an identity from another authority than the one named.",
    { advice: "Use another directory, or leave the token out." },
  );
}

async function keptIn(directory: string): Promise<Kept> {
  let text: string | undefined;
  try {
    text = await readText(join(directory, AUTHORITY_FILE));
  } catch (error) {
    return { problem: `cannot be read (${messageOf(error)})` };
  }
  return text === undefined ? { problem: "is missing" } : keptOf(text);
}

function keptOf(text: string): Kept {
  try {
    const { urls } = JSON.parse(text);
    const usable = Array.isArray(urls) ? urls.filter((url) => typeof url === "string" && isAuthorityUrl(url)) : [];
    return usable.length > 0 ? { urls: usable } : { problem: "is damaged" };
  } catch {
    return { problem: "is damaged" };
  }
}

function isSame(kept: Kept, urls: readonly string[]): boolean {
  return "urls" in kept && JSON.stringify(kept.urls) === JSON.stringify(urls);
}

function unknown(directory: string, { certificate }: Identity, problem: string): FirefliesError {
  const ends = new Date(certificate.notAfter).toISOString();
  return new FirefliesError(
    "authority-unknown",
    `${join(directory, AUTHORITY_FILE)} ${problem}, so where the authority is is not known: the certificate ends at ${ends} and is not renewed.`,
    {
      advice:
        "Start once with ca_addr (--ca URL) or a token (--join) of this authority, which is kept; or say use_ca: false (--no-use-ca).",
    },
  );
}

function notKept(error: unknown): FirefliesError {
  return asFirefliesError(error, "state-write-failed");
}
