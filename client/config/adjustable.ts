/** What of a member's configuration can change while it runs: what it does for others, where it hears of them, and what it keeps of topics. */
import { wrongType } from "../../identity/index.js";
import type { ClientOptions } from "./options.js";
import { type MemberConfig, resolveMemberConfig } from "./resolve.js";

const ADJUSTABLE = [
  ...(["relay", "relayReservations", "relayConnections", "relayConnectionsPerMember"] as const),
  ...(["relayBytesPerSecond", "relayBytesPerSecondPerMember", "relayConnectionMs", "rdv"] as const),
  ...(["entryAddrs", "mdns", "topicRetention", "topicMemoryBytes"] as const),
] as const;

type Name = (typeof ADJUSTABLE)[number];
/** Options of `Client.adjust`: what a member does for others, where it hears of them, and what it keeps of topics. Others throw a TypeError, bad values "config-bad-value". */
export type Adjustments = Pick<ClientOptions, Name>;
export type Adjusted = Pick<MemberConfig, Name>;

/** Beside what runs now. Throws "config-bad-value", and a TypeError for an option that cannot change. */
export function adjustedBy(adjustments: Adjustments, now: Partial<Adjusted> = {}): Partial<Adjusted> {
  const said = Object.keys(adjustments) as Name[];
  const fixed = said.find((name) => !ADJUSTABLE.includes(name));
  if (fixed !== undefined) throw wrongType(`The option ${fixed} cannot change while a member runs.`);
  const given = said.filter((name) => adjustments[name] !== undefined);
  const { topicRetention = now.topicRetention, topicMemoryBytes = now.topicMemoryBytes } = adjustments;
  const keeping = { ...(topicRetention && { topicRetention }), ...(topicMemoryBytes && { topicMemoryBytes }) };
  const checked = resolveMemberConfig({ ...adjustments, ...keeping, config: false });
  return Object.fromEntries(given.map((name) => [name, checked[name]]));
}

/** What of it can change. */
export function adjustablePart(config: MemberConfig): Adjusted {
  return Object.fromEntries(ADJUSTABLE.map((name) => [name, config[name]])) as unknown as Adjusted;
}
