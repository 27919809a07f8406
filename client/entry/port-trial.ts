/**
 * Whether a member can listen where it is told to, asked before it enrols: a port that is in use must not cost a token. The
 * ports are given back at once; that somebody takes one in the moment between is told when they are bound.
 */
import { type Bound, type Transport, tcpTransport, UdpPort } from "../../net/index.js";
import type { MemberConfig } from "../config/index.js";

/** `transports`: a program's own; without them the system's. Rejects with "address-in-use" or "address-invalid". */
export async function tryPorts(
  { at, udpPort }: MemberConfig["listen"],
  transports?: readonly Transport[],
): Promise<void> {
  for (const place of at) {
    const transport = transportOf(place.scheme, transports);
    if (transport === undefined || place.port === 0) continue;
    await givenBack(await transport.listen(place, (connection) => connection.destroy()));
  }
  const host = at[0]?.host;
  if (udpPort && host !== undefined && transports === undefined)
    await givenBack(await UdpPort.bind({ host, port: udpPort }));
}

/** WebSocket listens with TCP. What listens otherwise is not tried. */
function transportOf(scheme: string, transports: readonly Transport[] | undefined): Transport | undefined {
  if (transports !== undefined) return transports.find((each) => each.scheme === scheme);
  return scheme === "tcp" || scheme === "ws" ? tcpTransport() : undefined;
}

async function givenBack(bound: Pick<Bound, "close">): Promise<void> {
  await bound.close();
}
