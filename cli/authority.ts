/** An authority as a process: serves until it is told to end, and tells its decisions on stdout. */
import { CertificateAuthority, serveAuthority } from "../ca/index.js";
import type { AuthorityConfig } from "../client/config/index.js";
import { FirefliesError } from "../identity/errors/error.js";
import { stateOptions } from "./authority-access.js";
import { tellListening } from "./authority-log.js";
import { Log } from "./log/log.js";
import { fired, untilTold } from "./signals.js";

export interface AuthorityRun {
  readonly config: AuthorityConfig;
  readonly json: boolean;
  readonly whileStdin: boolean;
}

export async function runAuthority({ config, json, whileStdin }: AuthorityRun): Promise<void> {
  const told = untilTold({ input: whileStdin ? process.stdin : undefined });
  const { bootNodes, open, members, byzantine, deltaMs, ringCount: numRings, certificateLifetimeMs, jwt } = config;
  const log = new Log({ form: json ? "json" : config.log, level: config.logLevel });
  const { directory, ...state } = await stateOptions(config);
  const network = { members, byzantine, deltaMs, numRings };
  const admission = { bootNodes, open, certificateLifetimeMs, jwt };
  const options = { directory, ...state, ...network, ...admission, logger: log };
  const authority = await unlessTold(CertificateAuthority.open(options), told);
  try {
    const server = await listen(authority, config, directory);
    tellListening(log, authority, server, directory);
    await fired(told);
    await server.close();
    log.tell("info", "stopped", {}, "stopped");
    await log.close();
  } finally {
    await authority.close();
  }
}

/**
 * The authority, once it is open. Rejects with "cancelled" when it is told to end before: its database may say nothing for long. What
 * was begun ends with this process, as at any crash.
 */
function unlessTold(opening: Promise<CertificateAuthority>, told: AbortSignal): Promise<CertificateAuthority> {
  const cancelled = fired(told).then(() => {
    throw new FirefliesError("cancelled", "The authority was told to end before it was open.");
  });
  return Promise.race([opening, cancelled]);
}

/** A first start that cannot listen has made a network all the same: its rings are fixed from then on. */
async function listen(authority: CertificateAuthority, { host, port, admin, proxies }: AuthorityConfig, dir: string) {
  try {
    return await serveAuthority(authority, { host, port, admin, proxies });
  } catch (error) {
    if (!(error instanceof FirefliesError) || error.code !== "address-in-use") throw error;
    const kept = `The network in ${dir} was created, with ${authority.network.ringCount} rings, and is kept.`;
    throw new FirefliesError(error.code, `${error.message} ${kept}`, {
      cause: error,
      advice: "Choose another port with --port.",
    });
  }
}
