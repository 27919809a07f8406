/**
 * What this machine knows of names: its hosts file (hosts(5)), and the search list of its resolv.conf (resolv.conf(5)).
 * Queries over c-ares look at neither. The files are small and read again when they have changed.
 */
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";

/** How often it is looked whether a file has changed, milliseconds: a container's files change while it starts. */
const LOOK_AGAIN_MS = 5_000;
/**
 * A larger hosts file is a block list: it is left to the system's own look-up. Reading this much takes milliseconds.
 */
const FILE_BYTES_MAX = 1024 * 1024;
/** Domains of a search list; glibc took six for long, Kubernetes allows 32. */
const SEARCH_MAX = 32;
/** resolv.conf(5): the highest that glibc takes. */
const NDOTS_MAX = 15;

/** Files of the system that say what names are. */
export interface SystemFiles {
  /** Where names stand beside addresses. */
  readonly hosts: string;
  /** Undefined where the system has none: then there is no search list. */
  readonly resolvConf?: string | undefined;
}

export const SYSTEM_FILES: SystemFiles =
  process.platform === "win32"
    ? { hosts: `${process.env.SystemRoot ?? "C:\\Windows"}\\System32\\drivers\\etc\\hosts` }
    : { hosts: "/etc/hosts", resolvConf: "/etc/resolv.conf" };

/** How names are completed before they are asked for. */
export interface SearchRules {
  /** Without leading or trailing dots. */
  readonly domains: readonly string[];
  /** A name with this many dots is tried as it is first. */
  readonly ndots: number;
}

/** Names in lower case, with their addresses in the order of the file. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

export class SystemNames {
  readonly #hosts: () => Hosts;
  readonly #search: () => SearchRules;

  constructor(files: SystemFiles, now: () => number) {
    this.#hosts = following(files.hosts, now, parseHosts);
    this.#search = following(files.resolvConf, now, parseSearch);
  }

  /** The addresses that the hosts file gives for a name; undefined when it has none. */
  addresses(name: string): readonly string[] | undefined {
    return this.#hosts().get(name);
  }

  /** The absolute names to ask for, in order, without the trailing dot. */
  candidates(name: string): readonly string[] {
    return candidatesOf(name, this.#search());
  }
}

/**
 * As resolv.conf(5) says: a name that ends with a dot is asked for as it is; one with enough dots as it is first, and
 * then with each domain; every other one with each domain first.
 */
export function candidatesOf(name: string, { domains, ndots }: SearchRules): readonly string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const completed = domains.map((domain) => `${name}.${domain}`);
  const dots = name.split(".").length - 1;
  return dots >= ndots ? [name, ...completed] : [...completed, name];
}

/** hosts(5): an address, then names; "#" begins a comment. */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names.map((each) => each.toLowerCase())) {
      const known = hosts.get(name) ?? [];
      if (!known.includes(address)) hosts.set(name, [...known, address]);
    }
  }
  return hosts;
}

/** resolv.conf(5): of "search" and "domain" the last one counts. Without either there is no search list. */
export function parseSearch(text: string): SearchRules {
  let domains: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split("\n")) {
    const [key = "", ...values] = line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/);
    if (key === "search" || key === "domain") domains = values.map(withoutDots).filter((domain) => domain !== "");
    const option = key === "options" && values.find((value) => /^ndots:\d+$/.test(value));
    if (option) ndots = Math.min(Number(option.slice("ndots:".length)), NDOTS_MAX);
  }
  return { domains: domains.slice(0, SEARCH_MAX), ndots };
}

function withoutDots(domain: string): string {
  return domain.replace(/^\.+|\.+$/g, "").toLowerCase();
}

/** What a file says now. It is read without a thread of the pool, which hanging look-ups may hold. */
function following<T>(path: string | undefined, now: () => number, parse: (text: string) => T): () => T {
  let value = parse("");
  let version = "";
  let lookedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (path === undefined || now() - lookedAt < LOOK_AGAIN_MS) return value;
    lookedAt = now();
    const found = versionOf(path);
    if (found !== version) value = parse(found === "" ? "" : readText(path));
    version = found;
    return value;
  };
}

/** Empty when there is no such file, or one that is too large. */
function versionOf(path: string): string {
  try {
    const { size, mtimeMs, ino } = statSync(path);
    return size > FILE_BYTES_MAX ? "" : `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // Not to be read: as if it were not there.
  }
}
