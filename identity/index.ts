/** identity/: keys, certificates, requests, signatures, and their files; the one room below client/ and ca/ with node:crypto. */

export { requestAdvice } from "./advice.js";
export {
  AGREEMENT_KEY_BYTES,
  type AgreementKey,
  agreementKeyFromSecret,
  generateAgreementKey,
  hmac16,
  MAC_BYTES,
  type PairwiseInput,
  pairwiseKey,
} from "./agreement.js";
export { type AnchorSigner, anchorSignerOf } from "./anchor-key.js";
export {
  ADDRESS_CHARACTERS_MAX,
  ADDRESSES_MAX,
  AUTHORITY_BODY_BYTES_MAX,
  AUTHORITY_PATHS,
  type CertificateAnswer,
  type ChallengeAnswer,
  type ContactAnswer,
  type EnrollBody,
  type ErrorAnswer,
  type NetworkAnswer,
  PROXY_FORMS,
  type ProxyForm,
  REPORT_NEXT_SECONDS_MAX,
  type RenewBody,
  type ReportAnswer,
  type ReportBody,
  type RevocationsAnswer,
} from "./authority-api.js";
export {
  type AuthorityChain,
  authorityProblem,
  fingerprintOf,
  networkOfIssuing,
  revocationProblem,
  rootProblem,
  serialOfCertificate,
  spkiOfCertificate,
  validityOfCertificate,
} from "./authority-certificate.js";
export { CERTIFICATE_BYTES_MAX } from "./certificate-fields.js";
export { behindAuthority, CLOCK_ADVICE, datesMissed, spanText } from "./clock-words.js";
export {
  createCrl,
  isRevocationReason,
  maySignLists,
  REVOCATION_REASONS,
  type RevocationReason,
  type RevokedCertificate,
} from "./crl.js";
export { RunningDigest, sha256, sha256Hex, sha256Into } from "./digest.js";
export {
  anyKeyFromPem,
  encryptedKeyToPem,
  isEncryptedPem,
  keyPairFromPem,
  PASSPHRASE_MAX,
  PASSPHRASE_MIN,
} from "./encrypted-key.js";
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorCodeEntry,
  FirefliesError,
  type FirefliesErrorOptions,
  isErrorCode,
} from "./error.js";
export {
  DELTA_MS_MAX,
  NETWORK_EXTENSION_OID,
  NETWORK_ID_BYTES,
  type NetworkConstants,
  networkProblem,
  sameNetwork,
} from "./extension.js";
export {
  atomicWrite,
  isCode,
  KEY_FILE_MODE,
  kindOf,
  lookAt,
  messageOf,
  PUBLIC_FILE_MODE,
  readKeyText,
  readSecret,
  readText,
  requirePrivate,
  syncDirectory,
} from "./files.js";
export {
  CERTIFICATE_FILE,
  type Identity,
  KEY_FILE,
  type LoadOptions,
  loadIdentity,
  NEXT_KEY_FILE,
  nextKey,
  ROOT_FILE,
  saveIdentity,
} from "./identity.js";
export { type ImportedRoot, type ImportSource, readImport } from "./imported-root.js";
export type { Issuer, Signer, Validity } from "./issuer.js";
export {
  createIssuing,
  createRoot,
  issueMember,
  issueServer,
  issueStatusResponder,
  newSerial,
} from "./issuing.js";
export {
  CLAIM_PLACEHOLDER,
  isCompactJwt,
  JWT_CHARACTERS_MAX,
  JWT_POLICIES_MAX,
  type JwtPolicy,
  jwtPolicyProblem,
} from "./jwt-policy.js";
export {
  generateKeyPair,
  type KeyPair,
  keyPairOf,
  type PrivateKey,
  privateKeyFromPem,
  privateKeyToPem,
  publicKeyFromSpki,
} from "./keys.js";
export { containedLogger, LOG_LEVELS, type Logger, type LogLevel } from "./logger.js";
export {
  type CertificateChain,
  CLOCK_TOLERANCE_MS,
  compareCertificates,
  type DateClock,
  dateProblem,
  hasKey,
  type MemberCertificate,
  readChain,
  serialToHex,
  type Verdict,
  type VerifyOptions,
  verifyAgainst,
  verifyMemberCertificate,
} from "./member-certificate.js";
export { outOfRange, wrongType } from "./misuse.js";
export {
  type CertificateStatus,
  createStatusAnswer,
  isAboutIssuer,
  readStatusRequest,
  STATUS_REQUEST_BYTES_MAX,
  type StatusQuestion,
  statusFailure,
} from "./ocsp.js";
export { type OpenedCrl, openCrl } from "./opened-crl.js";
export { missing } from "./optional.js";
export { checkOutput, type Output, type OutputOptions, writeOutput } from "./output-file.js";
export { holderOf, makeDirectory, requireOwnDirectory, takeDirectory } from "./own-directory.js";
export { pathProblem } from "./path.js";
export { certificatesFromPem, certificatesToPem, derToPem } from "./pem.js";
export { certificatesToPkcs7 } from "./pkcs7.js";
export { PKCS12_BYTES_MAX, type Pkcs12Content, type Pkcs12Input, readPkcs12, writePkcs12 } from "./pkcs12.js";
export { AUTHORITY_NAME, isNamePattern, isPrincipal, reservedFor } from "./principal.js";
export { signRaw } from "./raw-signature.js";
export {
  isReplyCode,
  REPLY_CODE_MAX,
  ReplyError,
  type ReplyErrorOptions,
  readReply,
  replyCode,
} from "./reply-error.js";
export { createRequest, type OpenedRequest, openRequest, REQUEST_BYTES_MAX } from "./request.js";
export { encodeRevocations, type Revocations, revocationNumber } from "./revocation-list.js";
export { hmacSha256, randomSecret } from "./secret.js";
export { shown } from "./shown.js";
export { SIGNATURE_BYTES, type SignatureType, sign, signedBytes, verify, verifyAsync } from "./signature.js";
export {
  ACCEPT_SIGNATURE,
  type CallProof,
  callProofIn,
  isProven,
  isSignatureWanted,
  signatureWanted,
  signCall,
} from "./signed-call.js";
export { titleOf } from "./title.js";
export { decodeToken, type EnrolmentToken, encodeToken, isAuthorityUrl, TOKEN_SECRET_BYTES } from "./token.js";
