/** Where a client comes from, as others would see it: the address that its peer is to dial. */
import { formatIpPort, type IpPort, parseIpPort } from "../wire/addresses.js";
import { parseIp, unmapped } from "../wire/ip.js";
import type { RdvRequest } from "./guests.js";

/** "ip:port"; undefined when it is not known, and then the peer is told none. */
export type ObservedAddressHook = (request: RdvRequest) => string | undefined;

/** The connection's own source: right unless a proxy stands before the server. */
export const remoteAddress: ObservedAddressHook = (request) => request.remoteAddress;

/**
 * For a server behind one proxy that writes both headers: the last address of X-Forwarded-For, which the proxy itself
 * has added, and the client's port from there ("1.2.3.4:5") or from X-Forwarded-Port. Behind no such proxy anybody can
 * write these headers.
 */
export const forwardedAddress: ObservedAddressHook = ({ headers }) => {
  const last = (headers["x-forwarded-for"] ?? "").split(",").at(-1)?.trim() ?? "";
  if (parseIpPort(last)) return last;
  const ip = parseIp(last.replace(/^\[(.*)\]$/, "$1"));
  const port = Number(headers["x-forwarded-port"]?.split(",").at(-1)?.trim() || Number.NaN);
  if (ip === undefined || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return formatIpPort({ ip: unmapped(ip), port });
};

/** What a hook says of a request; its mistakes are none of the client's. */
export function observe(
  hook: ObservedAddressHook,
  request: RdvRequest,
  onProblem: (problem: unknown) => void,
): IpPort | undefined {
  try {
    const text = hook(request);
    const address = text === undefined ? undefined : parseIpPort(text);
    if (address !== undefined) return { ip: unmapped(address.ip), port: address.port };
    onProblem(text === undefined ? "the hook knows none" : `no ip:port: ${JSON.stringify(text)}`);
  } catch (error) {
    onProblem(error);
  }
  return undefined;
}
