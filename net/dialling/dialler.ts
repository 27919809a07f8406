/**
 * Dials a member: all its addresses, and all answers of their names, raced (RFC 8305), within one deadline. An attempt
 * is a connection and what is made of it, so an address that connects and then stays silent holds nobody up.
 */
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { onAbort } from "../abort.js";
import { type Address, formatAddress, parseAddress, RELAY_SCHEME } from "../address.js";
import { type Deadline, withDeadline } from "../deadline.js";
import { canonical } from "../ranges.js";
import { DialError, type DialReason } from "../transports/dial-error.js";
import type { Reached, Transport } from "../transports/transport.js";
import { DialHistory } from "./history.js";
import { refusalToDial } from "./policy.js";
import { type Add, race } from "./race.js";
import type { Resolver } from "./resolver.js";

/** Addresses of one member that are looked at: as many as a note holds. */
const ADDRESSES_MAX = 24;
/** Names among them that are looked up: each costs this machine and its DNS more than the dial does. */
const NAMES_MAX = 8;
/** Attempts of one dial: at the pace of RFC 8305, as many as begin in four seconds. */
const ATTEMPTS_MAX = 16;
/** Attempts of all dials at once: each holds a descriptor, for seconds when nobody answers. */
const ATTEMPTS_RUNNING_MAX = 512;
/** An attempt that had less than this before the deadline, milliseconds, says nothing about its address. */
const FAIR_MS = 1_000;

export interface DiallerOptions {
  /** One per scheme. */
  readonly transports: readonly Transport[];
  readonly resolver: Resolver;
  /** Monotonic milliseconds, for what is remembered. */
  readonly now: () => number;
  /** My own addresses as text: never dialled, and they say whether loopback may be. */
  readonly mine: () => readonly string[];
}

/** `deadline` holds for look-up, dials and handshake together. */
export interface DialOptions extends Deadline {
  /** The member that should answer: look-ups go on its account, and a failed dial that found it does not count. */
  readonly expect?: MemberId | undefined;
  /** So many addresses are tried at once, the others by and by; 1 by default. */
  readonly atOnce?: number | undefined;
  /** Milliseconds between two of the others; STAGGER_MS by default. */
  readonly staggerMs?: number | undefined;
}

/**
 * Makes a session of a connection. `address` is the one that was dialled, its host an IP address. When `signal` fires,
 * another one has won or time is up: the connection is destroyed, and what this returns is dropped.
 */
export type Attempt<T> = (connection: Duplex, address: Address, signal: AbortSignal) => Promise<T>;

/** One dial under way. */
interface Dial<T> {
  readonly options: DialOptions;
  readonly attempt: Attempt<T>;
  readonly failures: DialError[];
  /** Addresses that were added to the race. */
  readonly added: Set<string>;
  readonly signal: AbortSignal;
}

export class Dialler {
  readonly #options: DiallerOptions;
  readonly #transports: ReadonlyMap<string, Transport>;
  readonly #history = new DialHistory();
  #running = 0;

  constructor(options: DiallerOptions) {
    this.#options = options;
    this.#transports = new Map(options.transports.map((transport) => [transport.scheme, transport]));
  }

