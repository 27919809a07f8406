/**
 * A second opinion on a chain: RFC 5280 path validation by pkijs. It is asynchronous, takes 15 ms and lets an unknown
 * critical extension of a leaf pass, so it stands beside our own profile where there is time, never instead of it.
 */
import { webcrypto } from "node:crypto";
import { messageOf } from "../files/files.js";
import type { CertificateChain } from "./member-certificate.js";

/** Why RFC 5280 does not let `root` vouch for this chain at `now` (unix milliseconds); undefined when it does. */
export async function pathProblem(
  { leaf, issuer }: CertificateChain,
  { root, now }: { readonly root: Uint8Array; readonly now: number },
): Promise<string | undefined> {
  // Loaded only here: enrolment and renewal are rare, and every start of a member would pay for it.
  const { Certificate, CertificateChainValidationEngine, CryptoEngine } = await import("pkijs");
  try {
    const [anchor, ...certs] = [root, issuer, leaf].map((der) => Certificate.fromBER(new Uint8Array(der)));
    const chain = new CertificateChainValidationEngine({ trustedCerts: [anchor!], certs, checkDate: new Date(now) });
    const engine = new CryptoEngine({ name: "node", crypto: webcrypto });
    const { result, resultMessage } = await chain.verify({}, engine);
    return result ? undefined : resultMessage;
  } catch (error) {
    return messageOf(error);
  }
}
