/**
 * The root's own X.509 list (RFC 5280, section 5), of the intermediates that are retired, in all networks: for tools that
 * check a whole chain. Its key is away most of the time, so the list lasts long; it is signed whenever the key is at hand.
 */

import { join } from "node:path";
import {
  CLOCK_TOLERANCE_MS,
  createCrl,
  FirefliesError,
  fingerprintOf,
  type Issuer,
  maySignLists,
  type RevokedCertificate,
  readText,
  serialOfCertificate,
} from "../../identity/index.js";
import type { Context } from "../context.js";
import { FILES } from "../state/directory.js";
import type { IssuerRecord, ListRecord } from "../store/store.js";
import { crlKind } from "./lists.js";
import { rootOf } from "./root-key.js";

/** Until when a list is good, milliseconds: a year, in which the root's key is fetched anyway. */
const LIFETIME_MS = 365 * 86_400_000;
/** A list is signed anew after this share of its life, where the key is at hand. */
const RENEW_AT = 1 / 4;
/** Others may publish at the same moment. */
const ATTEMPTS_MAX = 8;

export interface RootListOptions {
  /** File of the root's key, where it is not in the directory. */
  readonly rootKey?: string | undefined;
  /** Milliseconds (a year). */
  readonly lifetimeMs?: number | undefined;
}

/** The root's newest list, and how many retired intermediates it does not name yet; undefined before the first. */
export async function rootList(context: Context): Promise<(ListRecord & { readonly missing: number }) | undefined> {
  const list = await context.state.records.list(crlKind(fingerprintOf(context.state.root)));
  if (list === undefined) return undefined;
  const missing = (await retired(context)).filter(({ retiredAt = 0 }) => retiredAt > list.thisUpdate).length;
  return { ...list, missing };
}

/**
 * Signs and stores a list of what is retired now. Rejects with "root-key-missing", "ca-state-mismatch" when that is another
 * key, or "ca-options-invalid" when the root's certificate does not let it sign lists.
 */
export async function publishRootList(context: Context, options: RootListOptions = {}): Promise<void> {
  const root = await rootOf(context, options.rootKey);
  if (!maySignLists(context.state.root)) {
    throw new FirefliesError("ca-options-invalid", "The root's certificate does not let it sign lists (cRLSign).", {
      advice: "Members hear of retired intermediates all the same: from the list that the intermediates sign.",
    });
  }
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) if (await published(context, root, options)) return;
  throw new FirefliesError("authority-failed", "The root's list could not be published: others keep doing so.");
}

/** As above, where the list is missing, old, or lacks something, and the key is at hand. */
export async function publishRootListIfDue(context: Context): Promise<void> {
  if (await isRootListDue(context)) await publishRootListIfPossible(context);
}

/** As above, where the key is in the directory and may sign lists. */
export async function publishRootListIfPossible(context: Context): Promise<void> {
  const { settings, state } = context;
  if (!maySignLists(state.root)) return;
  if ((await readText(join(settings.directory, FILES.rootKey))) !== undefined) await publishRootList(context);
}

async function isRootListDue(context: Context): Promise<boolean> {
  const list = await rootList(context);
  if (list === undefined || list.missing > 0) return true;
  const { thisUpdate, nextUpdate } = list;
  const now = context.settings.now();
  return now > thisUpdate + (nextUpdate - thisUpdate) * RENEW_AT || now < thisUpdate - CLOCK_TOLERANCE_MS;
}

/** Intermediates of all networks that are retired. */
async function retired({ state }: Context): Promise<IssuerRecord[]> {
  const found: IssuerRecord[] = [];
  for (const { networkId } of await state.store.networks()) {
    const issuers = await state.store.network(networkId).issuers();
    found.push(...issuers.filter((issuer) => issuer.state === "retired"));
  }
  return found;
}

/** False when another process published meanwhile. Every network has a copy, so that each authority can serve it. */
async function published(
  context: Context,
  root: Issuer,
  { lifetimeMs = LIFETIME_MS }: RootListOptions,
): Promise<boolean> {
  const { state, settings } = context;
  const now = settings.now();
  const revoked = (await retired(context)).filter(({ notAfter }) => notAfter > now).map(entryOf);
  const parts = (await state.store.networks()).map(({ networkId }) => state.store.network(networkId));
  const turns = await Promise.all(parts.map((part) => part.listTurn(now)));
  const number = Math.max(...turns.map((turn) => turn.number));
  const dates = { thisUpdate: now, nextUpdate: now + lifetimeMs };
  const validity = { notBefore: now - CLOCK_TOLERANCE_MS, notAfter: dates.nextUpdate };
  const bytes = await createCrl({ issuer: root, number: BigInt(number), validity, revoked });
  const kind = crlKind(fingerprintOf(state.root));
  const fields = { number, retired: revoked.length, until: dates.nextUpdate };
  for (const [index, part] of parts.entries()) {
    const turn = { number, upTo: turns[index]!.upTo };
    const note = index === 0 ? { kind: "root-list-published", at: now, fields } : undefined;
    if ((await part.saveLists(turn, [{ kind, ...turn, bytes, ...dates }], note)) === "refused") return false;
  }
  return true;
}

function entryOf({ certificate, retiredAt = 0 }: IssuerRecord): RevokedCertificate {
  return { serial: serialOfCertificate(certificate)!, revokedAt: retiredAt, reason: "superseded" };
}
