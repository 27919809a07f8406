/** identity/: keys, certificates, requests, signatures, and their files; the one room below client/ and ca/ with node:crypto. */

export {
  AGREEMENT_KEY_BYTES,
  type AgreementKey,
  agreedBytes,
  agreementKeyFromSecret,
  generateAgreementKey,
  hmac16,
  MAC_BYTES,
  type PairwiseInput,
  pairwiseKey,
} from "./calls/agreement.js";
export { bytesWithin, isRecord } from "./calls/answer.js";
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
} from "./calls/authority-api.js";
export {
  CLAIM_PLACEHOLDER,
  isCompactJwt,
  JWT_CHARACTERS_MAX,
  JWT_POLICIES_MAX,
  type JwtPolicy,
  jwtPolicyProblem,
} from "./calls/jwt-policy.js";
export {
  ACCEPT_SIGNATURE,
  type CallProof,
  callProofIn,
  isProven,
  isSignatureWanted,
  signatureWanted,
  signCall,
} from "./calls/signed-call.js";
export { decodeToken, type EnrolmentToken, encodeToken, isAuthorityUrl, TOKEN_SECRET_BYTES } from "./calls/token.js";
export { requestAdvice } from "./certificates/advice.js";
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
} from "./certificates/authority-certificate.js";
export { CERTIFICATE_BYTES_MAX } from "./certificates/certificate-fields.js";
export { type OpenedCms, openCms, signCms } from "./certificates/cms.js";
export {
  DELTA_MS_MAX,
  NETWORK_EXTENSION_OID,
  NETWORK_ID_BYTES,
  type NetworkConstants,
  networkProblem,
  sameNetwork,
} from "./certificates/extension.js";
export { type ImportedRoot, type ImportSource, readImport } from "./certificates/imported-root.js";
export type { Issuer, Signer, Validity } from "./certificates/issuer.js";
export {
  createIssuing,
  createRoot,
  issueMember,
  issueServer,
  issueStatusResponder,
  newSerial,
} from "./certificates/issuing.js";
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
} from "./certificates/member-certificate.js";
export { pathProblem } from "./certificates/path.js";
export { certificatesToPkcs7 } from "./certificates/pkcs7.js";
export { createRequest, type OpenedRequest, openRequest, REQUEST_BYTES_MAX } from "./certificates/request.js";
export { encodeRevocations, type Revocations, revocationNumber } from "./certificates/revocation-list.js";
export { behindAuthority, CLOCK_ADVICE, datesMissed, spanText } from "./clock-words.js";
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorCodeEntry,
  isErrorCode,
} from "./errors/codes.js";
export { FirefliesError, type FirefliesErrorOptions } from "./errors/error.js";
export { outOfRange, wrongType } from "./errors/misuse.js";
export {
  isReplyCode,
  REPLY_CODE_MAX,
  ReplyError,
  type ReplyErrorOptions,
  readReply,
  replyCode,
} from "./errors/reply-error.js";
export { shown } from "./errors/shown.js";
export {
  atomicWrite,
  isCode,
  KEY_FILE_MODE,
  kindOf,
  lookAt,
  messageOf,
  PUBLIC_FILE_MODE,
  readAtMost,
  readKeyText,
  readSecret,
  readText,
  requirePrivate,
  syncDirectory,
} from "./files/files.js";
export { checkOutput, type Output, type OutputOptions, writeOutput } from "./files/output-file.js";
export { exposureOf, holderOf, makeDirectory, requireOwnDirectory, takeDirectory } from "./files/own-directory.js";
export { hmacSha256, randomSecret } from "./files/secret.js";
export {
  CERTIFICATE_FILE,
  type Identity,
  type IdentityPem,
  identityFromPem,
  identityToPem,
  KEY_FILE,
  type LoadOptions,
  loadIdentity,
  NEXT_KEY_FILE,
  nextKey,
  ROOT_FILE,
  saveIdentity,
} from "./identity.js";
export { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, seal, unseal } from "./keys/aead.js";
export { type AnchorSigner, anchorSignerOf } from "./keys/anchor-key.js";
export { RunningDigest, sha256, sha256Hex, sha256Into } from "./keys/digest.js";
export {
  anyKeyFromPem,
  encryptedKeyToPem,
  isEncryptedPem,
  keyPairFromPem,
  PASSPHRASE_MAX,
  PASSPHRASE_MIN,
} from "./keys/encrypted-key.js";
export {
  generateKeyPair,
  type KeyPair,
  keyPairOf,
  type PrivateKey,
  privateKeyFromPem,
  privateKeyToPem,
  publicKeyFromSpki,
} from "./keys/keys.js";
export { certificatesFromPem, certificatesToPem, derToPem } from "./keys/pem.js";
export { PKCS12_BYTES_MAX, type Pkcs12Content, type Pkcs12Input, readPkcs12, writePkcs12 } from "./keys/pkcs12.js";
export { signRaw } from "./keys/raw-signature.js";
export { SIGNATURE_BYTES, type SignatureType, sign, signedBytes, verify, verifyAsync } from "./keys/signature.js";
export { containedLogger, LOG_LEVELS, type Logger, type LogLevel } from "./logger.js";
export { missing } from "./optional.js";
export {
  AUTHORITY_NAME,
  isNamePattern,
  isPrincipal,
  PRINCIPAL_CHARACTERS_MAX,
  reservedFor,
  reservedPattern,
} from "./principal.js";
export {
  createCrl,
  isRevocationReason,
  maySignLists,
  REVOCATION_REASONS,
  type RevocationReason,
  type RevokedCertificate,
} from "./revocation/crl.js";
export {
  type CertificateStatus,
  createStatusAnswer,
  isAboutIssuer,
  readStatusRequest,
  STATUS_REQUEST_BYTES_MAX,
  type StatusQuestion,
  statusFailure,
} from "./revocation/ocsp.js";
export { type OpenedCrl, openCrl } from "./revocation/opened-crl.js";
export { titleOf } from "./title.js";
