/** What of a member's configuration can change while it runs: what it does for others, and where it hears of them. */
import { wrongType } from "../../identity/index.js";
import type { ClientOptions } from "./options.js";
import { type MemberConfig, resolveMemberConfig } from "./resolve.js";

const ADJUSTABLE = [
  ...(["relay", "relayReservations", "relayConnections", "relayConnectionsPerMember"] as const),
  ...(["relayBytesPerSecond", "relayBytesPerSecondPerMember", "relayConnectionMs", "rdv"] as const),
  ...(["entryAddrs", "mdns"] as const),
] as const;

type Name = (typeof ADJUSTABLE)[number];
/** Options of `Client.adjust`: what a member does for others, and where it hears of them. Others throw a TypeError, bad values "config-bad-value". */
export type Adjustments = Pick<ClientOptions, Name>;
export type Adjusted = Pick<MemberConfig, Name>;

/** Throws "config-bad-value", and a TypeError for an option that cannot change. */
export function adjustedBy(adjustments: Adjustments): Partial<Adjusted> {
  const said = Object.keys(adjustments) as Name[];
  const fixed = said.find((name) => !ADJUSTABLE.includes(name));
  if (fixed !== undefined) throw wrongType(`The option ${fixed} cannot change while a member runs.`);
  const checked = resolveMemberConfig({ ...adjustments, config: false });
  const given = said.filter((name) => adjustments[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, checked[name]]));
}

/** What of it can change. */
export function adjustablePart(config: MemberConfig): Adjusted {
  return Object.fromEntries(ADJUSTABLE.map((name) => [name, config[name]])) as unknown as Adjusted;
}
