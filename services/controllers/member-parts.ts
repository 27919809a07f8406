/** The kinds `relay` and `rdv`: what the member itself does for others, said as services. What was before comes back with their end. */
import type { Client } from "../../client/client.js";
import type { Adjustments } from "../../client/config/adjustable.js";
import type { MemberSettings } from "../../client/config/keys.js";
import { MEMBER_KEYS } from "../../client/config/keys.js";
import { oneOf } from "../../client/config/values.js";
import type { ControllerKind } from "./kind.js";
import { parseSettings, type SettingTable } from "./settings.js";

type RelaySettings = Partial<
  Pick<
    MemberSettings,
    | "relayReservations"
    | "relayConnections"
    | "relayConnectionsPerMember"
    | "relayBytesPerSecond"
    | "relayBytesPerSecondPerMember"
    | "relayConnectionMs"
  >
>;
interface RdvSettings {
  readonly serves?: "members" | "all" | undefined;
}

/** As the keys `relay_*` of a member. */
const RELAY_TABLE: SettingTable<RelaySettings> = {
  relayReservations: { ...MEMBER_KEYS.relayReservations, file: "reservations" },
  relayConnections: { ...MEMBER_KEYS.relayConnections, file: "connections" },
  relayConnectionsPerMember: { ...MEMBER_KEYS.relayConnectionsPerMember, file: "connections_per_member" },
  relayBytesPerSecond: { ...MEMBER_KEYS.relayBytesPerSecond, file: "bytes_per_second" },
  relayBytesPerSecondPerMember: { ...MEMBER_KEYS.relayBytesPerSecondPerMember, file: "bytes_per_second_per_member" },
  relayConnectionMs: { ...MEMBER_KEYS.relayConnectionMs, file: "connection_time" },
};
const RDV_TABLE: SettingTable<RdvSettings> = {
  serves: { file: "serves", parse: oneOf(["members", "all"] as const) },
};

export const RELAY: ControllerKind<RelaySettings> = {
  kind: "relay",
  isSingle: true,
  parse: (raw, at) => parseSettings(RELAY_TABLE, [], raw, at),
  async start(client, settings) {
    const before = relayed(client.adjust({ relay: true, ...settings }));
    const { bytes: earlier } = client.info().relay;
    return {
      at: client.address,
      figures: () => {
        const { connections, bytes } = client.info().relay;
        return { streams: connections, bytesIn: bytes - earlier, bytesOut: bytes - earlier };
      },
      stop: async () => putBack(client, before),
    };
  },
};

export const RDV: ControllerKind<RdvSettings> = {
  kind: "rdv",
  isSingle: true,
  parse: (raw, at) => parseSettings(RDV_TABLE, [], raw, at),
  async start(client, { serves = "members" }) {
    const { rdv } = client.adjust({ rdv: serves });
    const { bytes: earlier } = client.info().rdv; // Of a member that served before, as its own keys say.
    return {
      at: client.address,
      figures: () => {
        const { waiting, pairs, bytes, lastError } = client.info().rdv;
        return { streams: waiting + pairs, bytesIn: bytes - earlier, bytesOut: bytes - earlier, lastError };
      },
      stop: async () => putBack(client, { rdv }),
    };
  },
};

/** Of what was before: what else was changed since stays. */
function relayed(before: Adjustments): Adjustments {
  return Object.fromEntries(Object.entries(before).filter(([name]) => name.startsWith("relay")));
}

/** A member that stops does nothing for others any more. */
function putBack(client: Client, before: Adjustments): void {
  if (!client.stopping.aborted) client.adjust(before);
}
