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
  PUBLIC_FILE_MODE,
  validityOfCertificate,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { noteOf } from "../audit/decision-note.js";
import type { Context } from "../context.js";
import { validityAt } from "../policy.js";
import { FILES } from "../state/directory.js";
import { FIRST_NETWORK } from "../store/database/migrations.js";
import type { IssuerRecord } from "../store/store.js";
import { publishLists } from "./lists.js";
import { rootOf } from "./root-key.js";

const ISSUING_LIFETIME_MS = 10 * 365 * 86_400_000;
const SECOND_MS = 1_000;
const NAME_DIGITS = 16;
const PAGE = 1_000;

/** An intermediate, and how many members would be out of the network without it. */
export interface IssuerUse extends IssuerRecord {
  /** Whose newest certificate it signed, not ended and not thrown out. */
  readonly members: number;
}

/** The intermediates, the oldest first. */
export async function issuerUses(context: Context): Promise<IssuerUse[]> {
  const counts = new Map<string, number>();
  for await (const issuer of issuersInUse(context)) {
    const fingerprint = fingerprintOf(issuer);
    counts.set(fingerprint, (counts.get(fingerprint) ?? 0) + 1);
  }
  const issuers = await context.state.records.issuers();
  return issuers.map((issuer) => ({ ...issuer, members: counts.get(issuer.fingerprint) ?? 0 }));
}

/** Of each member's newest certificate, the one that signed it. */
async function* issuersInUse({ state, settings }: Context): AsyncGenerator<Uint8Array> {
  let after: string | undefined;
  for (;;) {
    const page = await state.records.members({ limit: PAGE, after });
    for (const { serial, status, notAfter } of page) {
      if (serial === undefined || status !== "active" || (notAfter ?? 0) <= settings.now()) continue;
      const certificate = await state.records.certificate(serial);
      if (certificate !== undefined) yield certificate.issuer;
    }
    after = page.at(-1)?.principal;
    if (page.length < PAGE) return;
  }
}

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

/**
 * Takes an intermediate back: members refuse whatever it signed. `fingerprint`, or its beginning, says which; without it
 * the outgoing one. Rejects with "ca-unknown", or with "ca-rotation" when it is active, or members still need it and
 * `force` is not set.
 */
export async function retireIssuer(
  context: Context,
  { fingerprint, force = false }: { readonly fingerprint?: string | undefined; readonly force?: boolean },
): Promise<IssuerRecord> {
  const { state, settings } = context;
  const issuer = chosen(await issuerUses(context), fingerprint);
  if (issuer.state === "active") throw rotation("It is the active one.", "Prepare and activate another one first.");
  if (issuer.members > 0 && !force) {
    throw rotation(stillNeeded(issuer), "Wait until they have renewed, or force it if its key was stolen.");
  }
  const at = settings.now();
  const decision = { kind: "issuer-retired", fingerprint: issuer.fingerprint, at } as const;
  const outcome = await state.records.retireIssuer(issuer.fingerprint, at, noteOf(decision));
  if (outcome === "refused") throw rotation("It is retired already.");
  state.issuers.forget();
  settings.onDecision(decision);
  await publishLists(context);
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

function stillNeeded({ members }: IssuerUse): string {
  const who = members === 1 ? "1 member has" : `${members} members have`;
  return `${who} no newer certificate than one that it signed, and would be out.`;
}

function rotation(why: string, advice?: string): FirefliesError {
  return new FirefliesError("ca-rotation", why, { advice });
}
