/** How often one origin may ask: a token bucket for each. */
import { formatIp, type Ip, unmapped } from "../wire/ip.js";

/** Origins that are remembered; the one that asked longest ago is forgotten first. */
const ORIGINS_MAX = 10_000;

interface Bucket {
  readonly tokens: number;
  /** Milliseconds, monotonic. */
  readonly at: number;
}

export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, burst: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
  }

  /** Whether the origin may ask now; if not, the milliseconds until it may. */
  take(origin: string): { readonly ok: true } | { readonly ok: false; readonly waitMs: number } {
    const now = this.#now();
    const { tokens: before, at } = this.#buckets.get(origin) ?? { tokens: this.#burst, at: now };
    const tokens = Math.min(this.#burst, before + ((now - at) * this.#perSecond) / 1_000);
    const ok = tokens >= 1;
    this.#buckets.delete(origin);
    this.#buckets.set(origin, { tokens: ok ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > ORIGINS_MAX) this.#forgetOldest();
    return ok ? { ok } : { ok, waitMs: ((1 - tokens) * 1_000) / this.#perSecond };
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** Whom an address counts as: one IPv4 address, or a /64 of IPv6, which one customer has whole. */
export function originOf(ip: Ip | undefined): string {
  if (ip === undefined) return "unknown";
  const { family, value } = unmapped(ip);
  return family === 4 ? formatIp(unmapped(ip)) : formatIp({ family, value: (value >> 64n) << 64n, zone: "" });
}
