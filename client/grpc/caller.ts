/** Who calls a service of this member: as the handshake of the connection has proven it, and as the view has it. */
import { type MemberCertificate, wrongType } from "../../identity/index.js";
import { type ShownCertificate, shownCertificate } from "../proven-sender.js";
import type { Member, Sender } from "../types.js";

/** A certificate that a handshake has proven. */
export interface CallerCertificate extends ShownCertificate {
  /** The certificate in DER. `issuer` is the certificate that signed it. */
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
}

/** Who calls a gRPC service. */
export interface Caller extends Sender {
  readonly certificate: CallerCertificate;
  /** Its entry in the view, with metadata and services, as it is when this is read; undefined when it has left meanwhile. */
  readonly member: Member | undefined;
}

/** Certificate and entry are made only for handlers that look at them. */
export class ProvenCaller implements Caller {
  readonly id: Sender["id"];
  readonly name: Sender["name"];
  readonly address: Sender["address"];
  readonly #certificate: MemberCertificate;
  readonly #member: () => Member | undefined;

  constructor({ id, name, address }: Sender, certificate: MemberCertificate, member: () => Member | undefined) {
    this.id = id;
    this.name = name;
    this.address = address;
    this.#certificate = certificate;
    this.#member = member;
  }

  get certificate(): CallerCertificate {
    const { leaf, issuer } = this.#certificate;
    return { ...shownCertificate(this.#certificate), leaf: leaf.slice(), issuer: issuer.slice() };
  }

  get member(): Member | undefined {
    return this.#member();
  }
}

/** Where the call object that a handler is given has its caller: a weak map of all that run costs each collection. */
const CALLER = Symbol("caller");

/** Has `callerOf` know who made a call. */
export function setCaller(call: object, caller: Caller): void {
  (call as { [CALLER]?: Caller })[CALLER] = caller;
}

/**
 * Who calls: the member that the connection's handshake proved, with its id, name, address, certificate and its entry in the view.
 * `call` is what a handler of `Client.addService` was given as its first argument; for anything else it throws a TypeError.
 */
export function callerOf(call: object): Caller {
  const caller = (call as { readonly [CALLER]?: Caller } | undefined)?.[CALLER];
  if (caller) return caller;
  throw wrongType("callerOf takes the call that a handler of addService was given.");
}
