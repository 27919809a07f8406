/** What the API server of Kubernetes says of the endpoints of a service: EndpointSlice of discovery.k8s.io/v1. Functions of values. */
import { isIP } from "node:net";
import { FirefliesError } from "../../identity/index.js";
import { formatHostPort, PORT_MAX } from "../../net/index.js";
import { shuffled } from "./dns.js";

/** One slice, with what matters here. */
export interface Slice {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly SlicePort[];
}

export interface Endpoint {
  readonly addresses: readonly string[];
  /** A pod that is not ready may well be a member that has not met the others yet: it is asked after those that are. */
  readonly ready: boolean;
}

export interface SlicePort {
  readonly name: string;
  readonly port: number;
}

/** Endpoints of one slice: the API server allows no more. */
const ENDPOINTS_MAX = 1_000;
const PORTS_MAX = 100;
/** Slices of one service: ten thousand endpoints at its controller's hundred a slice. */
export const SLICES_MAX = 100;

/** Undefined for what is no slice, and for one of host names, which the API deprecates. */
export function readSlice(raw: unknown): Slice | undefined {
  const { metadata, addressType, endpoints, ports } = record(raw);
  const { name } = record(metadata);
  if (typeof name !== "string" || (addressType !== "IPv4" && addressType !== "IPv6")) return undefined;
  return {
    name,
    endpoints: list(endpoints, ENDPOINTS_MAX).flatMap(readEndpoint),
    ports: list(ports, PORTS_MAX).flatMap(readPort),
  };
}

/** None for one that is on its way out. Conditions that are not said count as true. */
function readEndpoint(raw: unknown): readonly Endpoint[] {
  const { addresses, conditions } = record(raw);
  const { ready, terminating } = record(conditions);
  const usable = list(addresses, ENDPOINTS_MAX).filter(
    (each): each is string => typeof each === "string" && isIP(each) !== 0,
  );
  return terminating === true || usable.length === 0 ? [] : [{ addresses: usable, ready: ready !== false }];
}

function readPort(raw: unknown): readonly SlicePort[] {
  const { name, port, protocol } = record(raw);
  const isPort = Number.isInteger(port) && (port as number) > 0 && (port as number) <= PORT_MAX;
  if (!isPort || (protocol !== undefined && protocol !== "TCP")) return [];
  return [{ name: typeof name === "string" ? name : "", port: port as number }];
}

/**
 * "IP:port" of all endpoints, those that are ready first, in an order by chance. `port` is a number or a name; undefined for
 * the only one that there is. Throws "discovery-failed" when it cannot be told.
 */
export function endpointsOf(
  slices: Iterable<Slice>,
  port: string | undefined,
  random: () => number,
): readonly string[] {
  const all = [...slices].flatMap((slice) => {
    const number = portOf(slice, port);
    return slice.endpoints.flatMap(({ addresses, ready }) =>
      addresses.map((address) => ({ text: formatHostPort(address, number), ready })),
    );
  });
  const texts = (isReady: boolean) =>
    shuffled(
      all.filter(({ ready }) => ready === isReady),
      random,
    ).map(({ text }) => text);
  return [...new Set([...texts(true), ...texts(false)])];
}

function portOf({ name: slice, ports, endpoints }: Slice, wanted: string | undefined): number {
  if (wanted !== undefined && /^\d+$/.test(wanted)) return Number(wanted);
  const fitting = wanted === undefined ? ports : ports.filter(({ name }) => name === wanted);
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only.port;
  if (endpoints.length === 0) return 0; // A service without pods has no ports either.
  const known = ports.map(({ name, port }) => `${name || "unnamed"} (${port})`).join(", ") || "none";
  const why =
    wanted === undefined
      ? `the service has other than one TCP port (${known})`
      : `the service has no TCP port named ${wanted} (${known})`;
  throw new FirefliesError("discovery-failed", `${why}, in its slice ${slice}.`, {
    advice: 'Name the port behind the service, as in "kubernetes:namespace/service:8400".',
  });
}

/** A line of a watch, or a page of a list; what is of another form is undefined, or empty. */
export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

export function readEvent(line: string): WatchEvent | undefined {
  const { type, object } = record(parsed(line));
  return typeof type === "string" ? { type, object } : undefined;
}

export interface SlicePage {
  readonly slices: readonly Slice[];
  readonly version: string;
  /** Of the next page; empty for none. */
  readonly next: string;
}

export function readPage(text: string): SlicePage | undefined {
  const { metadata, items } = record(parsed(text));
  const version = versionOf({ metadata });
  if (version === undefined || !Array.isArray(items)) return undefined;
  const { continue: next } = record(metadata);
  const slices = list(items, SLICES_MAX).flatMap((raw) => readSlice(raw) ?? []);
  return { slices, version, next: typeof next === "string" ? next : "" };
}

export function versionOf(object: unknown): string | undefined {
  const { resourceVersion } = record(record(object).metadata);
  return typeof resourceVersion === "string" && resourceVersion.length <= VERSION_CHARS_MAX
    ? resourceVersion
    : undefined;
}

/** What the API server says of a failure: Status of its v1. */
export function readStatus(raw: unknown): { readonly code: number; readonly message: string } {
  const { code, message } = record(typeof raw === "string" ? parsed(raw) : raw);
  return { code: typeof code === "number" ? code : 0, message: typeof message === "string" ? message : "" };
}

/** Opaque to clients; a number of 64 bits today. */
const VERSION_CHARS_MAX = 256;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function record(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null ? (raw as Record<string, unknown>) : {};
}

function list(raw: unknown, max: number): readonly unknown[] {
  return Array.isArray(raw) ? raw.slice(0, max) : [];
}
