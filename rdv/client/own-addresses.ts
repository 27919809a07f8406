/** Which addresses of this machine a peer might reach it at. */
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { SELF_ADDRESSES_MAX } from "../limits.js";
import { type AddressSpace, type AddressSpaces, spaceOf } from "../spaces.js";
import { type IpPort, sortedIpPorts } from "../wire/addresses.js";
import { compareIps, type Ip, parseIp, unmapped } from "../wire/ip.js";

/** One address of each space, to ask the system from where it would go there. Nothing is sent. */
const PROBES: Readonly<Record<AddressSpace, string>> = {
  public4: "1.1.1.1",
  public6: "2400::1",
  private4: "192.168.0.1",
  private6: "fd00::1",
  link4: "169.254.0.1",
  link6: "fe80::1",
  loopback4: "127.0.0.1",
  loopback6: "::1",
};
/** Any; that of DNS. */
const PROBE_PORT = 53;

/** Within `spaces`; first the addresses that the system itself would use. */
export async function ownIps(spaces: AddressSpaces): Promise<Ip[]> {
  const probed = await Promise.all(spaces.list().map((space) => sourceTowards(PROBES[space])));
  return distinct([...probed, ...interfaceIps()].filter((ip) => ip !== undefined)).filter((ip) => {
    const space = spaceOf(ip);
    return space !== undefined && spaces.includes(space);
  });
}

/**
 * At most nine: each at `listenPort`, and as far as there is room at `connectPort`, where a peer's packets pass a
 * firewall that has seen ours.
 */
export function ownAddresses(
  ips: readonly Ip[],
  { listenPort, connectPort }: { readonly listenPort: number; readonly connectPort: number },
): IpPort[] {
  const at = (port: number) => ips.map((ip) => ({ ip, port }));
  return sortedIpPorts([...at(listenPort), ...at(connectPort)].slice(0, SELF_ADDRESSES_MAX));
}

/** Zones mean something on this machine only, so they are left out, and addresses are told once. */
function distinct(ips: readonly Ip[]): Ip[] {
  const plain = ips.map((ip) => ({ ...unmapped(ip), zone: "" }));
  return plain.filter((ip, index) => plain.findIndex((other) => compareIps(ip, other) === 0) === index);
}

function interfaceIps(): (Ip | undefined)[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => parseIp(address));
}

/** The source address that the system would choose; undefined when there is no way there. */
function sourceTowards(host: string): Promise<Ip | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const settle = (ip?: Ip) => {
      socket.removeAllListeners().on("error", () => {});
      socket.close();
      resolve(ip);
    };
    socket.on("error", () => settle());
    try {
      socket.connect(PROBE_PORT, host, () => settle(parseIp(socket.address().address)));
    } catch {
      settle();
    }
  });
}
