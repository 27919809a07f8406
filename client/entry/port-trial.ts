/**
 * Whether a member can listen where it is told to, asked before it enrols: a port that is in use must not cost a token. The
 * ports are given back at once; that somebody takes one in the moment between is told when they are bound.
 */
import { type Bound, type HostNetwork, type Transport, tcpTransport, UdpPort } from "../../net/index.js";
import type { MemberConfig } from "../config/index.js";

/** Over a program's own transports, where it has some. Rejects with "address-in-use" or "address-invalid". */
export async function tryPorts({ at, udpPort }: MemberConfig["listen"], network: HostNetwork = {}): Promise<void> {
  for (const place of at) {
    const transport = transportOf(place.scheme, network);
    if (transport === undefined || place.port === 0) continue;
    await givenBack(await transport.listen(place, (connection) => connection.destroy()));
  }
  const host = at[0]?.host;
  if (udpPort && host !== undefined && isOfSystem(network))
    await givenBack(await UdpPort.bind({ host, port: udpPort }));
}

/** WebSocket listens with TCP. What listens otherwise is not tried. */
function transportOf(scheme: string, { transports, extraTransports = [] }: HostNetwork): Transport | undefined {
  const own = [...extraTransports, ...(transports ?? [])].find((each) => each.scheme === scheme);
  if (own !== undefined || transports !== undefined) return own;
  return scheme === "tcp" || scheme === "ws" ? tcpTransport() : undefined;
}

function isOfSystem({ transports, bindDatagrams }: HostNetwork): boolean {
  return transports === undefined && bindDatagrams === undefined;
}

async function givenBack(bound: Pick<Bound, "close">): Promise<void> {
  await bound.close();
}
