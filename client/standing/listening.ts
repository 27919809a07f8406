/** What a member binds: the places that its configuration names, and the one UDP port, which a place of udx shares with pings. */
import { type Address, type Bound, type ListenAddress, MEETING_SCHEMES } from "../../net/index.js";
import type { ListenConfig } from "../config/resolve.js";
import type { Pinging } from "./pinging.js";

export interface ListeningOptions {
  readonly config: ListenConfig;
  readonly stack: { listen(at: ListenAddress & { readonly scheme?: string }): Promise<Bound> };
  readonly pinging: Pick<Pinging, "bind" | "port">;
}

/**
 * Returns what is listened on, with the ports that are bound, reliable UDP last: others dial in this order. Rejects with
 * "address-in-use" or "address-invalid".
 */
export async function listenAll({ config, stack, pinging }: ListeningOptions): Promise<readonly Address[]> {
  const { at, udpPort } = config;
  const listeners: Address[] = [];
  for (const place of at) if (place.scheme !== "udx") listeners.push((await stack.listen(place)).address);
  const [shared, ...others] = at.filter(({ scheme }) => scheme === "udx");
  const first = listeners.find(({ scheme }) => !MEETING_SCHEMES.includes(scheme)); // That one's host is a server.
  const said = shared?.port || udpPort;
  const { host } = shared ?? first ?? { host: "0.0.0.0" };
  // The default number of the UDP port is the first one's; when that one is taken, any other serves.
  const port = said ?? first?.port ?? 0;
  await pinging.bind({ host, port }, { anyOther: said === undefined, streams: shared !== undefined });
  if (shared !== undefined) listeners.push((await stack.listen({ ...shared, port: pinging.port ?? 0 })).address);
  for (const place of others) listeners.push((await stack.listen(place)).address);
  return listeners;
}
