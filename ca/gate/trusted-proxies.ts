/** Balancers in front of the authority, whose word on the caller's address is taken. Nobody else's is. */
import { BlockList, isIP } from "node:net";
import type { ProxyForm } from "../../identity/index.js";
import { invalid } from "../options.js";
import { withoutMapping } from "./caller-address.js";

export interface ProxyOptions {
  /** IP addresses, or ranges such as "10.0.0.0/8". */
  readonly trusted: readonly string[];
  /** "proxy-protocol" when left out. */
  readonly form?: ProxyForm | undefined;
}

/** More than a chain of this many proxies is no chain that anybody built. */
const HOPS_MAX = 16;

export class TrustedProxies {
  readonly form: ProxyForm;
  readonly #trusted: BlockList;

  /** Throws "ca-options-invalid" for what is no address or range. */
  constructor({ trusted, form = "proxy-protocol" }: ProxyOptions = { trusted: [] }) {
    this.form = form;
    this.#trusted = blockListOf(trusted);
  }

  has(address: string): boolean {
    const bare = plain(address);
    const version = isIP(bare);
    return version !== 0 && this.#trusted.check(bare, version === 6 ? "ipv6" : "ipv4");
  }

  /** Whether connections of this address begin with a PROXY header. */
  announces(address: string): boolean {
    return this.form === "proxy-protocol" && this.has(address);
  }

  /** Whether many callers are behind this address, so that what it does is nobody's doing. */
  isShared(address: string): boolean {
    return this.form !== "proxy-protocol" && this.has(address);
  }

  /** Who made a request on a connection of `address`: the last in the chain whom no trusted proxy stands for. */
  callerOf(address: string, forwardedFor: string | readonly string[] | undefined): string {
    if (this.form !== "x-forwarded-for" || forwardedFor === undefined || !this.has(address)) return address;
    const chain = [forwardedFor].flat().join(",").split(",").slice(-HOPS_MAX).reverse();
    let caller = address;
    for (const hop of chain) {
      const named = addressIn(hop.trim());
      if (named === undefined) return caller;
      caller = named;
      if (!this.has(named)) return named;
    }
    return caller;
  }
}

/** "10.0.0.1", "10.0.0.1:4711", "2001:db8::1" or "[2001:db8::1]:4711"; undefined for what is no address. */
function addressIn(text: string): string | undefined {
  const bare = /^\[([^\]]+)\](:\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? undefined : withoutMapping(bare);
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits, ...more] = range.split("/");
    const version = isIP(address);
    const bitsMax = version === 6 ? 128 : 32;
    const length = bits === undefined ? bitsMax : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (version === 0 || more.length > 0 || !(length <= bitsMax)) {
      const advice = "Name the balancer by its IP address, or by a range such as 10.0.0.0/8.";
      throw invalid(`${JSON.stringify(range)} is no IP address and no range.`, { advice });
    }
    list.addSubnet(address, length, version === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

function plain(address: string): string {
  return withoutMapping(address.split("%")[0]!);
}
