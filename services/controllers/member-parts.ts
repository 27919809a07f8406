/** The kinds `relay` and `rdv`: what the member itself does for others, said as services. They begin with the member. */
import type { MemberConfig } from "../../client/config/index.js";
import type { MemberSettings } from "../../client/config/keys.js";
import { MEMBER_KEYS } from "../../client/config/keys.js";
import { oneOf } from "../../client/config/values.js";
import type { ControllerKind } from "./kind.js";
import type { PlannedService } from "./plan.js";
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
  atStart: true,
  parse: (raw, at) => parseSettings(RELAY_TABLE, [], raw, at),
  async start(client) {
    return {
      figures: () => {
        const { connections, bytes } = client.info().relay;
        return { streams: connections, bytesIn: bytes, bytesOut: bytes };
      },
      stop: async () => {},
    };
  },
};

export const RDV: ControllerKind<RdvSettings> = {
  kind: "rdv",
  atStart: true,
  parse: (raw, at) => parseSettings(RDV_TABLE, [], raw, at),
  async start(client) {
    return {
      at: client.address,
      figures: () => ({ streams: 0, bytesIn: 0, bytesOut: 0 }),
      stop: async () => {},
    };
  },
};

/** The member's configuration, with what its services say of the member itself. */
export function withMemberParts(config: MemberConfig, plans: readonly PlannedService[]): MemberConfig {
  const relay = plans.find(({ kind }) => kind === "relay")?.parsed as RelaySettings | undefined;
  const rdv = plans.find(({ kind }) => kind === "rdv")?.parsed as RdvSettings | undefined;
  return {
    ...config,
    ...(relay && { ...relay, relay: true }),
    ...(rdv && { rdv: rdv.serves ?? "members" }),
  };
}
