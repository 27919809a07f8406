/** The certificate authority: `import { CertificateAuthority, serveAuthority } from "fireflies/ca"`. */
export { FirefliesError } from "../identity/index.js";
export type { Admission, EnrollInput } from "./admission.js";
export type { Issued } from "./answer.js";
export { CertificateAuthority } from "./authority.js";
export type { OfflineInput } from "./offline.js";
export type { AuthorityOptions, Decision } from "./options.js";
export { type AuthorityServer, type ServeOptions, serveAuthority } from "./server.js";
export type { ContactRecord } from "./store.js";
