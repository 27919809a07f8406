/** Certificates of the members that this one knows, and what it has of those whom the authority named. */
import { type CertificateFacts, encodeStatement, type Machine, type Recipient } from "../../gossip/index.js";
import { type Identity, type MemberCertificate, readChain } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Contact } from "../authority/authority.js";
import type { Verifier } from "../driver/verifier.js";

export interface CertificatesOptions {
  readonly identity: () => Identity;
  /** Undefined before the protocol starts. */
  readonly machine: () => Pick<Machine, "certificateOf"> | undefined;
  readonly check: (facts: CertificateFacts) => ReturnType<Verifier["certificate"]>;
}

export class Certificates {
  readonly #options: CertificatesOptions;

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  /** The checked certificate of a known member. */
  of(id: MemberId): MemberCertificate | undefined {
    const { identity, machine, check } = this.#options;
    const { certificate } = identity();
    if (id === certificate.id) return certificate;
    const facts = machine()?.certificateOf(id);
    const verdict = facts && check(facts);
    return verdict?.ok ? verdict.certificate : undefined;
  }

  /** The name in the certificate of a known member, whatever its dates. */
  nameOf(id: MemberId): string | undefined {
    const { identity, machine } = this.#options;
    const { certificate, root } = identity();
    if (id === certificate.id) return certificate.name;
    const facts = machine()?.certificateOf(id);
    const verdict = facts && readChain(facts, root);
    return verdict?.ok ? verdict.certificate.name : undefined;
  }

  /** The newest certificate of this id for this key. */
  currentOf(peer: MemberCertificate): MemberCertificate {
    const newest = this.of(peer.id);
    return newest?.publicKey.equals(peer.publicKey) ? newest : peer;
  }
}

export function recipients(contacts: readonly Contact[]): Recipient[] {
  return contacts.map(({ certificate, addresses }) => ({ id: certificate.id, addresses }));
}

export function certificateStatement({ certificate }: Contact): Uint8Array {
  return encodeStatement({ kind: "certificate", chain: certificate });
}
