/**
 * Changing the intermediate that signs members, without a restart of anyone: prepare a new one under the root, activate
 * it, and retire the old one when no certificate that it signed is needed any more, or at once when its key was stolen.
 * Members accept what any intermediate of the root signed, until the revocation list says that it is retired.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  atomicWrite,
  certificatesToPem,
  createIssuing,
  FirefliesError,
  fingerprintOf,
  maySignLists,
  PUBLIC_FILE_MODE,
  validityOfCertificate,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { noteOf } from "../audit/decision-note.js";
import type { Context } from "../context.js";
import { isAwaited, silentSince, validityAt } from "../policy.js";
import { FILES } from "../state/directory.js";
import { FIRST_NETWORK } from "../store/database/migrations.js";
import type { IssuerRecord } from "../store/store.js";
import { publishLists } from "./lists.js";
import { listed } from "./register.js";
import { rootOf } from "./root-key.js";
import { publishRootList, publishRootListIfPossible } from "./root-list.js";

const ISSUING_LIFETIME_MS = 10 * 365 * 86_400_000;
const SECOND_MS = 1_000;
const NAME_DIGITS = 16;
/** Longer than a weekend with the machine switched off, milliseconds. */
const SILENT_MS = 3 * 86_400_000;

/** An intermediate, and which members would be out of the network without it. */
export interface IssuerUse extends IssuerRecord {
  /** Whose newest certificate it signed, not ended and not revoked, and who may still need it. */
  readonly members: number;
  /** Their names, the first hundred. */
  readonly names: readonly string[];
  /** Names of those that do not count though they hold such a certificate: gone, or silent. */
  readonly absent: readonly string[];
}

/** Names that are kept of one intermediate. */
const NAMES_MAX = 100;

/**
 * The intermediates, the oldest first. Members that were not heard of for `silentMs` (three days) do not count, nor those
 * that the operator has declared gone.
 */
export async function issuerUses(context: Context, silentMs: number = SILENT_MS): Promise<IssuerUse[]> {
  const { records } = context.state;
  const now = context.settings.now();
  const since = silentSince(now, silentMs, await records.served());
  const uses = new Map<string, Use>();
  for await (const member of listed(context)) {
    const { issuer = "", status, notAfter = 0, certificateRevoked, principal } = member;
    if (status !== "active" || notAfter <= now || certificateRevoked) continue;
    const use = uses.get(issuer) ?? { members: 0, names: [], absent: [] };
    uses.set(issuer, use);
    if (!isAwaited(member, since)) use.absent.push(principal);
    else if (++use.members <= NAMES_MAX) use.names.push(principal);
  }
  const issuers = await records.issuers();
  return issuers.map((issuer) => ({ ...issuer, ...(uses.get(issuer.fingerprint) ?? UNUSED) }));
}

interface Use {
  members: number;
  readonly names: string[];
  readonly absent: string[];
}

const UNUSED: Omit<IssuerUse, keyof IssuerRecord> = { members: 0, names: [], absent: [] };

/**
 * A new intermediate, not in use yet. `rootKey` is the file of the root's key where it is not in the directory. Rejects
 * with "root-key-missing", "ca-state-mismatch" when that is another key, or "ca-rotation" when one is prepared already.
 */
export async function prepareIssuer(context: Context, rootKey?: string): Promise<IssuerRecord> {
  const { state, settings } = context;
  const known = await state.records.issuers();
  if (known.some((issuer) => issuer.state === "prepared")) throw rotation("One is prepared already.", "Activate it.");
  const root = await rootOf(context, rootKey);
  const { networkId, name } = state.network;
  const keyReference = `issuing-${name}-${toHex(randomBytes(4))}.key.pem`;
  const key = await state.keys.createIssuing(keyReference);
  await key.close();
  const now = settings.now();
  const validity = validityAt(now, ISSUING_LIFETIME_MS);
  // Later than all before it: the order of the lists that they sign depends on it.
  const newest = Math.max(...known.map(({ notBefore }) => notBefore));
  const certificate = await createIssuing({
    name: `fireflies issuing ${toHex(networkId).slice(0, NAME_DIGITS)} ${keyReference.slice(-16, -8)}`,
    spki: key.spki,
    network: state.network,
    root,
    validity: { ...validity, notBefore: Math.max(validity.notBefore, newest + SECOND_MS) },
  });
  const record = preparedRecord(certificate, keyReference, now);
  const decision = { kind: "issuer-prepared", fingerprint: record.fingerprint, at: now } as const;
  if ((await state.records.prepareIssuer(record, noteOf(decision))) === "refused")
    throw rotation("It is known already.");
  state.issuers.forget();
  settings.onDecision(decision);
  if (maySignLists(state.root)) await publishRootList(context, { rootKey });
  return record;
}

