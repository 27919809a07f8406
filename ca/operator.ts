/** What only an operator may do: take membership back and give it again, change intermediates, and look at the records. */
import type { Output, RevocationReason } from "../identity/index.js";
import { crlOf } from "./acts/lists.js";
import { findMember, type ListedMember, listed, type MemberView, showMember } from "./acts/register.js";
import { readmit, revokeKey, revokePrincipal } from "./acts/revocation.js";
import { exportRootKey, removeRootKey } from "./acts/root-key.js";
import { publishRootList, publishRootListIfPossible, type RootListOptions, rootList } from "./acts/root-list.js";
import {
  activateIssuer,
  type IssuerUse,
  issuerUses,
  prepareIssuer,
  type Retirement,
  retireIssuer,
} from "./acts/rotation.js";
import { cancelTokens, openTokens } from "./acts/upkeep/cancel.js";
import { declareGone } from "./acts/upkeep/gone.js";
import { type Pruned, type PruneOptions, prune } from "./acts/upkeep/prune.js";
import type { AuditVerdict } from "./audit/audit.js";
import { auditEntries, exportAudit, verifyStoredAudit } from "./audit/audit-access.js";
import type { Context } from "./context.js";
import type {
  AuditEntry,
  AuditHead,
  CertificateRecord,
  IssuerRecord,
  ListRecord,
  MemberRecord,
  OpenToken,
  PrincipalRecord,
} from "./store/store.js";

export class Operator {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Revokes the key of the certificate with this serial number (hexadecimal), every certificate for it, and the keys that
   * it was renewed to (not with `keyOnly`), whose certificates it resolves with. The principal may enrol again with another
   * key. Rejects with "ca-unknown" or "ca-revoked-already".
   */
  revokeKey(
    serial: string,
    reason: RevocationReason = "keyCompromise",
    { keyOnly }: { readonly keyOnly?: boolean | undefined } = {},
  ): Promise<readonly CertificateRecord[]> {
    return revokeKey(this.#context, serial, { reason, keyOnly });
  }

  /** Throws a principal out. Rejects with "ca-unknown" or "ca-revoked-already". */
  revokePrincipal(principal: string, reason: RevocationReason = "privilegeWithdrawn"): Promise<void> {
    return revokePrincipal(this.#context, principal, reason);
  }

  /** Tokens that still admit somebody, the next to end first. */
  openTokens(): Promise<readonly OpenToken[]> {
    return openTokens(this.#context);
  }

  /** Takes tokens back: one by its text or its first digits, or all open ones for a name. Rejects with "ca-unknown". */
  cancelTokens(query: string): Promise<readonly OpenToken[]> {
    return cancelTokens(this.#context, query);
  }

  /** Lets a principal in again, with another id; its old one is revoked. It enrols with a new token. Rejects with "ca-unknown". */
  readmit(principal: string): Promise<PrincipalRecord> {
    return readmit(this.#context, principal);
  }

  /** The audit's entries after the number `after` (0 for all), in order. */
  audit(after = 0): AsyncIterable<AuditEntry> {
    return auditEntries(this.#context, after);
  }

  /** The newest entry. */
  auditHead(): Promise<AuditHead> {
    return this.#context.state.store.auditHead();
  }

  /** The same as lines to keep elsewhere; the last one is the head, signed with the issuing key. See `verifyAudit`. */
  exportAudit(after = 0): AsyncIterable<string> {
    return exportAudit(this.#context, after);
  }

  /** Whether the audit in the store is whole, and goes on from the head of an earlier export. */
  verifyAudit(since?: AuditHead): Promise<AuditVerdict> {
    return verifyStoredAudit(this.#context, since);
  }

  /**
   * Takes away certificates and tokens of this network that ended long ago, and with `auditFile` the audit's oldest entries.
   * Rejects with "output-failed" or "audit-broken"; then the audit is as it was.
   */
  prune(options: PruneOptions = {}): Promise<Pruned> {
    return prune(this.#context, options);
  }

  /** All principals, by name. */
  list(): AsyncIterable<ListedMember> {
    return listed(this.#context);
  }

  /** By name, or by 6 digits or more of id or serial number. Rejects with "ca-unknown". */
  find(query: string): Promise<MemberRecord> {
    return findMember(this.#context, query);
  }

  /** As `find`, with certificates and ring neighbours. */
  show(query: string): Promise<MemberView> {
    return showMember(this.#context, query);
  }

  /** Names, or patterns as `job-*`, of members that do not come back with what they hold. Rejects with "ca-unknown". */
  declareGone(...names: readonly string[]): Promise<readonly MemberRecord[]> {
    return declareGone(this.#context, names);
  }

  /** The intermediates, the oldest first, and which members would be out without each. `silentMs` as of `Retirement`. */
  issuers(silentMs?: number): Promise<IssuerUse[]> {
    return issuerUses(this.#context, silentMs);
  }

  /** See rotation.ts. `rootKey` is a file, where the root's key is not in the directory. */
  prepareIssuer(rootKey?: string): Promise<IssuerRecord> {
    return prepareIssuer(this.#context, rootKey);
  }

  activateIssuer(): Promise<IssuerRecord> {
    return activateIssuer(this.#context);
  }

  retireIssuer(options: Retirement = {}): Promise<IssuerUse> {
    return retireIssuer(this.#context, options);
  }

  /** DER of the newest X.509 list of an issuing certificate, by its SHA-256; of the active one when left out. */
  async crl(fingerprint?: string): Promise<Uint8Array | undefined> {
    return (await this.publishedCrl(fingerprint))?.bytes;
  }

  /** The same with its dates. */
  async publishedCrl(fingerprint?: string): Promise<ListRecord | undefined> {
    const { issuers } = this.#context.state;
    return crlOf(this.#context, fingerprint ?? (await issuers.active()).record.fingerprint);
  }

  /** The root's own X.509 list, of retired intermediates, and how many it does not name yet; undefined before the first. */
  rootCrl(): Promise<(ListRecord & { readonly missing: number }) | undefined> {
    return rootList(this.#context);
  }

  /** Signs the root's list anew. Rejects with "root-key-missing", "ca-state-mismatch" or "ca-options-invalid". */
  publishRootCrl(options: RootListOptions = {}): Promise<void> {
    return publishRootList(this.#context, options);
  }

  /** Copies the root's key as it is, encrypted or not, to a new file or into a stream. Rejects with "root-key-missing" or "output-failed". */
  exportRootKey(output: Output): Promise<void> {
    return exportRootKey(this.#context, output);
  }

  /** Removes the root's key from the directory, once `copy` proved to hold it. Rejects with "root-key-missing" or "ca-state-mismatch". */
  async removeRootKey(copy: string): Promise<void> {
    await publishRootListIfPossible(this.#context); // It is the last time for long.
    await removeRootKey(this.#context, copy);
  }
}
