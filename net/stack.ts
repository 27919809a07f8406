/** One member's network stack: transports below, names and dials, sessions, and one link per other member. */
import type { Duplex } from "node:stream";
import { FirefliesError, type Identity, type MemberCertificate } from "../identity/index.js";
import type { MemberId } from "../rings/index.js";
import type { Address } from "./address.js";
import type { Deadline } from "./deadline.js";
import { Dialler } from "./dialling/dialler.js";
import type { Resolver } from "./dialling/resolver.js";
import { Links, type LinksOptions } from "./links/links.js";
import type { Arrival } from "./relays/conduits.js";
import type { RelayFailure } from "./relays/failure.js";
import { SessionHost } from "./session/host.js";
import type { ConnectOptions } from "./session/options.js";
import { type Path, pathOf } from "./session/path.js";
import type { Protocols } from "./session/protocol.js";
import type { Session } from "./session/session.js";
import type { ConnectionGate } from "./transports/gate.js";
import type { Bound, ListenAddress, Transport } from "./transports/transport.js";

export interface StackOptions extends Pick<LinksOptions, "idleMs" | "kept" | "destinationOf" | "onPath"> {
  /** One per scheme; see `listen`. */
  readonly transports: readonly Transport[];
  readonly resolver: Resolver;
  /** Told of connections whose member has proven itself; the transports ask it who may connect. */
  readonly gate?: ConnectionGate | undefined;
  readonly protocols: Protocols;
  /** Mine now, after a renewal the new one. */
  readonly identity: () => Identity;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Unix milliseconds by which certificates are judged (rule R18). */
  readonly wall: () => number;
  /** Hears when certificates begin that the authority signed: they may show that `wall` is behind (rule R18). */
  readonly proves?: ((begin: number) => void) | undefined;
  /** My own addresses: never dialled, and they tell whether loopback may be. */
  readonly mine: () => readonly string[];
  /** The newest certificate that is held for a peer's id and key. */
  readonly current?: ((peer: MemberCertificate) => MemberCertificate) | undefined;
  /** Why nobody may talk to the owner of a certificate (rules R12, R17); undefined when one may. */
  readonly refusal?: ((peer: MemberCertificate) => string | undefined) | undefined;
  /** The certificate of a member that is known. */
  readonly certificateOf?: ((id: MemberId) => MemberCertificate | undefined) | undefined;
  /** Is something open with this member that must not be cut, though nothing passes? */
  readonly isHeld?: ((id: MemberId) => boolean) | undefined;
  /** A relay has not passed on what it should: the last one on the path. */
  readonly onRelayFailed?: ((id: MemberId, path: Path, what: RelayFailure) => void) | undefined;
  /** The last session with the member broke without the doing of either side. */
  readonly onLost?: ((id: MemberId) => void) | undefined;
  /** See SessionHostOptions. */
  readonly onProven?: ((session: Session) => void) | undefined;
  /** Bytes of messages begun or unread, of all members together. */
  readonly memoryMax?: number | undefined;
  /** Takes a connection that has come, before anybody is to prove itself over it: a punch waits for it. */
  readonly takes?: ((connection: Duplex, from: Address) => boolean) | undefined;
  /** Looks at the first bytes of a connection that has come: it may be one end of a conduit. */
  readonly enters?: ((connection: Duplex, arrival: Arrival) => void) | undefined;
}

export class Stack {
  readonly links: Links;
  readonly #host: SessionHost;
  /** With a memory of its own: what it tries says nothing to those who want a session. */
  readonly #greeter: Dialler;
  readonly #transports: readonly Transport[];
  readonly #takes: (connection: Duplex, from: Address) => boolean;
  readonly #enters: (connection: Duplex, arrival: Arrival) => void;
  readonly #gate: ConnectionGate | undefined;
  readonly #bound: Bound[] = [];

  constructor(options: StackOptions) {
    const { transports, resolver, protocols, identity, now, wall, mine, current, refusal, memoryMax } = options;
    this.#transports = transports;
    this.#takes = options.takes ?? (() => false);
    this.#enters = options.enters ?? ((_, { others }) => others());
    this.#gate = options.gate;
    this.#host = new SessionHost({
      identity,
      now: wall,
      proves: options.proves,
      current,
      admit: refusal ?? (() => undefined),
      protocols,
      memoryMax,
      onProven: options.onProven,
    });
    const dialler = new Dialler({ transports, resolver, now, mine });
    this.#greeter = new Dialler({ transports, resolver, now, mine });
    this.links = new Links({ ...options, host: this.#host, dialler });
    this.#host.onSession((session, connection) => {
      options.gate?.proven(connection);
      this.links.adopt(session);
    });
  }

  /**
   * With the transport of the scheme; a place of TCP, and one without a scheme, with the first one where there is no other:
   * that of a program's own. Rejects with "address-in-use" or "address-invalid".
   */
  async listen(at: ListenAddress & { readonly scheme?: string }): Promise<Bound> {
    const [first] = this.#transports;
    const { scheme = first?.scheme } = at;
    const named = this.#transports.find((each) => each.scheme === scheme);
    const transport = named ?? (scheme === "tcp" ? first : undefined);
    if (!transport)
      throw new FirefliesError("address-invalid", `This member has no transport for ${scheme} to listen with.`);
    const bound = await transport.listen(at, (connection, from) => {
      if (this.#takes(connection, from)) return;
      this.#enters(connection, {
        others: () => this.#host.accept(connection, from),
        proven: () => this.#gate?.proven(connection),
      });
    });
    this.#bound.push(bound);
    return bound;
  }

  /**
   * A connection that came by other means than `listen`: relayed, or punched. Its member proves itself as anyone does.
   * `path`, when `from` does not tell it.
   */
  accept(connection: Duplex, from: Address, path?: Path): void {
    this.#host.accept(connection, from, path);
  }

  /** The member proves itself over a connection that was made by other means than its addresses. Rejects as `Links.reach`. */
  async connect(connection: Duplex, options: ConnectOptions): Promise<Session> {
    return this.links.offer(await this.#host.connect(connection, options));
  }

  /** A connection to one of these addresses, on which nothing was said. Makes no session. Rejects with a DialError. */
  async connection(addresses: readonly string[], until: Deadline): Promise<Duplex> {
    return await this.#greeter.dial(addresses, until, async (connection) => connection);
  }

  /**
   * Dials one address anew, whatever is remembered of it, until the member has proven itself there. Makes no session.
   * Rejects with a DialError, or a FirefliesError of the handshake.
   */
  async greet(address: string, expect: MemberId, until: Deadline): Promise<void> {
    this.#greeter.forgive([address]);
    await this.#greeter.dial([address], { ...until, expect }, (connection, to, signal) =>
      this.#host.greet(connection, { path: pathOf("dialled", to), expect, deadline: until.deadline, signal }),
    );
  }

  /** Both ways: sessions that I made, and those that were made to me (rule R17). */
  recheck(): void {
    this.links.recheck();
    this.#host.recheck();
  }

  /** Takes no more, gives running calls `graceMs`, then closes everything. */
  async close(graceMs: number): Promise<void> {
    this.links.close();
    await Promise.all(this.#bound.map((bound) => bound.close()));
    await this.#host.close(graceMs);
  }
}
