/** The API of an agent whose member is a fake one, on the Unix socket of a directory. */

import { Feed } from "../../cli/api/feed/feed.js";
import type { AgentHost, Hosted, HostedServices } from "../../cli/api/host.js";
import { ApiServer } from "../../cli/api/server/server.js";
import { LogFeed } from "../../cli/log/log-feed.js";
import { claimControlPath } from "../../client/state/control-path.js";

/** None, and none can be added. */
export const NO_SERVICES: HostedServices = {
  states: async () => [],
  add: () => Promise.reject(new Error("no services here")),
  remove: async () => {},
  hold: () => () => {},
};

export function hostOf(
  member: Omit<Hosted, "services" | "as" | "feed"> & Partial<Hosted>,
  log = new LogFeed(),
): AgentHost {
  const feed = new Feed(member.client);
  const hosted: Hosted = { as: "fay", services: NO_SERVICES, feed: async () => feed, ...member };
  return {
    member: () => hosted,
    members: () => [],
    mount: () => Promise.reject(new Error("no members here")),
    unmount: async () => {},
    reload: () => Promise.reject(new Error("no configuration here")),
    log,
  };
}

export async function serveFake(dir: string, member: Parameters<typeof hostOf>[0], log?: LogFeed): Promise<ApiServer> {
  return await ApiServer.listen({ path: await claimControlPath(dir), host: hostOf(member, log) });
}
