/** Where members reach an authority that listens on some address. */
import { networkInterfaces } from "node:os";

/** More addresses than this only make tokens long. */
const URLS_MAX = 4;

/** "https://host:port" of a listener; for a wildcard host those of this machine's interfaces, loopback last. */
export function urlsOf(host: string, port: number): string[] {
  const hosts = isWildcard(host) ? interfaceHosts(host) : [host];
  return hosts.slice(0, URLS_MAX).map((name) => `https://${bracketed(name)}:${port}`);
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "";
}

function interfaceHosts(wildcard: string): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = all.filter(({ family, address }) => family === "IPv4" || (wildcard === "::" && !isLinkLocal(address)));
  const external = usable.filter(({ internal }) => !internal).map(({ address }) => address);
  return [...external.slice(0, URLS_MAX - 1), "127.0.0.1"];
}

function isLinkLocal(address: string): boolean {
  return address.toLowerCase().startsWith("fe80:");
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
