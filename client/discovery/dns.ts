/**
 * Contacts from DNS: all addresses of a name (A and AAAA), or the members of a service (SRV, RFC 2782). Asked over c-ares, as
 * net/dialling/name-query.ts does and for its reasons; answers that come truncated are asked for again over TCP by it.
 */
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { FirefliesError } from "../../identity/index.js";
import {
  formatHostPort,
  onAbort,
  parseHostPort,
  SYSTEM_FILES,
  type SystemFiles,
  SystemNames,
} from "../../net/index.js";
import type { Discovery } from "./discovery.js";
import { nameOf, readPlace } from "./place.js";

/** The first query of a server, milliseconds; c-ares doubles it for the next round. */
const TRY_MS = 1_000;
/** Rounds over all servers. */
const TRIES = 2;
/** How long the addresses of one family wait for those of the other, milliseconds: nobody stands waiting for a source. */
const OTHER_FAMILY_MS = 500;
/** Records of one answer that are looked at; a source takes far fewer contacts. */
const RECORDS_MAX = 1_024;

/** Of `dnsDiscovery` and `srvDiscovery`. */
export interface DnsDiscoveryOptions {
  /** DNS servers, "address" or "address:port". Default: the system's. */
  readonly servers?: readonly string[] | undefined;
  /** Milliseconds until a server that is silent is asked again, or the next one. Default 1,000. */
  readonly tryMs?: number | undefined;
  /** Where names stand beside addresses, and the search list. Default: the system's. */
  readonly files?: SystemFiles | undefined;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/**
 * All addresses of a host name, each with this port: "members.example:7000". In an order by chance, so that not all
 * members ask the same one. Throws "config-bad-value".
 */
export function dnsDiscovery(place: string, options: DnsDiscoveryOptions = {}): Discovery {
  const { host, port } = parseHostPort(place) ?? {};
  if (host === undefined || !port)
    throw new FirefliesError("config-bad-value", `A source of DNS is "host:port", not ${JSON.stringify(place)}.`);
  const query = new DnsQuery(options);
  const [server] = options.servers ?? [];
  return {
    name: nameOf({ kind: "dns", host, port, server }),
    contacts: async (signal) => (await query.addresses(host, signal)).map((address) => formatHostPort(address, port)),
  };
}

/**
 * The members that SRV records name: "_fireflies._tcp.example". Those of the lowest priority first, within it by weight
 * (RFC 2782). Throws "config-bad-value".
 */
export function srvDiscovery(service: string, options: DnsDiscoveryOptions = {}): Discovery {
  const read = readPlace(`srv:${service}`);
  if (read?.ok !== true)
    throw new FirefliesError("config-bad-value", `A source of SRV ${read?.problem ?? "is a name"}.`);
  const query = new DnsQuery(options);
  const [server] = options.servers ?? [];
  const { random = Math.random } = options;
  return {
    name: nameOf({ kind: "srv", service, server }),
    contacts: async (signal) => inOrder(await query.services(service, signal), random).map(targetOf),
  };
}

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** RFC 2782, "Weight": by priority, and among equal ones by chance in proportion to their weights. */
export function inOrder(records: readonly SrvRecord[], random: () => number): readonly SrvRecord[] {
  // By exponential keys: the least of E / weight is a draw by weight, and so is the next. A weight of 0 has a small chance.
  const keyed = records.map((record) => ({
    record,
    key: -Math.log(1 - random()) / Math.max(record.weight, WEIGHT_OF_NONE),
  }));
  return keyed.sort((a, b) => a.record.priority - b.record.priority || a.key - b.key).map(({ record }) => record);
}

/** RFC 2782: records of weight 0 have "a very small chance of being selected". */
const WEIGHT_OF_NONE = 1e-3;

function targetOf({ name, port }: SrvRecord): string {
  return formatHostPort(name, port);
}

class DnsQuery {
  readonly #options: DnsDiscoveryOptions;
  readonly #names: SystemNames;

  constructor(options: DnsDiscoveryOptions) {
    this.#options = options;
    this.#names = new SystemNames(options.files ?? SYSTEM_FILES, () => performance.now());
    this.#resolver().cancel(); // What is wrong with the servers is said now.
  }

