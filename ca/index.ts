/** The certificate authority: `import { CertificateAuthority, serveAuthority } from "fireflies/ca"`. */
export {
  FirefliesError,
  type ImportedRoot,
  type ImportSource,
  type Logger,
  type ProxyForm,
  readImport,
} from "../identity/index.js";
export type { Admission, EnrollInput } from "./acts/admission.js";
export type { Issued } from "./acts/answer.js";
export type { OfflineInput } from "./acts/offline.js";
export type { CertificateView, ListedMember, MemberView, RingView } from "./acts/register.js";
export type { IssuerUse, Retirement } from "./acts/rotation.js";
export type { Pruned, PruneOptions } from "./acts/upkeep/prune.js";
export { type AuditVerdict, readHead, verifyAudit } from "./audit/audit.js";
export { CertificateAuthority } from "./authority.js";
export { type BackupOptions, type BackupResult, backUpAuthority } from "./backup/backup.js";
export { type RestoreOptions, type RestoreResult, restoreAuthority } from "./backup/restore.js";
export { SERVICE_LIMITS, type ServiceLimits } from "./gate/service-limits.js";
export type { ProxyOptions } from "./gate/trusted-proxies.js";
export { type AuthorityServer, type ServeOptions, serveAuthority } from "./http/server.js";
export type { RequestRecord } from "./http/service-metrics.js";
export type { KeyOptions } from "./keys/key-cabinet.js";
export { changePassphrase, type PassphraseChange } from "./keys/passphrase.js";
export type { SigningKey } from "./keys/signing-key.js";
export type { Operator } from "./operator.js";
export type { AuthorityOptions, Decision } from "./options.js";
export type {
  AuditEntry,
  AuditHead,
  CertificateRecord,
  ContactRecord,
  IssuerRecord,
  MemberRecord,
  OpenToken,
  PrincipalRecord,
} from "./store/store.js";
