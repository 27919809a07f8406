/**
 * Contacts by multicast DNS, for a laboratory: members of one network on one LAN find each other without a server. Anybody on that
 * LAN can put addresses in. That costs dials, and no more, since who answers proves that it is a member.
 */
import { FirefliesError, isCode } from "../../identity/index.js";
import { pause } from "../../net/index.js";
import type { Discovery, DiscoverySelf } from "./discovery.js";
import { shuffled } from "./dns.js";
import {
  type DnsPacket,
  type DnsRecord,
  type Instance,
  instancesIn,
  isAskedFor,
  labelOf,
  recordsOf,
  SERVICE,
  TTL_SECONDS,
} from "./mdns-records.js";

/** How long answers to a question are waited for, milliseconds: RFC 6762, section 6, has them come within 20 to 120. */
const ANSWERS_MS = 400;
/** RFC 6762, section 6: the same is said again after a second at the earliest. */
const SAID_PAUSE_MS = 1_000;
/** Members remembered: a laboratory, many times. Those heard of first are forgotten first. */
const INSTANCES_MAX = 256;

/** A socket that is bound to an address of its own hears no multicast on Linux. */
const ANY = "0.0.0.0";

/** What is used of the package multicast-dns. */
export interface MulticastDns {
  on(event: string, listener: (...args: never[]) => void): unknown;
  query(packet: { readonly questions: readonly { readonly name: string; readonly type: "PTR" }[] }): void;
  respond(packet: { readonly answers: readonly Required<DnsRecord>[] }): void;
  destroy(callback?: () => void): void;
}

/** Of `mdnsDiscovery`. */
export interface MdnsDiscoveryOptions {
  /** The IPv4 address of the interface to use. Default: all. */
  readonly interface?: string | undefined;
  /** UDP port. Default 5353. */
  readonly port?: number | undefined;
  /** In place of the package: makes what speaks multicast DNS. */
  readonly make?: ((options: object) => object) | undefined;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Members on the same LAN, and this one for them. Needs the package multicast-dns, which is loaded when it is used first. */
export function mdnsDiscovery(options: MdnsDiscoveryOptions = {}): Discovery {
  return new MdnsDiscovery(options);
}

class MdnsDiscovery implements Discovery {
  readonly name = "mdns";
  readonly #options: MdnsDiscoveryOptions;
  readonly #instances = new Map<string, { readonly addresses: readonly string[]; readonly until: number }>();
  readonly #ending = new AbortController();
  #onChange: () => void = () => {};
  #self: DiscoverySelf | undefined;
  #speaker: Promise<MulticastDns> | undefined;
  /** Why nothing can be said or heard. */
  #broken: unknown;
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(options: MdnsDiscoveryOptions) {
    this.#options = options;
  }

  async contacts(signal: AbortSignal): Promise<readonly string[]> {
    const speaker = await this.#speaking();
    signal.throwIfAborted();
    speaker.query({ questions: [{ name: SERVICE, type: "PTR" }] });
    await pause(ANSWERS_MS, AbortSignal.any([signal, this.#ending.signal]));
    signal.throwIfAborted();
    if (this.#broken !== undefined) throw this.#failure(this.#broken);
    for (const [label, { until }] of this.#instances) if (until <= performance.now()) this.#instances.delete(label);
    return shuffled(
      [...this.#instances.values()].flatMap(({ addresses }) => addresses),
      this.#options.random ?? Math.random,
    );
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  announce(self: DiscoverySelf): void {
    this.#self = self;
    this.#instances.delete(labelOf(self));
    this.#speaking().then(
      (speaker) => this.#say(speaker, false),
      () => {}, // The next call of `contacts` says why.
    );
  }

  async close(): Promise<void> {
    this.#ending.abort();
    const speaker = await this.#speaker?.catch(() => undefined);
    if (speaker === undefined) return;
    this.#say(speaker, true);
    await new Promise<void>((resolve) => speaker.destroy(() => resolve()));
  }

  /** Rejects with "package-missing", and with why its port cannot be had. */
  async #speaking(): Promise<MulticastDns> {
    if (this.#broken !== undefined) {
      (await this.#speaker?.catch(() => undefined))?.destroy();
      this.#speaker = undefined;
      this.#broken = undefined;
    }
    this.#speaker ??= this.#begin();
    return await this.#speaker;
  }

  async #begin(): Promise<MulticastDns> {
    const { make = await load(), interface: address, port } = this.#options;
    const speaker = make({
      ...(address !== undefined && { interface: address, bind: ANY }),
      ...(port !== undefined && { port }),
    }) as MulticastDns;
    speaker.on("error", (cause: unknown) => {
      this.#broken = cause;
    });
    speaker.on("warning", () => {}); // Packets that are none, interfaces that come and go.
    speaker.on("query", (packet: DnsPacket) => {
      if (isAskedFor(packet)) this.#answer(speaker);
    });
    speaker.on("response", (packet: DnsPacket) => this.#heard(packet));
    return speaker;
  }

  #answer(speaker: MulticastDns): void {
    const now = performance.now();
    if (now - this.#saidAt < SAID_PAUSE_MS) return;
    this.#saidAt = now;
    this.#say(speaker, false);
  }

  #say(speaker: MulticastDns, isLeaving: boolean): void {
    if (this.#self === undefined || this.#self.addresses.length === 0) return;
    speaker.respond({ answers: recordsOf(this.#self, isLeaving) });
  }

  #heard(packet: DnsPacket): void {
    if (this.#self === undefined || this.#ending.signal.aborted) return;
    const others = instancesIn(packet, this.#self.network).filter(
      ({ label }) => label !== labelOf(this.#self as DiscoverySelf),
    );
    const isNews = others.map((instance) => this.#learn(instance)).includes(true);
    if (isNews) this.#onChange();
  }

  #learn({ label, addresses, isLeaving }: Instance): boolean {
    const before = this.#instances.get(label);
    this.#instances.delete(label);
    if (isLeaving) return false;
    this.#instances.set(label, { addresses, until: performance.now() + TTL_SECONDS * 1_000 });
    const [oldest] = this.#instances.keys();
    if (this.#instances.size > INSTANCES_MAX && oldest !== undefined) this.#instances.delete(oldest);
    return before?.addresses.join(" ") !== addresses.join(" ");
  }

  #failure(cause: unknown): FirefliesError {
    const isTaken = isCode(cause, "EADDRINUSE");
    const why = isTaken
      ? "another program has the port of multicast DNS to itself"
      : `multicast DNS cannot be used: ${String(cause)}`;
    return new FirefliesError("discovery-failed", `${why}.`, { cause });
  }
}

async function load(): Promise<(options: object) => object> {
  try {
    const { default: make } = await import("multicast-dns");
    return make;
  } catch (cause) {
    if (!isCode(cause, "ERR_MODULE_NOT_FOUND") && !isCode(cause, "MODULE_NOT_FOUND")) throw cause;
    throw new FirefliesError(
      "package-missing",
      "The source mdns needs the package multicast-dns, which is not installed.",
      {
        cause,
        advice: "Install it beside fireflies: npm install multicast-dns.",
      },
    );
  }
}
