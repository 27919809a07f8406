/** The certificate authority: `import { CertificateAuthority, serveAuthority } from "fireflies/ca"`. */
export { FirefliesError } from "../identity/index.js";
export type { Admission, EnrollInput } from "./admission.js";
export type { Issued } from "./answer.js";
export { CertificateAuthority } from "./authority.js";
export type { OfflineInput } from "./offline.js";
export type { Operator } from "./operator.js";
export type { AuthorityOptions, Decision } from "./options.js";
export type { CertificateView, MemberView, RingView } from "./register.js";
export type { IssuerUse } from "./rotation.js";
export { type AuthorityServer, type ServeOptions, serveAuthority } from "./server.js";
export { type BackupOptions, type BackupResult, backUpAuthority } from "./backup.js";
export { type RestoreOptions, type RestoreResult, restoreAuthority } from "./restore.js";
export type { ContactRecord, IssuerRecord, MemberRecord, PrincipalRecord } from "./store.js";
