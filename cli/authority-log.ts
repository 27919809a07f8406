/** What a running authority tells on stdout: lines for people, events for programs (--json), or a log of everything (--log json). No form holds a secret. */
import type { AuthorityServer, CertificateAuthority, Decision, RequestRecord } from "../ca/index.js";
import { coloured, painter, printable, shortId, toJson, writeLine } from "./output.js";

const OPEN_WARNING = "This authority is open: anyone may enrol under any free name, so no claim about liars holds.";

export interface AuthorityLog {
  readonly decision: (decision: Decision) => void;
  /** Undefined when requests are not told. */
  readonly request: ((record: RequestRecord) => void) | undefined;
  readonly listening: (authority: CertificateAuthority, server: AuthorityServer) => Promise<void>;
  readonly stopped: () => Promise<void>;
}

export function authorityLog(form: "text" | "json", json: boolean): AuthorityLog {
  if (form === "json") return fullLog();
  return json ? eventLog() : textLog();
}

function textLog(): AuthorityLog {
  return {
    decision: (decision) => void writeLine(decisionLine(decision)),
    request: undefined,
    listening: async (authority, server) => {
      for (const line of listeningLines(authority, server)) await writeLine(line);
    },
    stopped: async () => {},
  };
}

function listeningLines({ fingerprint, network, isOpen }: CertificateAuthority, server: AuthorityServer): string[] {
  const paint = painter(coloured(process.stdout));
  const { ringCount, deltaMs } = network;
  const admin =
    server.adminPort === undefined ? [] : [`health        port ${server.adminPort}: /healthz /readyz /metrics`];
  return [
    `listening at  ${server.urls.join(", ")}`,
    `fingerprint   ${fingerprint}`,
    `network       ${ringCount} rings, Delta ${deltaMs} ms`,
    ...admin,
    ...(isOpen ? [paint("yellow", OPEN_WARNING)] : []),
  ];
}

function eventLog(): AuthorityLog {
  return {
    decision: (decision) => void writeLine(toJson(eventOf(decision))),
    request: undefined,
    listening: (authority, server) => writeLine(toJson(listeningEvent(authority, server))),
    stopped: async () => {},
  };
}

/** Each line: time (ISO 8601), level, event, and what belongs to it. */
function fullLog(): AuthorityLog {
  const write = (level: string, event: object, at = Date.now()) =>
    writeLine(toJson({ time: new Date(at).toISOString(), level, ...event }));
  return {
    decision: (decision) => {
      const { at, ...event } = eventOf(decision);
      void write(levelOf(decision), event, at);
    },
    request: ({ milliseconds, ...record }) => {
      const level = record.status >= 500 ? "error" : "info";
      void write(level, { event: "request", ...record, milliseconds: Math.round(milliseconds * 10) / 10 });
    },
    listening: (authority, server) => write("info", listeningEvent(authority, server)),
    stopped: () => write("info", { event: "stopped" }),
  };
}

function levelOf({ kind }: Decision): string {
  if (kind === "failed") return "error";
  return kind === "refused" ? "warn" : "info";
}

function listeningEvent({ fingerprint, network, isOpen: open }: CertificateAuthority, server: AuthorityServer): object {
  const { urls, adminPort } = server;
  const { ringCount: rings, deltaMs } = network;
  const address = new URL(urls[0]!).host;
  return { event: "listening", address, fingerprint, url: urls[0], urls, open, rings, deltaMs, adminPort };
}

/** An error becomes its text: JSON has none. */
function eventOf({ kind: event, ...fields }: Decision) {
  return { event, ...fields, ...("error" in fields && { error: errorText(fields.error) }) };
}

function decisionLine(decision: Decision): string {
  return `${new Date(decision.at).toISOString().slice(11, 23)}  ${decisionText(decision)}`;
}

function decisionText(decision: Decision): string {
  switch (decision.kind) {
    case "issued":
      return `issued   ${shortId(decision.id)} to ${printable(decision.principal)} (${decision.how})`;
    case "token-created":
      return `token    for ${printable(decision.principal)}`;
    case "revoked":
      return `revoked  ${decision.serial ?? shortId(decision.id)} of ${printable(decision.principal)} (${decision.reason})`;
    case "readmitted":
      return `readmit  ${printable(decision.principal)} as ${shortId(decision.id)}`;
    case "issuer-prepared":
    case "issuer-activated":
    case "issuer-retired":
      return `issuer   ${shortId(decision.fingerprint)} ${decision.kind.slice("issuer-".length)}`;
    case "refused":
      return `refused  ${decision.code}`;
    case "failed":
      return `failed   ${printable(errorText(decision.error))}`;
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
