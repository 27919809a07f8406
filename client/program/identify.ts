/** Whose certificate it is that somebody has shown elsewhere than on a link: as on another port of the same program. */
import { type CertificateChain, verifyAgainst } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { factsOf } from "../driver/verifier.js";
import type { Node } from "../node.js";

/** Proven by a certificate; that its bearer holds the key is for TLS to say. */
export interface Identified {
  readonly id: MemberId;
  readonly name: string | undefined;
}

/** Undefined for a certificate that this network refuses now: another's, one that has ended, one that is revoked. */
export function identified({ identity, machine }: Node, chain: CertificateChain): Identified | undefined {
  const { root, certificate } = identity;
  const found = verifyAgainst(chain, { root, network: certificate, now: Date.now });
  if (!found.ok || machine.refusal(factsOf(found.certificate)) !== undefined) return undefined;
  return { id: found.certificate.id, name: found.certificate.name };
}
