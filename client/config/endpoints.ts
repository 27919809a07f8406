/** Where a member listens and what it advertises, as people write it: "host:port" for TCP, a URL for every transport. */
import {
  type Address,
  DIAL_SCHEMES,
  formatAddress,
  LISTEN_SCHEMES,
  parseAddress,
  parseEndpoint,
  schemeOf,
} from "../../net/index.js";
import { listOf, type Parsed, type Parser } from "./values.js";

/** Places to listen at: one for each transport, and some to spare for machines with several addresses. */
const LISTENS_MAX = 8;
/** Addresses of its own that a member may name: a third of those of a note (ADDRESSES_MAX in gossip/limits.ts). */
export const ADVERTISED_MAX = 8;
/** Characters of them together: what a note holds, without a third for pings and relays. */
const ADVERTISED_CHARS_MAX = 1_900;
/** In `advertise`: the address that follows from what is listened on, and what others see of this member. */
export const AUTO = "auto";

/** A place to listen at. What is not said follows from other keys. */
export interface ListenPlace {
  readonly scheme: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly path?: string;
}

/**
 * An address to be dialled: of one transport, or, without a scheme and a port, the host of all that are listened with.
 */
export interface AdvertisedPlace {
  readonly scheme: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  readonly path?: string;
}

export type Advertise = readonly (AdvertisedPlace | typeof AUTO)[];

/** To listen on; nobody can dial them. */
const ANYWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
const URL_LIKE = /^([A-Za-z][A-Za-z0-9+-]{0,15}):\/\/([^/?#@]*)(\/.*)?$/;

const PLACE_PROBLEM = `must be "host:port", "host" or a port from 0 to 65535, IPv6 in brackets: "[::1]:8400"; for other transports than tcp "ws://host:port/path"`;

const fine = <V>(value: V): Parsed<V> => ({ ok: true, value });
const bad = (problem: string): { readonly ok: false; readonly problem: string } => ({ ok: false, problem });

/** One place, in a program also a port alone. */
const listenPlace: Parser<ListenPlace> = (raw) => {
  const text = (typeof raw === "number" ? String(raw) : typeof raw === "string" ? raw : "").trim();
  const [, scheme = "tcp", rest = text, path] = URL_LIKE.exec(text) ?? [];
  const endpoint = parseEndpoint(rest);
  if (endpoint === undefined) return bad(PLACE_PROBLEM);
  const known = scheme.toLowerCase();
  if (!LISTEN_SCHEMES.includes(known))
    return bad(`names the transport "${scheme}", and the ones to listen with are ${LISTEN_SCHEMES.join(", ")}`);
  return pathProblem(known, path) ?? fine({ scheme: known, ...endpoint, ...(path !== undefined && { path }) });
};

/** A place, or a list of at most LISTENS_MAX of them. */
export const listenPlaces: Parser<readonly ListenPlace[]> = (raw, origin) => {
  const list = Array.isArray(raw) ? raw.flatMap(separated) : typeof raw === "number" ? [raw] : raw;
  const parsed = listOf(listenPlace, LISTENS_MAX)(list, origin);
  if (!parsed.ok) return Array.isArray(raw) ? parsed : bad(parsed.problem.replace(" (in a list)", ""));
  return parsed.value.length > 0 ? parsed : bad(PLACE_PROBLEM);
};

/** An option that is given several times may hold several each time, with commas between them. */
function separated(item: unknown): unknown {
  return typeof item === "string" ? item.split(",").filter((part) => part.trim() !== "") : item;
}

/** "auto", an address, or a list of them. */
export const advertisedPlaces: Parser<Advertise> = (raw, origin) => {
  const list = Array.isArray(raw) ? raw.flatMap(separated) : raw;
  const parsed = listOf(advertisedPlace, ADVERTISED_MAX)(list, origin);
  if (!parsed.ok) return parsed;
  const chars = parsed.value.reduce((sum, place) => sum + (place === AUTO ? 0 : formatPlace(place).length), 0);
  return chars <= ADVERTISED_CHARS_MAX ? parsed : bad(`has more than ${ADVERTISED_CHARS_MAX} characters in all`);
};

const advertisedPlace: Parser<AdvertisedPlace | typeof AUTO> = (raw) => {
  const text = typeof raw === "string" ? raw.trim() : "";
  if (text === AUTO) return fine(AUTO);
  const [, scheme, rest = text, path] = URL_LIKE.exec(text) ?? [];
  const { host, port } = parseEndpoint(rest) ?? {};
  if (host === undefined || ANYWHERE.has(host) || port === 0) return bad(ADVERTISED_PROBLEM);
  const known = scheme?.toLowerCase();
  if (known !== undefined && !DIAL_SCHEMES.includes(known))
    return bad(`names the transport "${scheme}", and those that members dial are ${DIAL_SCHEMES.join(", ")}`);
  const problem = pathProblem(known ?? "tcp", path);
  return problem ?? fine({ scheme: known, host, port, ...(path !== undefined && { path }) });
};

const ADVERTISED_PROBLEM =
  'must be a list of "host:port" or "host" that others can dial, URLs as "ws://host:port/path", or "auto"';

function pathProblem(scheme: string, path: string | undefined): ReturnType<typeof bad> | undefined {
  if (path === undefined || path === "/") return undefined;
  if (schemeOf(scheme)?.hasPath !== true) return bad(`has a path, and addresses of ${scheme} have none`);
  const isWritten = parseAddress(`${scheme}://host:1${path}`) !== undefined;
  return isWritten ? undefined : bad("has a path with characters that no path has");
}

/** As people write it; the parsers above read it back. */
export function formatPlace({ scheme, host, port, path = "" }: AdvertisedPlace): string {
  const name = host.includes(":") ? `[${host}]` : host;
  const text = port === undefined ? name : `${name}:${port}`;
  return scheme === undefined ? text : `${scheme}://${text}${path}`;
}

/** The addresses that an entry of `advertise` stands for, with the ports that are bound. */
export function placed(place: AdvertisedPlace, bound: readonly Address[]): readonly string[] {
  const { scheme, host, port, path } = place;
  if (scheme === undefined && port === undefined) return bound.map((each) => formatAddress({ ...each, host }));
  const kind = scheme ?? "tcp";
  const own = bound.find((each) => each.scheme === kind);
  const at = port ?? own?.port ?? schemeOf(kind)?.portDefault ?? bound[0]?.port ?? 0;
  const where = path === "/" ? undefined : (path ?? own?.path);
  return [formatAddress({ scheme: kind, host, port: at, ...(where !== undefined && { path: where }) })];
}
