/** What a member gets: its certificate, and contacts to begin with. */
import type { MemberId } from "../../rings/index.js";
import type { Context } from "../context.js";
import { dueAt } from "../policy.js";
import type { CertificateRecord, ContactRecord } from "../store/store.js";

/** A certificate with what a member needs beside it. */
export interface Issued {
  readonly id: MemberId;
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
  readonly root: Uint8Array;
  readonly contacts: readonly ContactRecord[];
}

/** Takes the addresses that came with a request, when there are any, and answers with the certificate. */
export async function answer(
  context: Context,
  record: CertificateRecord,
  addresses: readonly string[],
): Promise<Issued> {
  const { records, root } = context.state;
  const { id, leaf, issuer } = record;
  const at = context.settings.now();
  if (addresses.length > 0) await records.report({ id, addresses, at, dueAt: dueAt(at), leaving: false });
  return { id, leaf, issuer, root, contacts: await contactsFor(context, id) };
}

/** Members to begin with, other than the one that asks. */
export async function contactsFor({ state, settings }: Context, except: MemberId): Promise<ContactRecord[]> {
  const { bootNodes, now } = settings;
  return state.records.contacts({ except, now: now(), limit: bootNodes });
}
