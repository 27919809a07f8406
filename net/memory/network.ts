/**
 * A network within one process, for tests and simulations of whole members: no sockets. Members stand in LANs, which links
 * join to a graph; what is between two of them takes time, loses, is narrow, is cut or silent, and heals. Held to the same
 * contract as TCP.
 */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import { type Address, formatAddress, formatHostPort, type HostPort } from "../address.js";
import { DialError } from "../transports/dial-error.js";
import type { Bound, DialTarget, ListenAddress, Transport } from "../transports/transport.js";
import { DATAGRAM_BYTES_MAX, type DatagramCarrier } from "../udp/carrier.js";
import { MemoryHost } from "./host.js";
import { Nat } from "./nat.js";
import { checkedPath, type PathOptions, type PathState } from "./path.js";
import { type Cuttable, type LanNode, type LanOptions, type Place, Topology } from "./topology.js";
import { cutError, duplexPair, type MemoryDuplex } from "./wire.js";

/** Where ports that were asked for as 0 begin. */
const FIRST_PORT = 40_000;
/** LANs of one network, and hosts of one LAN: their addresses are bytes of an IPv4 address. */
const LANS_MAX = 254;
const HOSTS_MAX = 65_533;
/** Names that an error lists. */
const SHOWN_MAX = 16;
/** First bytes of addresses: LANs that all may dial, those behind NATs, and what NATs show. */
const NETS = { open: 11, inner: 10, edge: 12 } as const;

type OnConnection = (connection: Duplex, from: Address) => void;
type OnDatagram = (bytes: Uint8Array, from: HostPort) => void;

interface Listener {
  readonly place: Place;
  readonly onConnection: OnConnection;
}

interface Wire {
  readonly places: readonly [Place, Place];
  readonly ends: readonly [MemoryDuplex, MemoryDuplex];
}

/** What `lan.add` needs of a client: `Client` has it. */
export interface Attachable {
  useNetwork(network: MemoryHost): void;
}

type MakeHost = (lan: MemoryLan, name: string | undefined) => MemoryHost;

/** A LAN: members that reach each other, and by links those of other LANs. */
export class MemoryLan implements LanNode {
  readonly name: string;
  options: PathOptions;
  readonly nat: Nat | undefined;
  readonly #makeHost: MakeHost;

  /** By `network.lan()`. */
  constructor(name: string, options: LanOptions, nat: Nat | undefined, makeHost: MakeHost) {
    this.name = name;
    this.options = checkedPath(options);
    this.nat = nat;
    this.#makeHost = makeHost;
  }

  /** A place for one member, with an address of its own: `new Client({ network: lan.host() })`. Others may dial it by `name`. */
  host(name?: string): MemoryHost {
    return this.#makeHost(this, name);
  }

  /** Puts a client here, before its `start`. Returns its place. */
  add(client: Attachable, name?: string): MemoryHost {
    const host = this.host(name);
    client.useNetwork(host);
    return host;
  }

  /** From now on; what is under way arrives as it was. */
  change(options: PathOptions): void {
    this.options = checkedPath({ ...this.options, ...options });
  }
}

/** Between two LANs, until it is cut. */
export interface MemoryLink {
  /** From now on. */
  change(options: PathOptions): void;
  /** Nothing leads over it any more: what went over it takes another way, or breaks when there is none. */
  cut(): void;
  heal(): void;
}

/**
 * What is named to `cut` and the others: a LAN, a host, or by text the name or the address of a host, the address that a NAT
 * shows (then all behind it), or the place of a transport. A RangeError is thrown for a text that names none of them.
 */
export type MemoryEnd = MemoryLan | MemoryHost | string;

/** The wires. Every member of one test takes its place in one network. */
export class MemoryNetwork {
  readonly #topology: Topology;
  readonly #listening = new Map<string, Listener>();
  readonly #datagrams = new Map<string, { readonly place: Place; listener: OnDatagram }>();
  readonly #places = new Map<string, Place>();
  /** By address and by name. */
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #lans: MemoryLan[] = [];
  readonly #nats = new Map<string, { readonly nat: Nat; readonly lan: MemoryLan }>();
  readonly #wires = new Set<Wire>();
  #nextPort = FIRST_PORT;

