/** The API of an agent whose member is a fake one, on the Unix socket of a directory. */
import type { Hosted } from "../../cli/api/host.js";
import { ApiServer } from "../../cli/api/server.js";
import { LogFeed } from "../../cli/log/log-feed.js";
import { claimControlPath } from "../../client/state/control-path.js";

export async function serveFake(dir: string, member: Hosted, log = new LogFeed()): Promise<ApiServer> {
  return await ApiServer.listen({ path: await claimControlPath(dir), host: { member: () => member, log } });
}
