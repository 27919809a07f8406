/** Who asks for a certificate, after what it sent was checked. Throws the codes under "What the authority refuses". */
import { FirefliesError, isPrincipal, openRequest, requestAdvice, reservedFor } from "../../identity/index.js";
import { areAddresses } from "../policy.js";

/** Who proved to hold a key, and where it says it is reached. */
export interface Applicant {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly addresses: readonly string[];
}

/** Of a certificate request nothing is taken but the key, which its owner signed with. `request` is PKCS#10, DER. */
export function applicantOf(request: Uint8Array, addresses: readonly string[]): Applicant {
  requireAddresses(addresses);
  return { spki: requestedKey(request), addresses };
}

/** Throws "principal-invalid" or "principal-reserved". */
export function requirePrincipal(principal: string): void {
  if (!isPrincipal(principal)) throw new FirefliesError("principal-invalid");
  const reserved = reservedFor(principal);
  if (reserved === undefined) return;
  throw new FirefliesError("principal-reserved", `"${principal}" stands for ${reserved}.`);
}

export function requireAddresses(addresses: readonly string[]): void {
  if (!areAddresses(addresses)) throw new FirefliesError("address-invalid");
}

function requestedKey(request: Uint8Array): Uint8Array {
  const opened = openRequest(request);
  if (opened.ok) return opened.value.spki;
  const { found, advice } = requestAdvice(opened.reason, request);
  throw new FirefliesError("request-invalid", `The certificate request is refused: ${found}.`, { advice });
}