  /** `random`, from 0 to below 1, decides what is lost and how much later something comes: Math.random by default. */
  constructor({ random = Math.random }: { readonly random?: () => number } = {}) {
    this.#topology = new Topology(random);
  }

  /** A LAN that no link joins yet. Throws a RangeError for what no path can be. */
  lan(options: LanOptions = {}): MemoryLan {
    const number = this.#lans.length + 1;
    if (number > LANS_MAX) throw new RangeError(`A network in memory has at most ${LANS_MAX} LANs.`);
    const nat = options.nat && new Nat(options.nat, `${NETS.edge}.0.0.${number}`);
    let hosts = 0;
    const lan = new MemoryLan(options.name ?? `lan ${number}`, options, nat, (of, name) => {
      hosts += 1;
      if (hosts > HOSTS_MAX) throw new RangeError(`A LAN in memory has at most ${HOSTS_MAX} hosts.`);
      const address = `${nat ? NETS.inner : NETS.open}.${number}.${hosts >> 8}.${hosts & 255}`;
      return this.#host(of, address, name ?? `${of.name} ${hosts}`);
    });
    this.#lans.push(lan);
    if (nat) this.#nats.set(nat.host, { nat, lan });
    return lan;
  }

  /** Joins two LANs. Bytes take the quickest way of all links, through other LANs too. */
  link(a: MemoryLan, b: MemoryLan, options: PathOptions = {}): MemoryLink {
    const stretch = this.#topology.link(a, b, options);
    return {
      change: (changed) => {
        stretch.options = checkedPath({ ...stretch.options, ...changed });
      },
      cut: () => {
        stretch.isCut = true;
        this.#breakWires();
      },
      heal: () => {
        stretch.isCut = false;
      },
    };
  }

  /**
   * The transport of one place in no LAN, which is what `cut` and the others name. With another `scheme` it stands in for
   * that transport: "tcp" for members whose addresses are "host:port". Hosts are any names: nothing is looked up.
   */
  transport(place: string, scheme = "memory"): Transport {
    return { ...this.#transport(this.#placeOf(place), scheme), ownNames: true };
  }

  /** Closes all connections between two ends and makes dialling fail ("no-route") until `heal`. */
  cut(a: MemoryEnd, b: MemoryEnd): void {
    this.#topology.fault(this.#endOf(a), this.#endOf(b), "cut");
    this.#breakWires();
  }

  /** From now on nothing arrives between two ends, and nothing closes: a path that drops every packet. */
  silence(a: MemoryEnd, b: MemoryEnd): void {
    this.#topology.fault(this.#endOf(a), this.#endOf(b), "silent");
  }

  /** Undoes `cut` and `silence`: what was written meanwhile arrives, as TCP would send it again. */
  heal(a: MemoryEnd, b: MemoryEnd): void {
    this.#topology.fault(this.#endOf(a), this.#endOf(b), undefined);
    this.#resume();
  }

  /** Cuts a host or a LAN from all others until `plug`, whatever `heal` and `healAll` mend meanwhile. */
  unplug(end: MemoryEnd): void {
    this.#topology.plug(this.#endOf(end), false);
    this.#breakWires();
  }

  /** Undoes `unplug`. */
  plug(end: MemoryEnd): void {
    this.#topology.plug(this.#endOf(end), true);
  }

  /** Cuts every end of `left` from every end of `right`. */
  partition(left: Iterable<MemoryEnd>, right: Iterable<MemoryEnd>): void {
    const others = [...right];
    for (const a of left) for (const b of others) this.cut(a, b);
  }

  /** Undoes all of `cut`, `silence` and `partition`, and heals all links. */
  healAll(): void {
    this.#topology.healAll();
    this.#resume();
  }

  #endOf(end: MemoryEnd): Cuttable {
    if (end instanceof MemoryHost) return end.place;
    if (typeof end !== "string") return end;
    const found = this.#places.get(end) ?? this.#hosts.get(end.toLowerCase())?.place ?? this.#nats.get(end)?.lan;
    if (found !== undefined) return found;
    const known = [...this.#places.keys(), ...[...this.#hosts.values()].map(({ place }) => place.name)];
    throw new RangeError(
      `Nothing in this network is called ${end}. There are: ${[...new Set(known)].slice(0, SHOWN_MAX).join(", ")}.`,
    );
  }

  #placeOf(name: string): Place {
    const known = this.#places.get(name) ?? { name };
    this.#places.set(name, known);
    return known;
  }

