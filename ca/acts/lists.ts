/**
 * The signed revocation lists of a network: one that members gossip (docs/protocol.md, R17), and one in X.509 for each
 * issuing certificate (RFC 5280, section 5). All of one turn have one number and are stored together, so that every
 * replica serves the same.
 */
import {
  CLOCK_TOLERANCE_MS,
  createCrl,
  encodeRevocations,
  FirefliesError,
  type Issuer,
  revocationNumber,
  SIGNATURE_BYTES,
  signedBytes,
} from "../../identity/index.js";
import { concatBytes, equalBytes } from "../../rings/index.js";
import type { Context } from "../context.js";
import type { SigningIssuer } from "../state/issuers.js";
import type { IssuerRecord, ListRecord, ListTurn } from "../store/store.js";
import { type Revoked, revokedAt } from "./revoked.js";

/** Others may publish at the same moment; more of them than this is no coincidence. */
const ATTEMPTS_MAX = 8;
/** A list is made anew after this share of its life, so that members hold one that is good for long. */
const RENEW_AT = 1 / 4;
const GOSSIP_KIND = "gossip";
/** Kind of an issuer's X.509 list; of the root's, too. */
export const crlKind = (fingerprint: string) => `crl ${fingerprint}`;

/** The list that members gossip: what is signed, by what. */
export interface SignedList {
  readonly number: bigint;
  readonly body: Uint8Array;
  /** r || s. */
  readonly signature: Uint8Array;
  /** The issuing certificate, DER. */
  readonly issuer: Uint8Array;
}

/** Signs and stores lists of what is revoked now. */
export async function publishLists(context: Context): Promise<void> {
  const { state, settings } = context;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const at = settings.now();
    const turn = await state.records.listTurn(at);
    const lists = await signedLists(context, turn, at);
    const note = { kind: "list-published", at, fields: { number: turn.number, revocations: turn.upTo } };
    if ((await state.records.saveLists(turn, lists, note)) === "recorded") return;
  }
  throw new FirefliesError("authority-failed", "The revocation list could not be published: others keep doing so.");
}

/** As `publishLists`, when there is none yet, or the newest is old, or misses something. */
export async function publishIfDue(context: Context): Promise<void> {
  const { state, settings } = context;
  const list = await state.records.list(GOSSIP_KIND);
  if (list === undefined || (await isDue(context, list, settings.now()))) await publishLists(context);
}

async function isDue({ state }: Context, list: ListRecord, now: number): Promise<boolean> {
  const { upTo, thisUpdate, nextUpdate } = list;
  const isOld = now > thisUpdate + (nextUpdate - thisUpdate) * RENEW_AT || now < thisUpdate - CLOCK_TOLERANCE_MS;
  if (isOld || (await state.records.listTurn(now)).upTo !== upTo) return true;
  const { record } = await state.issuers.active();
  if (!equalBytes(decodeSigned(list).issuer, record.certificate)) return true;
  return (await state.issuers.all()).some(({ retiredAt }) => retiredAt !== undefined && retiredAt >= thisUpdate);
}

/** The newest that was published; undefined before the first. */
export async function gossipList({ state }: Context): Promise<SignedList | undefined> {
  const list = await state.records.list(GOSSIP_KIND);
  return list === undefined ? undefined : decodeSigned(list);
}

/** DER of the newest X.509 list of an issuer; undefined when there is none. */
export async function crlOf({ state }: Context, fingerprint: string): Promise<ListRecord | undefined> {
  return state.records.list(crlKind(fingerprint));
}

async function signedLists(context: Context, turn: ListTurn, now: number): Promise<ListRecord[]> {
  const { state, settings } = context;
  const revoked = await revokedAt(context, now);
  state.issuers.forget(); // A rotation a moment ago must show.
  const dates = { ...turn, thisUpdate: now, nextUpdate: now + settings.listLifetimeMs };
  const lists = [{ kind: GOSSIP_KIND, ...dates, bytes: await signGossip(context, dates, revoked) }];
  for (const record of await state.issuers.trusted()) {
    const bytes = await signCrl(context, record, dates, revoked);
    if (bytes !== undefined) lists.push({ kind: crlKind(record.fingerprint), ...dates, bytes });
  }
  return lists;
}

type Dates = Omit<ListRecord, "kind" | "bytes">;

async function signGossip(
  { state }: Context,
  { number, thisUpdate, nextUpdate }: Dates,
  { hashes, members, issuers }: Revoked,
): Promise<Uint8Array> {
  const { certificate, sign } = await state.issuers.active();
  const body = encodeRevocations({
    number: revocationNumber(certificate, number),
    issuedAt: thisUpdate,
    nextUpdate,
    certificates: hashes,
    members,
    issuers,
  });
  const signature = await sign(signedBytes("revocation", state.network.networkId, body));
  return concatBytes(signature, lengthOf(body), body, certificate);
}

/** Undefined for one whose key is not here: a prepared one on its way to this replica, or one that was destroyed. */
async function signCrl(
  { state }: Context,
  record: IssuerRecord,
  { number, thisUpdate, nextUpdate }: Dates,
  { byIssuer }: Revoked,
): Promise<Uint8Array | undefined> {
  const issuer = await signingOrNone(state.issuers.signing(record), record);
  if (issuer === undefined) return undefined;
  return createCrl({
    issuer,
    number: revocationNumber(record.certificate, number),
    validity: { notBefore: thisUpdate - CLOCK_TOLERANCE_MS, notAfter: nextUpdate },
    revoked: byIssuer.get(record.fingerprint) ?? [],
  });
}

async function signingOrNone(signing: Promise<SigningIssuer>, { state }: IssuerRecord): Promise<Issuer | undefined> {
  try {
    return await signing;
  } catch (error) {
    if (state === "active") throw error;
    return undefined;
  }
}

const LENGTH_BYTES = 4;

function lengthOf(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(bytes.length);
  return length;
}

/** Signature, length of the body, body, certificate: our own record, so nothing of it is doubted. */
function decodeSigned({ bytes }: ListRecord): SignedList {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = SIGNATURE_BYTES + LENGTH_BYTES;
  const end = start + buffer.readUInt32BE(SIGNATURE_BYTES);
  const body = bytes.slice(start, end);
  const number = buffer.readBigUInt64BE(start + 1);
  return { number, body, signature: bytes.slice(0, SIGNATURE_BYTES), issuer: bytes.slice(end) };
}
