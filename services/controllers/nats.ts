/** The kind `nats`: this member's part of a NATS cluster over the overlay (services/nats/cluster/). */
import { boolean, integer, line, listOf, mapping, oneOf, type Parser } from "../../client/config/values.js";
import { ACCESS_RULES_MAX, parseAccess } from "../access.js";
import { clusterNames } from "../nats/cluster/names.js";
import { type NatsClusterSettings, planCluster } from "../nats/cluster/plan.js";
import { type NatsAccounts, parseAccounts } from "../nats/cluster/roles.js";
import { NATS_LOG_LEVELS } from "../nats/cluster/server-config.js";
import { refusedText } from "../refusals.js";
import { requireServiceAddress } from "../service-address.js";
import type { ControllerKind } from "./kind.js";
import { checked, parseSettings, type SettingTable, together } from "./settings.js";

/** Characters of a path, an address, a rule. */
const TEXT_MAX = 4_096;
/** Of all roles, bytes as JSON. */
const ACCOUNTS_BYTES_MAX = 262_144;
/** Bytes of streams on a disk: less holds none, and more is a slip. */
const STORE_BYTES = { min: 1_048_576, max: 2 ** 50 };

const text = line(TEXT_MAX);
const server: Parser<string | false> = (raw, origin) =>
  raw === false || raw === "none" ? { ok: true, value: false } : text(raw, origin);
const accounts = checked(mapping(ACCOUNTS_BYTES_MAX) as Parser<NatsAccounts>, parseAccounts);

const TABLE: SettingTable<NatsClusterSettings> = {
  clusterName: { file: "cluster_name", parse: checked(text, clusterNames) },
  server: { file: "server", parse: server },
  listen: { file: "listen", parse: checked(text, (value) => requireServiceAddress(value)) },
  dir: { file: "dir", parse: text },
  jetStream: { file: "jetstream", parse: boolean },
  storeBytes: { file: "store_bytes", parse: integer(STORE_BYTES) },
  logLevel: { file: "log_level", parse: oneOf(NATS_LOG_LEVELS) },
  accounts: { file: "accounts", parse: accounts },
  servers: { file: "servers", parse: checked(listOf(text, ACCESS_RULES_MAX), parseAccess) },
};

/** What NATS programs try first; the kind's default, where a program's own takes any port. */
const LISTEN = "127.0.0.1:4222";

export const NATS: ControllerKind<NatsClusterSettings> = {
  kind: "nats",
  parse: (raw, at) => together(parseSettings(TABLE, [], raw, at), at, planCluster),
  async start(client, settings, report) {
    const { startNatsCluster } = await import("../nats/cluster/cluster.js");
    const running = await startNatsCluster(
      client,
      { listen: LISTEN, ...settings },
      {
        onLog: ({ level, text: said }) => report.event("nats-server", { level, said }, `nats-server: ${said}`),
        onRefused: (refused) => report.event("refused", refused, refusedText(refused)),
        onFailed: (error) => report.failed(error),
      },
    );
    return {
      at: `${running.address}, cluster ${running.clusterName}`,
      figures: () => running.figures(),
      stop: () => running.close(),
    };
  },
};