  /**
   * The result of the first attempt that succeeds. Rejects with a DialError; `reason` is "refused" only if every
   * address that was tried said so. At the end nothing of it runs on.
   */
  async dial<T>(addresses: readonly string[], options: DialOptions, attempt: Attempt<T>): Promise<T> {
    const failures: DialError[] = [];
    const [shown = "The member"] = addresses;
    try {
      const won = await withDeadline(options, (signal) => {
        const dial = { options, attempt, failures, added: new Set<string>(), signal };
        return race<T>(signal, (add) => this.#addAll(dial, lookedAt(addresses), add), options);
      });
      if (won !== undefined) return won.value;
    } catch (error) {
      const isLate = error instanceof FirefliesError && error.code === "timeout";
      if (!isLate) throw new DialError("cancelled", shown, { cause: error });
      failures.push(new DialError("timeout", shown, { cause: error }));
    }
    throw verdict(failures) ?? new DialError("forbidden", shown, { detail: "it has no address" });
  }

  /** These answered, `member` among them: no reason to wait before the next dial. */
  forgive(addresses: readonly string[], member?: MemberId): void {
    for (const text of addresses) {
      const address = parseAddress(text);
      if (address === undefined) continue;
      const { ownNames = false } = this.#transports.get(address.scheme) ?? {};
      const hosts = ownNames ? [address.host] : (this.#options.resolver.known(address.host) ?? []);
      for (const host of hosts) this.#history.forgive(placeOf(canonical({ ...address, host }), { expect: member }));
    }
  }

  async #addAll<T>(dial: Dial<T>, addresses: readonly string[], add: Add<T>): Promise<void> {
    await Promise.all(
      addresses.map((text) =>
        this.#addOne(dial, text, add).catch((error: unknown) => {
          const isOurs = error instanceof DialError;
          dial.failures.push(isOurs ? error : new DialError("unresolved", text, { cause: error }));
        }),
      ),
    );
  }

  /** An address, or all addresses that its name stands for now. Throws a DialError when that gives nothing. */
  async #addOne<T>(dial: Dial<T>, text: string, add: Add<T>): Promise<void> {
    const address = parseAddress(text);
    if (address === undefined) throw new DialError("forbidden", text, { detail: "it is no address" });
    const transport = this.#transports.get(address.scheme);
    if (transport === undefined) throw new DialError("local", text, { detail: `no transport for ${address.scheme}` });
    const { signal, options } = dial;
    const lookUp = { deadline: options.deadline, signal, asker: options.expect };
    const hosts = transport.ownNames ? [address.host] : await this.#options.resolver.addresses(address.host, lookUp);
    for (const [rank, host] of hosts.entries())
      this.#add(dial, transport, canonical({ ...address, host }), address.host, rank, add);
  }

  /** Decides about an address as it is dialled, and puts it into the race. */
  #add<T>(dial: Dial<T>, transport: Transport, to: Address, name: string, rank: number, add: Add<T>): void {
    const target = formatAddress(to);
    const { added, failures, options } = dial;
    if (added.has(target) || added.size >= ATTEMPTS_MAX) return;
    added.add(target);
    const refusal = refusalToDial(to, this.#options.mine());
    if (refusal !== undefined) return void failures.push(new DialError("forbidden", target, { detail: refusal }));
    const recent = this.#history.recent(placeOf(to, options), this.#options.now(), options.expect);
    if (recent !== undefined) return void failures.push(new DialError("backoff", target, { cause: recent }));
    add((signal) => this.#attempt(dial, transport, to, name, signal), rank + (transport.rank ?? 0));
  }

  async #attempt<T>(
    dial: Dial<T>,
    transport: Transport,
    to: Address,
    name: string | undefined,
    signal: AbortSignal,
  ): Promise<T> {
    const target = formatAddress(to);
    const place = placeOf(to, dial.options);
    const startedAt = this.#options.now();
    let connection: (Duplex & Partial<Reached>) | undefined;
    let uncut = () => {};
    this.#running++;
    try {
      if (this.#running > ATTEMPTS_RUNNING_MAX)
        throw new DialError("local", target, { detail: "too many dials at once" });
      connection = await transport.dial(to, { signal, name, member: dial.options.expect });
      uncut = onAbort(signal, () => connection?.destroy());
      signal.throwIfAborted();
      const value = await dial.attempt(connection, connection.reached ?? to, signal);
      signal.throwIfAborted();
      this.#history.forgive(place);
      return value;
    } catch (error) {
      const later = connection?.errored instanceof DialError && !signal.aborted ? connection.errored : undefined;
      connection?.destroy();
      const failure = later ?? failureOf(error, to, connection !== undefined, signal);
      dial.failures.push(failure);
      if (this.#counts(failure, startedAt)) this.#history.failed(place, this.#options.now(), failure);
      throw failure;
    } finally {
      this.#running--;
      uncut();
    }
  }

  /** Is it the address that failed, and not this process or its patience? */
  #counts({ reason }: DialError, startedAt: number): boolean {
    if (reason === "timeout") return this.#options.now() - startedAt >= FAIR_MS;
    return reason !== "cancelled" && reason !== "local";
  }
}

/** The addresses of one dial, in order. */
function lookedAt(addresses: readonly string[]): readonly string[] {
  let names = 0;
  return addresses.slice(0, ADDRESSES_MAX).filter((text) => {
    const { scheme, host = "" } = parseAddress(text) ?? {};
    const isName = scheme !== RELAY_SCHEME && isIP(host) === 0;
    return !isName || names++ < NAMES_MAX;
  });
}

/** What a failure is remembered of: an address, and of a relay only that it did not lead to this member. */
function placeOf(to: Address, { expect }: Pick<DialOptions, "expect">): string {
  const target = formatAddress(to);
  return to.scheme === RELAY_SCHEME ? `${target} ${expect}` : target;
}

function failureOf(error: unknown, to: Address, isConnected: boolean, signal: AbortSignal): DialError {
  const target = formatAddress(to);
  const cause = signal.aborted ? signal.reason : error;
  const code = cause instanceof FirefliesError ? cause.code : undefined;
  if (signal.aborted) return new DialError(code === "timeout" ? "timeout" : "cancelled", target, { cause });
  if (!isConnected && to.scheme === RELAY_SCHEME && isRefusal(cause))
    return new DialError("no-route", target, { cause });
  if (!isConnected) return cause instanceof DialError ? cause : new DialError("local", target, { cause });
  return new DialError(code === "timeout" ? "timeout" : "handshake", target, { cause });
}

/** A relay's word that nobody listens is no evidence. */
function isRefusal(cause: unknown): boolean {
  return cause instanceof DialError && cause.reason === "refused";
}

/** From what says most about the member to what says least. Refusals count when there is nothing else. */
const WEIGHT: readonly DialReason[] = [
  "handshake",
  "timeout",
  "no-route",
  "local",
  "unresolved",
  "backoff",
  "refused",
  "forbidden",
  "cancelled",
];

/** The failure that stands for all: addresses that may not be dialled were not tried. */
export function verdict(failures: readonly DialError[]): DialError | undefined {
  const [first, ...others] = failures.toSorted((a, b) => WEIGHT.indexOf(a.reason) - WEIGHT.indexOf(b.reason));
  if (first === undefined || others.length === 0) return first;
  const reasons = [first, ...others].flatMap((failure) => failure.reasons);
  const failure = new DialError(first.reason, first.address, { cause: first.cause, reasons });
  failure.message = first.message;
  return failure;
}
