/** The certificate authority: `import { CertificateAuthority, serveAuthority } from "fireflies/ca"`. */
export { FirefliesError } from "../identity/index.js";
export {
  type Admission,
  CertificateAuthority,
  type EnrollInput,
  type Issued,
  type OfflineInput,
} from "./authority.js";
export type { AuthorityOptions, Decision } from "./options.js";
export { type AuthorityServer, type ServeOptions, serveAuthority } from "./server.js";
export type { ContactRecord } from "./store.js";
