/** What the machine runs with: intervals are the member's, Delta is the network's (docs/protocol.md, R19). */
import type { Settings } from "../../gossip/index.js";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { MemberConfig } from "../config/index.js";

/** Throws "config-bad-value" for a removal timeout below 2 Delta. */
export function settingsOf(config: MemberConfig, { deltaMs }: Pick<MemberCertificate, "deltaMs">): Settings {
  const { gossipIntervalMs: gossipMs, monitorIntervalMs: monitorMs, pingLimit, removalTimeoutMs } = config;
  const removalMs = removalTimeoutMs ?? 2 * deltaMs;
  if (removalMs < 2 * deltaMs) {
    throw new FirefliesError(
      "config-bad-value",
      `removal_timeout is ${removalMs / 1000} s, but this network's Delta is ${deltaMs / 1000} s.`,
      { advice: `Make it at least ${(2 * deltaMs) / 1000} s, or leave it out.` },
    );
  }
  return { gossipMs, monitorMs, deltaMs, removalMs, pingLimit: pingLimit ?? 1, ringsPerVisit: 1 };
}
