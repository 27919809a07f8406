/** Punches of a member, put together: what it tells of itself, and when it tries. */
import type { Duplex } from "node:stream";
import {
  type Address,
  type Candidate,
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

export interface PunchingOptions {
  readonly self: MemberId;
  /** Where the member dials from; without one it does not punch over TCP. */
  readonly out: OutPort | undefined;
  readonly stack: Pick<Stack, "connect" | "accept" | "links">;
  /** "IP:port" from which others have seen my sessions come, by who says so. */
  readonly seen: () => ReadonlyMap<MemberId, string>;
  /** Of my datagrams, likewise. */
  readonly seenUdp: () => ReadonlyMap<MemberId, string>;
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
  readonly #punches: Punches;
  readonly #improving: Improving;

  constructor(options: PunchingOptions) {
    const { self, out, stack, seen, seenUdp, udp, mine, now, random } = options;
    const best = (id: MemberId) => stack.links.get(id)?.best?.session;
    const candidates = () => [
      ...candidatesOf("tcp", out?.known === undefined ? [] : [...seen().values()]),
      ...candidatesOf("udx", udp()?.native === undefined ? [] : [...seenUdp().values()]),
    ];
    this.#punches = new Punches({
      self,
      ways: [...(out === undefined ? [] : [tcpWay(out, random)]), udxWay({ port: udp, random })],
      mine: candidates,
      mayDial: (address) => refusalToDial(address, mine()) === undefined,
      connect: (connection, how) => stack.connect(connection, how),
      accept: (connection, from, path) => stack.accept(connection, from, path),
      isReached: (id) => isBetter(best(id)?.path.kind),
      now,
    });
    this.#improving = new Improving({
      punch: (over) => this.#punches.punch(over),
      isReady: () => candidates().length > 0,
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
    this.#improving.moved(id);
  }

  whyNot(id: MemberId): string | undefined {
    return this.#improving.whyNot(id);
  }

  /** To be called about once a second. */
  look(): void {
    this.#improving.look();
  }

  close(): void {
    this.#punches.close();
  }
}

function candidatesOf(scheme: string, seen: readonly string[]): readonly Candidate[] {
  const { mapping, candidates } = outMappingOf(seen);
  return candidates.flatMap((text) => {
    const at = parseHostPort(text);
    return at === undefined ? [] : [{ address: { scheme, ...at }, mapping }];
  });
}

function isBetter(kind: string | undefined): boolean {
  return kind !== undefined && kind !== "relayed";
}
