/**
 * A transport within one process, for tests and simulations of whole members: no sockets. Places can be cut from each
 * other, silenced and healed. Held to the same contract as TCP.
 */
import { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import { type Address, formatAddress } from "../address.js";
import { DialError } from "./dial-error.js";
import type { Bound, DialTarget, ListenAddress, Transport } from "./transport.js";

/** Where ports that were asked for as 0 begin. */
const FIRST_PORT = 40_000;
/** Bytes that either end holds in each direction before a write waits. */
const BUFFER_BYTES = 64 * 1024;

type OnConnection = (connection: Duplex, from: Address) => void;

interface Place {
  readonly name: string;
  readonly onConnection: OnConnection;
}

interface Wire {
  readonly between: string;
  readonly ends: readonly [MemoryDuplex, MemoryDuplex];
}

/** The wires. Every member of one test takes its transport from one network, at a place of its own. */
export class MemoryNetwork {
  readonly #listening = new Map<string, Place>();
  readonly #wires = new Set<Wire>();
  readonly #cut = new Set<string>();
  readonly #silent = new Set<string>();
  #nextPort = FIRST_PORT;

  /**
   * The transport of one place, which is what `cut` and the others name. With another `scheme` it stands in for that
   * transport: "tcp" for members whose addresses are "host:port". Hosts are any names: nothing is looked up.
   */
  transport(place: string, scheme = "memory"): Transport {
    return {
      scheme,
      ownNames: true,
      listen: async (at, onConnection) => this.#listen(place, scheme, at, onConnection),
      dial: (to, target) => this.#dial(place, to, target),
    };
  }

  /** Closes all connections between two places and makes dialling fail until `heal`. */
  cut(a: string, b: string): void {
    this.#cut.add(pairKey(a, b));
    for (const { between, ends } of [...this.#wires]) if (between === pairKey(a, b)) ends[0].destroy(cutError());
  }

  /** From now on nothing arrives between two places, and nothing closes: a path that drops every packet. */
  silence(a: string, b: string): void {
    this.#silent.add(pairKey(a, b));
  }

  /** Undoes `cut` and `silence`: what was written meanwhile arrives, as TCP would send it again. */
  heal(a: string, b: string): void {
    this.#cut.delete(pairKey(a, b));
    this.#silent.delete(pairKey(a, b));
    for (const { between, ends } of this.#wires)
      if (between === pairKey(a, b)) for (const end of ends) end.resumeWire();
  }

  /** Cuts every place of `left` from every place of `right`. */
  partition(left: Iterable<string>, right: Iterable<string>): void {
    const others = [...right];
    for (const a of left) for (const b of others) this.cut(a, b);
  }

  healAll(): void {
    this.#cut.clear();
    this.#silent.clear();
    for (const { ends } of this.#wires) for (const end of ends) end.resumeWire();
  }

  #listen(place: string, scheme: string, { host, port, path }: ListenAddress, onConnection: OnConnection): Bound {
    if (host === "") throw new FirefliesError("address-invalid", "A host must be named.");
    const at = { host, port: port === 0 ? this.#nextPort++ : port };
    const key = keyOf(at);
    if (this.#listening.has(key)) throw new FirefliesError("address-in-use", `${key} is in use.`);
    const listener = { name: place, onConnection };
    this.#listening.set(key, listener);
    const close = async () => {
      if (this.#listening.get(key) === listener) this.#listening.delete(key);
    };
    return { address: path === undefined ? { scheme, ...at } : { scheme, ...at, path }, close };
  }

  /** As a handshake of TCP: a path that drops everything leaves it open until the signal fires. */
  #dial(from: string, to: Address, { signal }: DialTarget): Promise<Duplex> {
    const address = formatAddress(to);
    return new Promise((resolve, reject) => {
      const cancelled = () => reject(new DialError("cancelled", address));
      if (signal.aborted) return cancelled();
      signal.addEventListener("abort", cancelled, { once: true });
      setImmediate(() => {
        const target = this.#listening.get(keyOf(to));
        const between = target && pairKey(from, target.name);
        if (signal.aborted || (between !== undefined && this.#silent.has(between))) return;
        signal.removeEventListener("abort", cancelled);
        if (target === undefined) return reject(new DialError("refused", address));
        if (this.#cut.has(between as string)) return reject(new DialError("no-route", address));
        resolve(this.#connect(between as string, to.scheme, target));
      });
    });
  }

  #connect(between: string, scheme: string, { onConnection }: Place): Duplex {
    const isOpen = () => !this.#silent.has(between);
    const [own, theirs] = duplexPair(isOpen);
    const wire = { between, ends: [own, theirs] as const };
    this.#wires.add(wire);
    const gone = () => {
      if (own.destroyed && theirs.destroyed) this.#wires.delete(wire);
    };
    own.once("close", gone);
    theirs.once("close", gone);
    const from = { scheme, host: "127.0.0.1", port: this.#nextPort++ };
    setImmediate(() => onConnection(theirs, from));
    return own;
  }
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function keyOf({ host, port }: Pick<Address, "host" | "port">): string {
  return `${host.toLowerCase()} ${port}`;
}

type Done = (error?: Error | null) => void;

class MemoryDuplex extends Duplex {
  other!: MemoryDuplex;
  bytesRead = 0;
  readonly #isOpen: () => boolean;
  /** What has not crossed yet, in order: one write at a time, then perhaps the end. */
  #crossing: (() => void)[] = [];
  #isScheduled = false;
  #unread: Done | undefined;

  constructor(isOpen: () => boolean) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#isOpen = isOpen;
    this.on("error", () => {}); // As of every connection: "close" follows.
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    const copy = new Uint8Array(chunk); // As a wire would make.
    this.#cross(() => this.other.#receive(copy, done));
  }

  override _final(done: Done): void {
    this.#cross(() => {
      if (!this.other.destroyed) this.other.push(null);
      done();
    });
  }

  override _read(): void {
    const done = this.#unread;
    this.#unread = undefined;
    done?.();
  }

  override _destroy(error: Error | null, done: Done): void {
    this._read();
    const inOrder = error === null && this.readableEnded && this.writableFinished;
    if (!inOrder && !this.other.destroyed) this.#cross(() => this.other.destroy(cutError()));
    done(error);
  }

  /** The wire is open again. */
  resumeWire(): void {
    this.#schedule();
  }

  #receive(chunk: Uint8Array, done: Done): void {
    this.bytesRead += chunk.length;
    if (this.destroyed || this.push(chunk)) done();
    else this.#unread = done;
  }

  #cross(arrive: () => void): void {
    this.#crossing.push(arrive);
    this.#schedule();
  }

  /**
   * Never within the write: http2 in Node 20 and 22 aborts the process when an answer comes before its write returns.
   */
  #schedule(): void {
    if (this.#isScheduled || this.#crossing.length === 0 || !this.#isOpen()) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isOpen()) return;
      const arrived = this.#crossing;
      this.#crossing = [];
      for (const arrive of arrived) arrive();
    });
  }
}

/** As TCP reports a reset. */
function cutError(): Error {
  return Object.assign(new Error("The other side cut the connection."), { code: "ECONNRESET" });
}

/**
 * Two ends of a connection: what one writes the other reads, asynchronously. `isOpen` says whether anything arrives
 * now.
 */
export function duplexPair(isOpen: () => boolean = () => true): readonly [MemoryDuplex, MemoryDuplex] {
  const [left, right] = [new MemoryDuplex(isOpen), new MemoryDuplex(isOpen)];
  left.other = right;
  right.other = left;
  return [left, right];
}
