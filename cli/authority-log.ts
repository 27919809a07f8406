/** What a running authority says at its start, for people and for programs. Its decisions and requests come from itself. */
import type { AuthorityServer, CertificateAuthority } from "../ca/index.js";
import type { Log } from "./log/log.js";

const OPEN_WARNING = "This authority is open: anyone may enrol under any free name, so no claim about liars holds.";

export function tellListening(log: Log, authority: CertificateAuthority, server: AuthorityServer, dir: string): void {
  const fields = { ...listeningFields(authority, server), dir };
  log.tell("info", "listening", fields, [...listeningLines(authority, server), `kept in       ${dir}`]);
  if (authority.isOpen) log.tell("warn", "open", { message: OPEN_WARNING }, log.paint("yellow", OPEN_WARNING));
}

function listeningLines({ fingerprint, network }: CertificateAuthority, server: AuthorityServer): string[] {
  const { ringCount, deltaMs } = network;
  const admin =
    server.adminPort === undefined ? [] : [`health        port ${server.adminPort}: /healthz /readyz /metrics`];
  return [
    `listening at  ${server.urls.join(", ")}`,
    `fingerprint   ${fingerprint}`,
    `network       ${ringCount} rings, Delta ${deltaMs} ms`,
    ...admin,
  ];
}

function listeningFields(
  { fingerprint, network, isOpen: open }: CertificateAuthority,
  server: AuthorityServer,
): object {
  const { urls, adminPort } = server;
  const { ringCount: rings, deltaMs } = network;
  const address = new URL(urls[0]!).host;
  return { address, fingerprint, url: urls[0], urls, open, rings, deltaMs, adminPort };
}
