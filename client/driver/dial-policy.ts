/**
 * Which addresses of others I dial, and how often. An address in a note is a stranger's word: it may point at a third
 * party, at loopback, at whatever listens next to me.
 */
import { parseAddress } from "../address.js";

/** The first pause after a failed dial, milliseconds; doubled with every further one ... */
const BACKOFF_FIRST_MS = 250;
/** ... up to this. */
const BACKOFF_MAX_MS = 10_000;
/** Addresses whose failures are remembered. */
const FAILURES_MAX = 4096;

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

type Range = "loopback" | "unspecified" | "link-local" | "multicast" | "ordinary";

/** The range that an address text belongs to; host names are ordinary, but for "localhost". */
export function rangeOf(host: string): Range {
  const name = host.toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
  const mapped = /^::ffff:([\d.]+)$/.exec(name)?.[1] ?? name;
  const parts = IPV4.exec(mapped);
  if (parts) return rangeOfIPv4(Number(parts[1]), Number(parts[2]));
  if (!name.includes(":")) return "ordinary";
  if (/^(0*:)*:?0*1$/.test(name)) return "loopback";
  if (/^[0:]+$/.test(name)) return "unspecified";
  if (/^fe[89ab]/.test(name)) return "link-local";
  return name.startsWith("ff") ? "multicast" : "ordinary";
}

function rangeOfIPv4(first: number, second: number): Range {
  if (first === 127) return "loopback";
  if (first === 0) return "unspecified";
  if (first === 169 && second === 254) return "link-local";
  return first >= 224 ? "multicast" : "ordinary";
}

/** May I dial this address? Loopback only when I advertise loopback myself: then the network lives on this machine. */
export function mayDial(address: string, mine: readonly string[]): boolean {
  const parts = parseAddress(address);
  if (!parts || parts.port === 0 || mine.includes(address)) return false;
  const range = rangeOf(parts.host);
  if (range === "ordinary") return true;
  if (range === "unspecified" || range === "multicast") return false;
  return mine.some((own) => rangeOf(parseAddress(own)?.host ?? "") === range);
}

/** Remembers failed dials per address, over all members that claim it. */
export class DialHistory {
  readonly #failures = new Map<string, { readonly count: number; readonly until: number; readonly error: Error }>();

  /** Why this address is not dialled now: how it failed the last time, a moment ago. */
  recent(address: string, now: number): Error | undefined {
    const failure = this.#failures.get(address);
    return failure && now < failure.until ? failure.error : undefined;
  }

  failed(address: string, now: number, error: Error): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1;
    this.#failures.delete(address);
    const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (count - 1));
    this.#failures.set(address, { count, until: now + pause, error });
    const oldest = this.#failures.keys().next().value;
    if (this.#failures.size > FAILURES_MAX && oldest !== undefined) this.#failures.delete(oldest);
  }

  /** It answered, or its member has said something new: no reason to wait. */
  forgive(address: string): void {
    this.#failures.delete(address);
  }
}