function preparedRecord(certificate: Uint8Array, keyReference: string, preparedAt: number): IssuerRecord {
  const { notBefore, notAfter } = validityOfCertificate(certificate)!;
  const times = { notBefore, notAfter, preparedAt, activatedAt: undefined, retiredAt: undefined };
  return { fingerprint: fingerprintOf(certificate), certificate, state: "prepared", keyReference, ...times };
}

/** From now on the prepared one signs; what the one before signed stays good. Rejects with "ca-rotation" when none is prepared. */
export async function activateIssuer(context: Context): Promise<IssuerRecord> {
  const { state, settings } = context;
  const prepared = (await state.records.issuers()).find((issuer) => issuer.state === "prepared");
  if (prepared === undefined) throw rotation("None is prepared.", "Prepare one first.");
  await state.issuers.signing(prepared); // Its key must be here.
  const at = settings.now();
  const decision = { kind: "issuer-activated", fingerprint: prepared.fingerprint, at } as const;
  const outcome = await state.records.activateIssuer(prepared.fingerprint, at, noteOf(decision));
  if (outcome === "refused") throw rotation("Somebody else was faster.");
  state.issuers.forget();
  settings.onDecision(decision);
  await publishLists(context);
  if (state.network.name === FIRST_NETWORK) {
    const file = join(settings.directory, FILES.issuer);
    await atomicWrite(file, certificatesToPem(prepared.certificate), PUBLIC_FILE_MODE);
  }
  return { ...prepared, state: "active", activatedAt: at };
}

export interface Retirement {
  /** Of the one to retire, or its beginning; the outgoing one when left out. */
  readonly fingerprint?: string | undefined;
  /** Also while members need it: they are out then. */
  readonly force?: boolean | undefined;
  /** Members that were not heard of for so long do not count, milliseconds (three days). */
  readonly silentMs?: number | undefined;
  /** File of the root's key, for the root's own list, where it is not in the directory. */
  readonly rootKey?: string | undefined;
}

/**
 * Takes an intermediate back: members refuse whatever it signed. Rejects with "ca-unknown", or with "ca-rotation" when it
 * is active, or members still need it and `force` is not set.
 */
export async function retireIssuer(
  context: Context,
  { fingerprint, force = false, silentMs, rootKey }: Retirement,
): Promise<IssuerUse> {
  const { state, settings } = context;
  const issuer = chosen(await issuerUses(context, silentMs), fingerprint);
  if (issuer.state === "active") throw rotation("It is the active one.", "Prepare and activate another one first.");
  if (issuer.members > 0 && !force) {
    throw rotation(stillNeeded(issuer), WHAT_HELPS);
  }
  const at = settings.now();
  const decision = { kind: "issuer-retired", fingerprint: issuer.fingerprint, at } as const;
  const outcome = await state.records.retireIssuer(issuer.fingerprint, at, noteOf(decision));
  if (outcome === "refused") throw rotation("It is retired already.");
  state.issuers.forget();
  settings.onDecision(decision);
  await publishLists(context);
  if (rootKey === undefined) await publishRootListIfPossible(context);
  else await publishRootList(context, { rootKey });
  return { ...issuer, state: "retired", retiredAt: at };
}

function chosen(issuers: readonly IssuerUse[], fingerprint: string | undefined): IssuerUse {
  const found =
    fingerprint === undefined
      ? issuers.filter(({ state }) => state === "outgoing")
      : issuers.filter((issuer) => issuer.fingerprint.startsWith(fingerprint.toLowerCase()));
  const [issuer] = found;
  if (issuer !== undefined && found.length === 1) return issuer;
  if (fingerprint === undefined && found.length === 0) {
    throw rotation("None is outgoing.", "Prepare and activate another one first.");
  }
  if (fingerprint === undefined) throw rotation(`${found.length} are outgoing.`, "Say which by its fingerprint.");
  throw new FirefliesError("ca-unknown", `${found.length} issuing certificates begin with ${fingerprint}.`);
}

const WHAT_HELPS =
  "Wait until they have renewed, say which do not come back with `fireflies ca gone NAME`, or force it if its key was stolen.";
/** Names that a message has room for. */
const NAMES_SHOWN = 5;

function stillNeeded({ members, names }: IssuerUse): string {
  const who = members === 1 ? "1 member has" : `${members} members have`;
  const more = members > NAMES_SHOWN ? ` and ${members - NAMES_SHOWN} more` : "";
  const shown = names.slice(0, NAMES_SHOWN).join(", ");
  return `${who} no newer certificate than one that it signed, and would be out: ${shown}${more}.`;
}

function rotation(why: string, advice?: string): FirefliesError {
  return new FirefliesError("ca-rotation", why, { advice });
}