  #host(lan: MemoryLan, address: string, name: string): MemoryHost {
    if (this.#hosts.has(name.toLowerCase())) throw new RangeError(`There is a host ${name} already.`);
    const place: Place = { name, lan, host: address };
    const host = new MemoryHost({
      place,
      transport: this.#transport(place, "tcp"),
      bindDatagrams: async (at) => this.#bindDatagrams(place, at),
      addressOf: (wanted) => this.#hosts.get(wanted.toLowerCase())?.host,
    });
    this.#hosts.set(address, host);
    this.#hosts.set(name.toLowerCase(), host);
    return host;
  }

  #transport(place: Place, scheme: string): Transport {
    return {
      scheme,
      listen: async (at, onConnection) => this.#listen(place, scheme, at, onConnection),
      dial: (to, target) => this.#dial(place, to, target),
    };
  }

  #listen(place: Place, scheme: string, { host, port, path }: ListenAddress, onConnection: OnConnection): Bound {
    const at = { host: bindable(place, host), port: port === 0 ? this.#nextPort++ : port };
    const key = keyOf(at);
    if (this.#listening.has(key)) throw new FirefliesError("address-in-use", `${key} is in use.`);
    const listener = { place, onConnection };
    this.#listening.set(key, listener);
    const close = async () => {
      if (this.#listening.get(key) === listener) this.#listening.delete(key);
    };
    return { address: path === undefined ? { scheme, ...at } : { scheme, ...at, path }, close };
  }

  /** As a handshake of TCP: a path that drops everything leaves it open until the signal fires. */
  #dial(from: Place, to: Address, { signal }: DialTarget): Promise<Duplex> {
    const address = formatAddress(to);
    return new Promise((resolve, reject) => {
      const cancelled = () => reject(new DialError("cancelled", address));
      if (signal.aborted) return cancelled();
      signal.addEventListener("abort", cancelled, { once: true });
      const settle = (outcome: Duplex | DialError) => {
        signal.removeEventListener("abort", cancelled);
        if (outcome instanceof DialError) reject(outcome);
        else resolve(outcome);
      };
      const knock = () => {
        if (signal.aborted) return;
        const listener = this.#listening.get(keyOf(to));
        const path = this.#towards(from, listener?.place ?? this.#hosts.get(to.host)?.place, to);
        if (path === "silent") return;
        if (path === "none") return settle(new DialError("no-route", address));
        after(path.due({}, 0), () => {
          if (signal.aborted) return;
          if (listener === undefined) settle(new DialError("refused", address));
          else settle(this.#connect(from, to.scheme, listener));
        });
      };
      setImmediate(knock);
    });
  }

  /** What lies between a place and an address of another one. A NAT lets nobody in; nobody answers for what is not there. */
  #towards(from: Place, to: Place | undefined, { host }: HostPort): PathState | "none" | "silent" {
    if (to === undefined) {
      if (from.lan === undefined) return { isInstant: true, due: () => 0, datagramDue: () => 0 };
      return this.#nats.has(host) ? "silent" : "none";
    }
    if (to.lan?.nat !== undefined && to.lan !== from.lan) return "silent";
    return this.#topology.between(from, to);
  }

  #connect(from: Place, scheme: string, { place, onConnection }: Listener): Duplex {
    const path = (start: Place, end: Place) => () => {
      const found = this.#topology.between(start, end);
      return typeof found === "string" ? undefined : found;
    };
    const [own, theirs] = duplexPair(path(from, place), path(place, from));
    const wire = { places: [from, place] as const, ends: [own, theirs] as const };
    this.#wires.add(wire);
    const gone = () => {
      if (own.destroyed && theirs.destroyed) this.#wires.delete(wire);
    };
    own.once("close", gone);
    theirs.once("close", gone);
    const address = { scheme, ...this.#seenAs(from, place) };
    setImmediate(() => onConnection(theirs, address));
    return own;
  }

  #seenAs(from: Place, to: Place): HostPort {
    const { host = "127.0.0.1", lan } = from;
    if (lan?.nat === undefined || lan === to.lan) return { host, port: this.#nextPort++ };
    return { host: lan.nat.host, port: lan.nat.port() };
  }

  #bindDatagrams(place: Place, { host, port }: HostPort): DatagramCarrier {
    const at = { host: bindable(place, host), port: port === 0 ? this.#nextPort++ : port };
    const own = { host: place.host ?? at.host, port: at.port };
    const key = keyOf(own);
    if (this.#datagrams.has(key)) throw new FirefliesError("address-in-use", `UDP ${key} is in use.`);
    const bound = { place, listener: (() => {}) as OnDatagram };
    this.#datagrams.set(key, bound);
    return {
      local: at,
      send: (bytes, to) => {
        if (this.#datagrams.get(key) === bound && bytes.length <= DATAGRAM_BYTES_MAX)
          this.#send(own, place, to, bytes.slice());
      },
      onDatagram: (listener) => {
        bound.listener = listener;
      },
      close: () => {
        if (this.#datagrams.get(key) === bound) this.#datagrams.delete(key);
      },
    };
  }

  #send(own: HostPort, place: Place, to: HostPort, bytes: Uint8Array): void {
    const edge = this.#nats.get(to.host);
    const isInside = place.lan?.nat === undefined || this.#hosts.get(to.host)?.place.lan === place.lan;
    const from = isInside ? own : place.lan!.nat!.out(own, to);
    const target = edge === undefined ? to : edge.nat.in(to.port, from);
    const bound = target && this.#datagrams.get(keyOf(target));
    if (bound === undefined) return;
    if (edge === undefined && bound.place.lan?.nat !== undefined && bound.place.lan !== place.lan) return;
    const path = this.#topology.between(place, bound.place);
    const due = typeof path === "string" ? undefined : path.datagramDue(bytes.length);
    if (due !== undefined) after(due, () => bound.listener(bytes, from));
  }

  /** Wires over which nothing leads any more. */
  #breakWires(): void {
    for (const { places, ends } of [...this.#wires])
      if (this.#topology.between(...places) === "none") for (const end of ends) end.destroy(cutError());
  }

  #resume(): void {
    for (const { ends } of this.#wires) for (const end of ends) end.resumeWire();
  }
}

/** At this monotonic time, and never in this turn. */
function after(due: number, run: () => void): void {
  const waitMs = due - performance.now();
  if (waitMs <= 0) setImmediate(run);
  else setTimeout(run, Math.ceil(waitMs));
}

const WILDCARDS = new Set(["0.0.0.0", "::"]);

/** The address that a place listens at when it is told this one; throws "address-invalid" for one that is not its own. */
function bindable({ host: own, name }: Place, host: string): string {
  if (host === "") throw new FirefliesError("address-invalid", "A host must be named.");
  if (own === undefined || host === own || host === name) return own ?? host;
  if (WILDCARDS.has(host)) return own;
  throw new FirefliesError("address-invalid", `${host} is no address of ${name}, which is ${own}.`, {
    advice: "Leave `listen` out: a member in a LAN listens at its address there.",
  });
}

function keyOf({ host, port }: HostPort): string {
  return formatHostPort(host.toLowerCase(), port);
}
