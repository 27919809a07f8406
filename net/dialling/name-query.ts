/**
 * One look-up of a name by DNS, over c-ares: it holds no thread, and can be ended. getaddrinfo, which everything else
 * in Node uses, holds one of four threads for ten seconds when nobody answers, and file operations wait behind it.
 */
import { Resolver } from "node:dns/promises";
import { onAbort } from "../abort.js";

/** The first query of a server, milliseconds; c-ares doubles it for the next round. A distant server takes a third. */
export const TRY_MS = 750;
/** Rounds over all servers. */
const TRIES = 2;
/** A whole look-up, milliseconds: each of three servers once and the first one again. */
export const LOOK_UP_MS = 4_000;
/** How long the addresses of one family wait for those of the other: RFC 8305, section 3, "Resolution Delay". */
const OTHER_FAMILY_MS = 50;
/** How long the other family may still come after that, for the next time, milliseconds. */
const LATE_MS = 1_000;
/** Addresses of one name: more are not tried within one dial. */
const ADDRESSES_MAX = 8;

export interface Answer {
  /** IPv6 and IPv4 in turn (RFC 8305, section 4). Never empty. */
  readonly addresses: readonly string[];
  /** What the servers allow, milliseconds. */
  readonly ttlMs: number;
}

/**
 * `none`: the servers say that there is no such name or no address; `failed`: they could not say; `silent`: no answer.
 */
export type Outcome = "found" | "none" | "failed" | "silent";

export interface Query {
  /** Absolute names, tried in this order until one has an address. */
  readonly names: readonly string[];
  /** "address" or "address:port"; undefined for the system's. */
  readonly servers: readonly string[] | undefined;
  /** The first query of a server, milliseconds. */
  readonly tryMs: number;
  /** Called once, or again when the other family came late. */
  readonly found: (answer: Answer) => void;
  readonly signal: AbortSignal;
}

/** Resolves when nothing more will come; never rejects. Takes at most LOOK_UP_MS. */
export async function queryName({ names, servers, tryMs, found, signal }: Query): Promise<Outcome> {
  // One per look-up: it reads resolv.conf anew, and is cancelled alone.
  const resolver = new Resolver({ timeout: tryMs, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const timer = setTimeout(() => resolver.cancel(), LOOK_UP_MS);
  const unwatch = onAbort(signal, () => resolver.cancel());
  try {
    return await queryEach(resolver, names, found);
  } finally {
    clearTimeout(timer);
    unwatch();
    resolver.cancel(); // The other family may still be asked for.
  }
}

async function queryEach(resolver: Resolver, names: readonly string[], found: Query["found"]): Promise<Outcome> {
  let worst: Outcome = "none";
  for (const name of names) {
    const outcome = await queryBoth(resolver, name, found);
    if (outcome === "found" || outcome === "silent") return outcome;
    if (outcome === "failed") worst = outcome;
  }
  return worst;
}

interface Family {
  readonly outcome: Outcome;
  readonly records: readonly { readonly address: string; readonly ttl: number }[];
}

/** A and AAAA at once (RFC 8305, section 3). */
async function queryBoth(resolver: Resolver, name: string, found: Query["found"]): Promise<Outcome> {
  const families = [
    settled(resolver.resolve6(name, { ttl: true })),
    settled(resolver.resolve4(name, { ttl: true })),
  ] as const;
  const known: Family[] = [EMPTY, EMPTY];
  const fill = families.map((family, index) =>
    family.then((result) => {
      known[index] = result;
      return result.outcome === "found";
    }),
  );
  const all = Promise.all(fill);
  if (await Promise.race([firstTrue(fill), all.then(() => false)])) await first(all, OTHER_FAMILY_MS);
  const answer = answerOf(known);
  if (answer !== undefined) found(answer);
  await (answer === undefined ? all : first(all, LATE_MS));
  const whole = answerOf(known);
  if (whole !== undefined && whole.addresses.length !== answer?.addresses.length) found(whole);
  if (whole !== undefined) return "found";
  return (["silent", "failed"] as const).find((each) => known.some(({ outcome }) => outcome === each)) ?? "none";
}

const EMPTY: Family = { outcome: "silent", records: [] };

/** Resolves to true when one of them does; never when none does. */
function firstTrue(promises: readonly Promise<boolean>[]): Promise<boolean> {
  return new Promise((resolve) => {
    for (const promise of promises) void promise.then((value) => value && resolve(true));
  });
}

/** Resolves with the promise, or after `ms`. */
async function first(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/** c-ares' errors: the name or the type does not exist; nobody has answered in time. */
const NONE = new Set(["ENOTFOUND", "ENODATA", "EBADNAME"]);
const SILENT = new Set(["ETIMEOUT", "ECANCELLED"]);

async function settled(records: Promise<Family["records"]>): Promise<Family> {
  try {
    const found = await records;
    return { outcome: found.length > 0 ? "found" : "none", records: found };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    return { outcome: NONE.has(code) ? "none" : SILENT.has(code) ? "silent" : "failed", records: [] };
  }
}

function answerOf(families: readonly Family[]): Answer | undefined {
  const records = families.flatMap((family) => family.records);
  if (records.length === 0) return undefined;
  const addresses = interleaved(families.map((family) => family.records.map(({ address }) => address)));
  return { addresses, ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000 };
}

/** The first of each list, then the second of each, without repetition; at most ADDRESSES_MAX. */
export function interleaved(lists: readonly (readonly string[])[]): readonly string[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  const rows = Array.from({ length: longest }, (_, row) => lists.flatMap((list) => list.slice(row, row + 1)));
  return [...new Set(rows.flat())].slice(0, ADDRESSES_MAX);
}
