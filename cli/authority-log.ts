/** What a running authority tells on stdout: lines for people, events for programs (--json), or a log of everything (--log json). No form holds a secret. */
import type { AuthorityServer, CertificateAuthority, Decision, RequestRecord } from "../ca/index.js";
import { coloured, painter, shortId, shown, toJson, writeLine } from "./output.js";

const OPEN_WARNING = "This authority is open: anyone may enrol under any free name, so no claim about liars holds.";

/** Lines that a slow reader may leave waiting; what comes then is left out and counted. Bytes. */
const BACKLOG_MAX = 4 * 1024 * 1024;

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

/** Writes lines without waiting: the authority does not stop for who reads its log. */
function writer(leftOut: (lines: number) => string): (line: string) => void {
  let missing = 0;
  return (line) => {
    const { stdout } = process;
    if (stdout.destroyed) return;
    if (stdout.writableLength > BACKLOG_MAX) {
      missing += 1;
      return;
    }
    if (missing > 0) stdout.write(`${leftOut(missing)}\n`);
    missing = 0;
    stdout.write(`${line}\n`);
  };
}

function textLog(): AuthorityLog {
  const tell = writer((lines) => `${lines} lines were left out: the reader was too slow`);
  return {
    decision: (decision) => tell(decisionLine(decision)),
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
  const tell = writer((lines) => toJson({ event: "left-out", lines }));
  return {
    decision: (decision) => tell(toJson(eventOf(decision))),
    request: undefined,
    listening: (authority, server) => writeLine(toJson(listeningEvent(authority, server))),
    stopped: async () => {},
  };
}

/** Each line: time (ISO 8601), level, event, and what belongs to it. */
function fullLog(): AuthorityLog {
  const lineOf = (level: string, event: object, at = Date.now()) =>
    toJson({ time: new Date(at).toISOString(), level, ...event });
  const tell = writer((lines) => lineOf("warn", { event: "left-out", lines }));
  return {
    decision: (decision) => {
      const { at, ...event } = eventOf(decision);
      tell(lineOf(levelOf(decision), event, at));
    },
    request: ({ milliseconds, ...record }) => {
      const level = record.status >= 500 ? "error" : "info";
      tell(lineOf(level, { event: "request", ...record, milliseconds: Math.round(milliseconds * 10) / 10 }));
    },
    listening: (authority, server) => writeLine(lineOf("info", listeningEvent(authority, server))),
    stopped: () => writeLine(lineOf("info", { event: "stopped" })),
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
      return `issued   ${shortId(decision.id)} to ${shown(decision.principal)} (${decision.how})`;
    case "token-created":
      return `token    for ${shown(decision.principal)}`;
    case "gone":
      return `gone     ${shortId(decision.id)}, ${shown(decision.principal)}`;
    case "token-cancelled":
      return `token    ${shortId(decision.token)} for ${shown(decision.principal)} taken back`;
    case "revoked":
      return `revoked  ${decision.serial ?? shortId(decision.id)} of ${shown(decision.principal)} (${decision.reason})`;
    case "readmitted":
      return `readmit  ${shown(decision.principal)} as ${shortId(decision.id)}`;
    case "issuer-prepared":
    case "issuer-activated":
    case "issuer-retired":
      return `issuer   ${shortId(decision.fingerprint)} ${decision.kind.slice("issuer-".length)}`;
    case "refused":
      return `refused  ${decision.code}`;
    case "failed":
      return `failed   ${shown(errorText(decision.error))}`;
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
