/** "ip:port" and lists of it, as requests and answers have them. */
import { compareIps, formatIp, type Ip, parseIp, unmapped } from "./ip.js";

export interface IpPort {
  readonly ip: Ip;
  /** 0 to 65535. */
  readonly port: number;
}

const PORT_MAX = 65_535;
const V4 = /^([\d.]+):(\d{1,10})$/;
const V6 = /^\[([^\]]+)\]:(\d{1,10})$/;

/** Undefined for anything but "1.2.3.4:5" or "[v6]:5": names and bare IPv6 are none. */
export function parseIpPort(text: string): IpPort | undefined {
  const bracketed = V6.exec(text);
  const [, host = "", digits = ""] = bracketed ?? V4.exec(text) ?? [];
  const ip = parseIp(host);
  const port = Number(digits);
  if (ip === undefined || port > PORT_MAX) return undefined;
  return (ip.family === 6) === (bracketed !== null) ? { ip, port } : undefined;
}

export function formatIpPort({ ip, port }: IpPort): string {
  const host = formatIp(ip);
  return ip.family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A list with commas; "" is the empty one. Undefined when one part is no address, also when it is empty. */
export function parseIpPorts(text: string): IpPort[] | undefined {
  if (text === "") return [];
  const addresses = text.split(",").map((part) => parseIpPort(part.trim()));
  return addresses.every((address) => address !== undefined) ? addresses : undefined;
}

export function formatIpPorts(addresses: readonly IpPort[]): string {
  return addresses.map(formatIpPort).join(", ");
}

/** Without duplicates: IPv4 before IPv6, by number, by port. */
export function sortedIpPorts(addresses: readonly IpPort[]): IpPort[] {
  const byText = new Map(addresses.map((address) => [formatIpPort(address), address]));
  return [...byText.values()].sort((a, b) => compareIps(a.ip, b.ip) || a.port - b.port);
}

/** The other end of a socket as Node.js tells it; IPv4 as IPv4. Undefined when the socket is gone. */
export function ipPortOf(host: string | undefined, port: number | undefined): IpPort | undefined {
  const ip = host === undefined ? undefined : parseIp(host);
  return ip === undefined || port === undefined ? undefined : { ip: unmapped(ip), port };
}
