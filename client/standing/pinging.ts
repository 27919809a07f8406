/** The failure detector's datagrams of a member: its socket, the keys that it shares with others, and what arrives. */
import type { Machine } from "../../gossip/index.js";
import {
  type AgreementKey,
  FirefliesError,
  generateAgreementKey,
  type MemberCertificate,
} from "../../identity/index.js";
import {
  type Address,
  type HostNetwork,
  type HostPort,
  NotePings,
  nonceOf,
  Pings,
  PingTable,
  type Resolver,
  type SummonsFields,
  UdpPort,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

export interface PingingOptions {
  readonly certificate: MemberCertificate;
  readonly resolver: Resolver;
  /** UDP without it. */
  readonly bindDatagrams?: HostNetwork["bindDatagrams"];
  /** Undefined until the protocol starts. */
  readonly machine: () => Machine | undefined;
  /** Tells the machine, once the protocol has started. */
  readonly input: (run: (machine: Machine, now: number) => void) => void;
  readonly mayDial: (address: Address) => boolean;
  /** The host at which a session with the member was made. */
  readonly preferred: (id: MemberId) => string | undefined;
  /** Whence an authentic datagram of a member came. */
  readonly heard: (from: MemberId, at: HostPort) => void;
  /** The member has answered a ping. */
  readonly answered: (from: MemberId) => void;
  /** Is it the answer to a ping that the program has sent? Then the machine does not hear it. */
  readonly takesPong: (from: MemberId, nonce: bigint) => boolean;
}

export interface Binding {
  /** Does another port serve, where this one is taken? */
  readonly anyOther: boolean;
  /** Is the port to carry streams too? */
  readonly streams: boolean;
}

export class Pinging {
  readonly #options: PingingOptions;
  readonly #agreement: AgreementKey = generateAgreementKey();
  readonly #table: PingTable;
  readonly notes: NotePings;
  #udp: UdpPort | undefined;
  #pings: Pings | undefined;

  constructor(options: PingingOptions) {
    this.#options = options;
    const { certificate, resolver, machine, mayDial, preferred } = options;
    this.#table = new PingTable({
      agreement: this.#agreement,
      networkId: certificate.networkId,
      self: certificate.id,
      keyOf: (id) => machine()?.agreementKeyOf(id),
    });
    this.notes = new NotePings({ pings: () => this.#pings, table: this.#table, resolver, mayDial, preferred });
  }

  /** For my notes: new with every life. */
  get publicKey(): Uint8Array {
    return this.#agreement.publicKey;
  }

  /** Undefined before it is bound. */
  get port(): number | undefined {
    return this.#pings?.port;
  }

  /** The member's one UDP port; undefined before it is bound. */
  get udp(): UdpPort | undefined {
    return this.#udp;
  }

  /** The member may ping me from now on. */
  introduce(id: MemberId): void {
    const key = this.#options.machine()?.agreementKeyOf(id);
    if (key) this.#table.learn(id, key);
  }

  /** When the port is taken and `anyOther` serves, another one. Rejects with "address-in-use" or "address-invalid". */
  async bind({ host, port }: HostPort, { anyOther, streams }: Binding): Promise<void> {
    this.#udp = await this.#bound({ host, port }, streams).catch((error: FirefliesError) => {
      if (anyOther && error.code === "address-in-use") return this.#bound({ host, port: 0 }, streams);
      throw error;
    });
    this.#pings = this.#over(this.#udp);
  }

  async #bound(at: HostPort, streams: boolean): Promise<UdpPort> {
    const { bindDatagrams } = this.#options;
    return bindDatagrams ? UdpPort.over(await bindDatagrams(at)) : await UdpPort.bind(at, { streams });
  }

  /** Pings end. The port stays for the others that share it; who closes the member closes it last. */
  close(): void {
    this.#pings?.close();
  }

  #over(udp: UdpPort): Pings {
    const { certificate, machine, input, takesPong, heard, answered } = this.#options;
    const { id: self, networkId } = certificate;
    return new Pings({
      carrier: udp.carrier("ping"),
      self,
      networkId,
      peerOf: (prefix) => this.#table.peerOf(prefix),
      fingerprint: () => {
        const running = machine();
        if (!running) throw new FirefliesError("not-started");
        return running.fingerprint();
      },
      onHeard: heard,
      onPing: (from, fingerprint) => input((machine, now) => machine.pinged(from, fingerprint, now)),
      onPong: (from, bytes, fingerprint) => {
        const nonce = nonceOf(bytes);
        answered(from);
        if (!takesPong(from, nonce)) input((machine, now) => machine.pong(from, nonce, fingerprint, now));
      },
      onSummons: (from, { ring, epoch }: SummonsFields) =>
        input((machine, now) => machine.summoned(from, ring, epoch, now)),
    });
  }
}
