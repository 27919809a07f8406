/** Where members reach an authority that listens on some address. */
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/** More addresses than this only make tokens long. */
const URLS_MAX = 4;

/** As os.networkInterfaces() gives them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** "https://host:port" of a listener; for a wildcard host those of this machine's interfaces, loopback last. */
export function urlsOf(host: string, port: number, interfaces: Interfaces = networkInterfaces()): string[] {
  const hosts = isWildcard(host) ? interfaceHosts(host, interfaces) : [host];
  return hosts.slice(0, URLS_MAX).map((name) => `https://${bracketed(name)}:${port}`);
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "";
}

function interfaceHosts(wildcard: string, interfaces: Interfaces): string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const usable = all.filter(({ family, address }) => family === "IPv4" || (wildcard === "::" && !isLinkLocal(address)));
  const [external, internal] = [false, true].map((inside) =>
    usable.filter((entry) => entry.internal === inside).map(({ address }) => address),
  ) as [string[], string[]];
  return [...external.slice(0, URLS_MAX - 1), loopbackOf(internal, wildcard)];
}

/** The one that everybody knows, where this machine has it. */
function loopbackOf(internal: readonly string[], wildcard: string): string {
  const usual = wildcard === "::" ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
  return usual.find((address) => internal.includes(address)) ?? internal[0] ?? usual.at(-1)!;
}

function isLinkLocal(address: string): boolean {
  return address.toLowerCase().startsWith("fe80:");
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
