/** A NAT at the edge of a LAN in memory, for datagrams: RFC 4787 has the words for what it maps and lets in. */
import { formatHostPort, type HostPort } from "../address.js";

/**
 * Who may answer through a mapping: anybody, whoever has the address, or the address and port, that was written to.
 * "symmetric" as "port", with another mapping for each place that is written to.
 */
export type MemoryNatKind = "full-cone" | "address-restricted" | "port-restricted" | "symmetric";

/** Where the ports of a NAT begin. */
const FIRST_PORT = 20_000;
/** Mappings of one NAT; the oldest goes first. */
const MAPPINGS_MAX = 16_384;

interface Mapping {
  readonly inner: HostPort;
  readonly port: number;
  /** Written to, as "IP" and "IP:port". */
  readonly known: Set<string>;
}

export class Nat {
  readonly kind: MemoryNatKind;
  /** The address that others see. */
  readonly host: string;
  readonly #byInner = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping>();
  #next = FIRST_PORT;

  constructor(kind: MemoryNatKind, host: string) {
    this.kind = kind;
    this.host = host;
  }

  /** As which address a datagram leaves. */
  out(inner: HostPort, to: HostPort): HostPort {
    const mapping = this.#mapping(inner, to);
    mapping.known.add(to.host).add(formatHostPort(to.host, to.port));
    return { host: this.host, port: mapping.port };
  }

  /** Whom a datagram from outside reaches; undefined when nobody. */
  in(port: number, from: HostPort): HostPort | undefined {
    const mapping = this.#byPort.get(port);
    if (mapping === undefined) return undefined;
    const asked = this.kind === "address-restricted" ? from.host : formatHostPort(from.host, from.port);
    return this.kind === "full-cone" || mapping.known.has(asked) ? mapping.inner : undefined;
  }

  /** For a connection, which has a mapping of its own for as long as it lives. */
  port(): number {
    return this.#next++;
  }

  /** Forgets all mappings, as a NAT that was restarted, or got another address. */
  forget(): void {
    this.#byInner.clear();
    this.#byPort.clear();
  }

  #mapping(inner: HostPort, to: HostPort): Mapping {
    const own = formatHostPort(inner.host, inner.port);
    const key = this.kind === "symmetric" ? `${own} ${formatHostPort(to.host, to.port)}` : own;
    const found = this.#byInner.get(key);
    if (found !== undefined) return found;
    const made: Mapping = { inner, port: this.#next++, known: new Set() };
    this.#byInner.set(key, made);
    this.#byPort.set(made.port, made);
    if (this.#byInner.size > MAPPINGS_MAX) this.#dropOldest();
    return made;
  }

  #dropOldest(): void {
    const [key, mapping] = this.#byInner.entries().next().value ?? [];
    if (key === undefined || mapping === undefined) return;
    this.#byInner.delete(key);
    this.#byPort.delete(mapping.port);
  }
}