  async addresses(host: string, signal: AbortSignal): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    const found = this.#names.addresses(host.toLowerCase().replace(/\.$/, ""));
    if (found !== undefined) return found;
    return await this.#each(host, signal, async (resolver, name) => {
      const { random = Math.random } = this.#options;
      return shuffled(await bothFamilies(resolver, name), random);
    });
  }

  async services(service: string, signal: AbortSignal): Promise<readonly SrvRecord[]> {
    const records = await this.#each(service, signal, (resolver, name) => resolver.resolveSrv(name));
    return records.slice(0, RECORDS_MAX).filter(({ name }) => name !== "" && name !== "."); // RFC 2782: "." says that there is none.
  }

  /** The first of the names that there is; of the search list, too. */
  async #each<T>(
    name: string,
    signal: AbortSignal,
    ask: (resolver: Resolver, name: string) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const resolver = this.#resolver();
    const unwatch = onAbort(signal, () => resolver.cancel());
    try {
      let [missing, failed, isThere] = [undefined as unknown, undefined as unknown, false];
      for (const candidate of this.#names.candidates(name)) {
        try {
          return await ask(resolver, candidate);
        } catch (cause) {
          const code = codeOf(cause);
          if (SILENT.has(code)) throw failure(name, cause);
          if (code === "ENODATA")
            isThere = true; // There is such a name, and nobody has it now.
          else if (NONE.has(code)) missing = cause;
          else failed ??= cause;
        }
      }
      if (failed === undefined && isThere) return [];
      throw failure(name, failed ?? missing);
    } finally {
      unwatch();
      resolver.cancel(); // One family may still be asked for.
    }
  }

  /** One per call: it reads resolv.conf anew, and is cancelled alone. */
  #resolver(): Resolver {
    const { servers, tryMs = TRY_MS } = this.#options;
    const resolver = new Resolver({ timeout: tryMs, tries: TRIES });
    try {
      if (servers !== undefined) resolver.setServers(servers);
    } catch (cause) {
      throw new FirefliesError("config-bad-value", `These are no DNS servers: ${servers?.join(", ")}.`, { cause });
    }
    return resolver;
  }
}

/** A and AAAA at once. One that is silent, or fails, does not take the other's answer. Rejects when neither has any. */
async function bothFamilies(resolver: Resolver, name: string): Promise<readonly string[]> {
  const answers: string[] = [];
  const taken = (addresses: readonly string[]) => {
    for (const address of addresses.slice(0, RECORDS_MAX)) answers.push(address);
  };
  const families = [resolver.resolve6(name).then(taken), resolver.resolve4(name).then(taken)];
  const all = Promise.allSettled(families);
  const isFound = await Promise.any(families).then(
    () => true,
    () => false,
  );
  if (isFound) {
    await within(all, OTHER_FAMILY_MS);
    return answers;
  }
  const reasons = (await all).flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
  // A server that fails for one family may have an answer to it later; that a name has no address of a family says nothing.
  throw (
    reasons.find((reason) => !NONE.has(codeOf(reason))) ??
    reasons.find((reason) => codeOf(reason) === "ENODATA") ??
    reasons[0]
  );
}

async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/** c-ares: there is no such name, or it has no such record. */
const NONE: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"]);
const SILENT: ReadonlySet<string> = new Set(["ETIMEOUT", "ECANCELLED", "ETIMEDOUT"]);

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
}

function failure(name: string, cause: unknown): FirefliesError {
  const code = codeOf(cause);
  const why =
    code === "ENOTFOUND"
      ? `DNS has no name ${name}`
      : SILENT.has(code)
        ? "the DNS servers did not answer"
        : `the DNS servers could not say (${code || String(cause)})`;
  const advice = `Check the name, and what the DNS servers say of it: \`dig ${name}\`.`;
  return new FirefliesError("discovery-failed", `${why}.`, { cause, advice });
}

/** In an order by chance (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items];
  for (let index = mixed.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [mixed[index], mixed[other]] = [mixed[other] as T, mixed[index] as T];
  }
  return mixed;
}
