/** Sources as a configuration names them, in `entry_addrs` beside addresses: "dns:members.example:7000". Functions of values. */
import { isIP } from "node:net";
import { formatHostPort, parseHostPort } from "../../net/index.js";
import { nearest } from "../nearest.js";

/** The servers to ask instead of the system's, "address:port". */
interface Asked {
  readonly server: string | undefined;
}

/** A source, read. */
export type SourcePlace =
  | ({ readonly kind: "dns"; readonly host: string; readonly port: number } & Asked)
  | ({ readonly kind: "srv"; readonly service: string } & Asked)
  | { readonly kind: "file"; readonly path: string }
  | {
      readonly kind: "kubernetes";
      /** Undefined for the pod's own. */
      readonly namespace: string | undefined;
      readonly service: string;
      /** A number or a name; undefined for the only one. */
      readonly port: string | undefined;
    };

export type ReadPlace =
  | { readonly ok: true; readonly place: SourcePlace }
  | { readonly ok: false; readonly problem: string };

const KINDS: readonly SourcePlace["kind"][] = ["dns", "srv", "file", "kubernetes"];
/** The longest path that Linux takes. */
const PATH_CHARS_MAX = 4_096;
/** DNS's own port, where a server is named without one. */
const DNS_PORT = 53;

/** RFC 4501, section 3: a server may stand before the name, "dns://10.0.0.2:8600/members.example:7000". */
const SERVER = /^\/\/([^/]+)\/(.*)$/;
/** RFC 2782: "_service._proto.name". */
const SRV_NAME = /^_[A-Za-z0-9-]{1,62}\._[A-Za-z0-9-]{1,62}\.[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,180}[A-Za-z0-9_])?\.?$/;
/** RFC 1123 labels, as Kubernetes has them. */
const KUBERNETES =
  /^(?:([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\/)?([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::([a-z0-9-]{1,15}|\d{1,5}))?$/;

/** Undefined when `text` names no kind of source: then it is an address, or nothing. */
export function readPlace(text: string): ReadPlace | undefined {
  const [, kind, rest = ""] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  if (!KINDS.some((each) => each === kind) || /^\d{1,5}$/.test(rest)) return undefined; // A host of that name, and its port.
  return READERS[kind as SourcePlace["kind"]](rest);
}

/** Of `entry_addrs`, the addresses. */
export function addressesAmong(entryAddrs: readonly string[]): readonly string[] {
  return entryAddrs.filter((text) => readPlace(text) === undefined);
}

/** The kind that was probably meant; undefined when none is near. */
export function kindMeant(text: string): string | undefined {
  const [, kind, rest = ""] = /^([A-Za-z]+):(.*)$/.exec(text) ?? [];
  if (kind === undefined || /^\d*$/.test(rest) || rest.startsWith("//")) return undefined;
  return nearest(kind, KINDS);
}

/** As it is called in alarms and figures, and as `readPlace` reads it back. */
export function nameOf(place: SourcePlace): string {
  switch (place.kind) {
    case "dns":
      return `dns:${before(place.server)}${formatHostPort(place.host, place.port)}`;
    case "srv":
      return `srv:${before(place.server)}${place.service}`;
    case "file":
      return `file:${place.path}`;
    case "kubernetes":
      return `kubernetes:${place.namespace === undefined ? "" : `${place.namespace}/`}${place.service}${place.port === undefined ? "" : `:${place.port}`}`;
  }
}

function before(server: string | undefined): string {
  return server === undefined ? "" : `//${server}/`;
}

const READERS: Readonly<Record<SourcePlace["kind"], (rest: string) => ReadPlace>> = {
  dns: (rest) =>
    withServer(rest, (name, server) => {
      const { host, port } = parseHostPort(name) ?? {};
      if (host === undefined || !port)
        return bad('must name a host and the port of its members after dns:, as in "dns:members.example:7000"');
      return fine({ kind: "dns", host, port, server });
    }),
  srv: (rest) =>
    withServer(rest, (service, server) => {
      if (!SRV_NAME.test(service)) return bad('must name a service after srv:, as in "srv:_fireflies._tcp.example"');
      return fine({ kind: "srv", service, server });
    }),
  file: (path) => {
    const isPath = path.trim() !== "" && path.length <= PATH_CHARS_MAX && !/\p{Cc}/u.test(path);
    return isPath
      ? fine({ kind: "file", path })
      : bad('must name a file after file:, as in "file:/etc/fireflies/contacts"');
  },
  kubernetes: (rest) => {
    const [, namespace, service, port] = KUBERNETES.exec(rest) ?? [];
    if (service === undefined)
      return bad('must name a service after kubernetes:, as in "kubernetes:namespace/service:port"');
    return fine({ kind: "kubernetes", namespace, service, port });
  },
};

function withServer(rest: string, read: (name: string, server: string | undefined) => ReadPlace): ReadPlace {
  const [, said, name = rest] = SERVER.exec(rest) ?? [];
  if (said === undefined) return rest.startsWith("//") ? bad(SERVER_PROBLEM) : read(name, undefined);
  const { host = said, port = DNS_PORT } = parseHostPort(said) ?? {};
  return isIP(host) === 0 || port === 0 ? bad(SERVER_PROBLEM) : read(name, formatHostPort(host, port));
}

const SERVER_PROBLEM =
  'must have the IP address of a DNS server between // and /, as in "dns://10.0.0.2:8600/members.example:7000"';

function fine(place: SourcePlace): ReadPlace {
  return { ok: true, place };
}

function bad(problem: string): ReadPlace {
  return { ok: false, problem };
}
