/** Who is revoked at a moment, as lists name it: only what has not ended anyway, and a little beyond. */
import { CLOCK_TOLERANCE_MS, isRevocationReason, type RevokedCertificate, sha256Hex } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Context } from "../context.js";
import type { CertificateRecord, RevocationRecord } from "../store/store.js";

const PAGE = 1_000;
/** Members hold a certificate for twice the tolerated skew beyond its end (rule R8); lists name it for an hour more. */
export const NAMED_AFTER_END_MS = 2 * CLOCK_TOLERANCE_MS + 3_600_000;

/** The principal of what a restored authority knows from a list only: it goes on naming that, whichever issuer it was of. */
const UNKNOWN = "";

export interface Revoked {
  /** SHA-256 of certificates whose keys are revoked, 64 hex digits each. */
  readonly hashes: readonly string[];
  readonly members: readonly MemberId[];
  /** SHA-256 of retired issuing certificates. */
  readonly issuers: readonly string[];
  /** All certificates that these concern, by the issuer that signed them (SHA-256 of its certificate). */
  readonly byIssuer: ReadonlyMap<string, readonly RevokedCertificate[]>;
}

export async function revokedAt(context: Context, now: number): Promise<Revoked> {
  const collected = new Collection();
  const unknown: (RevocationRecord & { readonly serial: string })[] = [];
  for await (const revocation of revocationsOf(context)) {
    const { target } = revocation;
    const certificates = await concerned(context, revocation, now - NAMED_AFTER_END_MS);
    for (const certificate of certificates) collected.add(certificate, revocation);
    const isKnown = revocation.principal !== UNKNOWN;
    if (!isKnown && target.kind === "certificate") unknown.push({ ...revocation, serial: target.serial });
    if (target.kind === "principal" && (certificates.length > 0 || !isKnown)) collected.members.push(target.id);
    else if (target.kind === "certificate") for (const { leaf } of certificates) collected.hashes.push(sha256Hex(leaf));
  }
  const issuers = await context.state.records.issuers();
  for (const { fingerprint } of issuers) for (const each of unknown) collected.name(fingerprint, each);
  const retired = issuers.filter(({ state, notAfter }) => state === "retired" && notAfter + NAMED_AFTER_END_MS > now);
  return { ...collected, issuers: retired.map(({ fingerprint }) => fingerprint) };
}

class Collection {
  readonly hashes: string[] = [];
  readonly members: MemberId[] = [];
  readonly byIssuer = new Map<string, RevokedCertificate[]>();
  readonly #seen = new Set<string>();

  /** Once, though its key and its principal may both be revoked. */
  add({ serial, issuer }: CertificateRecord, { at, reason }: RevocationRecord): void {
    if (this.#seen.has(serial)) return;
    this.#seen.add(serial);
    this.name(sha256Hex(issuer), { serial, at, reason });
  }

  name(
    fingerprint: string,
    { serial, at, reason }: Pick<RevocationRecord, "at" | "reason"> & { serial: string },
  ): void {
    const list = this.byIssuer.get(fingerprint) ?? [];
    list.push({ serial, revokedAt: at, reason: isRevocationReason(reason) ? reason : "unspecified" });
    this.byIssuer.set(fingerprint, list);
  }
}

/** All that are on record, the oldest first. */
export async function* revocationsOf({ state }: Context): AsyncGenerator<RevocationRecord> {
  let after = 0;
  for (;;) {
    const page = await state.records.revocations({ after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.sequence;
  }
}

/** The certificates that a revocation takes back and that end after `end`. */
async function concerned(
  { state }: Context,
  { target }: RevocationRecord,
  end: number,
): Promise<readonly CertificateRecord[]> {
  const { records } = state;
  if (target.kind === "principal") return records.certificates({ id: target.id, validAt: end, limit: PAGE });
  const certificate = await records.certificate(target.serial);
  return certificate !== undefined && certificate.notAfter > end ? [certificate] : [];
}
