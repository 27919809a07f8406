/** Punches of a member, put together: what it tells of itself, and when it tries. */
import type { Duplex } from "node:stream";
import {
  type Address,
  type Candidate,
  formatAddress,
  Improving,
  type OutPort,
  type Protocols,
  Punches,
  type PunchFigures,
  parseHostPort,
  refusalToDial,
  type Stack,
  tcpWay,
  type UdpPort,
  udxWay,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { outMappingOf } from "./out-mapping.js";
import { Sights, type SightsOptions } from "./sights.js";

/** An offer waits so long for what others have yet to say of me, milliseconds: a round of questions. */
const READY_MS = 1_500;

export interface PunchingOptions extends Pick<SightsOptions, "relays" | "observe"> {
  readonly self: MemberId;
  /** Where the member dials from; without one it does not punch over TCP. */
  readonly out: OutPort | undefined;
  readonly stack: Pick<Stack, "connect" | "accept" | "links">;
  /** "IP:port" from which others have seen my sessions come, by who says so. */
  readonly seen: () => readonly (readonly [MemberId, string])[];
  /** Of my datagrams, likewise. */
  readonly seenUdp: () => readonly (readonly [MemberId, string])[];
  /** The member's UDP port: where it carries streams, punches go over it as well. */
  readonly udp: () => UdpPort | undefined;
  /** My own addresses as text. */
  readonly mine: () => readonly string[];
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Punching {
  readonly #options: PunchingOptions;
  readonly #punches: Punches;
  readonly #improving: Improving;
  readonly #sights: Sights;
  /** Offers that wait for what others have yet to say. */
  readonly #waiting = new Set<() => void>();
  /** What others see of me. */
  #seen = "";

  constructor(options: PunchingOptions) {
    this.#options = options;
    const { self, out, stack, udp, mine, now, random } = options;
    const best = (id: MemberId) => stack.links.get(id)?.best?.session;
    this.#sights = new Sights({
      ...options,
      relays: () => (this.#isUdp ? options.relays() : []),
      onSeen: () => this.#see(),
    });
    this.#punches = new Punches({
      self,
      ways: [...(out === undefined ? [] : [tcpWay(out, random)]), udxWay({ port: udp, random })],
      mine: () => this.#candidates,
      ready: () => this.#ready(),
      mayDial: (address) => refusalToDial(address, mine()) === undefined,
      connect: (connection, how) => stack.connect(connection, how),
      accept: (connection, from, path) => stack.accept(connection, from, path),
      reached: (id) => (isBetter(best(id)?.path.kind) ? best(id) : undefined),
      now,
    });
    this.#improving = new Improving({
      punch: (over) => this.#punches.punch(over),
      isReady: () => this.#candidates.length > 0 && this.#punches.hasRoom,
      best,
      now,
    });
  }

  get figures(): PunchFigures {
    return this.#punches.figures;
  }

  /** Does a punch wait for a connection from there? */
  expects(from: Address): boolean {
    return this.#punches.expects(from);
  }

  /** See StackOptions. */
  takes(connection: Duplex, from: Address): boolean {
    return this.#punches.takes(connection, from);
  }

  register(protocols: Protocols): void {
    this.#punches.speak(protocols);
  }

  /** The best way to the member has changed. */
  consider(id: MemberId): void {
    this.#improving.consider(id);
  }

  /** My addresses, or those of this member, have changed. */
  moved(id?: MemberId): void {
    if (id === undefined) this.#sights.moved();
    this.#improving.moved(id);
  }

  whyNot(id: MemberId): string | undefined {
    return this.#improving.whyNot(id);
  }

  /** To be called about once a second. */
  look(): void {
    this.#sights.look();
    this.#see();
    this.#improving.look();
  }

  close(): void {
    this.#punches.close();
    for (const go of [...this.#waiting]) go();
  }

  get #candidates(): readonly Candidate[] {
    return [...candidatesOf("tcp", this.#tcp), ...candidatesOf("udx", this.#udp)];
  }

  /** From where sessions come that I made from the one port: another port says nothing about it. */
  get #tcp(): readonly string[] {
    const { out, seen, stack } = this.#options;
    if (out?.known === undefined) return [];
    const isFromPort = (id: MemberId) =>
      stack.links
        .get(id)
        ?.paths.some(({ kind, address }) => kind === "direct" && out.isFromHere(formatAddress(address)));
    return [...new Map(seen().filter(([id, text]) => parseHostPort(text) !== undefined && isFromPort(id))).values()];
  }

  get #udp(): readonly string[] {
    return this.#isUdp ? [...new Map([...this.#options.seenUdp(), ...this.#sights.udp]).values()] : [];
  }

  /** Does my UDP port carry streams? */
  get #isUdp(): boolean {
    return this.#options.udp()?.native !== undefined;
  }

  /** Is it known how my NAT chooses ports, for all that I can be met by? */
  get #isKnown(): boolean {
    const isTcpKnown = this.#options.out === undefined || outMappingOf(this.#tcp).mapping !== "unknown";
    const isUdpKnown = !this.#isUdp || this.#sights.isUdpBlocked || outMappingOf(this.#udp).mapping !== "unknown";
    return isTcpKnown && isUdpKnown;
  }

  #ready(): Promise<void> {
    if (this.#isKnown) return Promise.resolve();
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, READY_MS);
      this.#waiting.add(go);
    });
  }

  /** Others may have said something new: then all who are reached through relays may be met now. */
  #see(): void {
    if (this.#isKnown) for (const go of [...this.#waiting]) go();
    const before = this.#seen;
    this.#seen = this.#candidates.map(textOf).join(" ");
    if (this.#seen !== before && this.#seen !== "") this.#improving.moved();
  }
}

function candidatesOf(scheme: string, seen: readonly string[]): readonly Candidate[] {
  const { mapping, candidates } = outMappingOf(seen);
  return candidates.flatMap((text) => {
    const at = parseHostPort(text);
    return at === undefined ? [] : [{ address: { scheme, ...at }, mapping }];
  });
}

/** A port that is another one for each is no news. */
function textOf({ address, mapping }: Candidate): string {
  const { scheme, host } = address;
  return mapping === "destination" ? `${scheme} ${host} ${mapping}` : `${formatAddress(address)} ${mapping}`;
}

function isBetter(kind: string | undefined): boolean {
  return kind !== undefined && kind !== "relayed";
}
