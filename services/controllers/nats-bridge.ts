/** The kind `nats-bridge`: topics of the overlay to subjects of a NATS of others, and back (services/nats/bridge/). */
import { badValue } from "../../client/config/layers.js";
import { boolean, duration, integer, line, listOf, oneOf, type Parser } from "../../client/config/values.js";
import type { FirefliesError } from "../../identity/index.js";
import { ACCESS_RULES_MAX, parseAccess } from "../access.js";
import type { NatsBridgeOptions } from "../nats/bridge/settings.js";
import { requirePatterns, requirePrefix } from "../nats/bridge/subjects.js";
import type { NatsServers } from "../nats/connection/connect.js";
import type { ControllerKind } from "./kind.js";
import { NATS_SERVERS, type NatsServerSettings, serversOf } from "./nats-servers.js";
import { checked, parseSettings, type SettingTable } from "./settings.js";

/** Characters of a path, an address, a subject. */
const TEXT_MAX = 4_096;
const LIST_MAX = 64;
const REPLICAS = { min: 1, max: 5 };
/** Milliseconds that a stream keeps messages: a second to ten years. */
const AGE_MS = { min: 1_000, max: 315_360_000_000 };
const STREAM_BYTES = { min: 1_048_576, max: 2 ** 50 };

interface Bridging extends NatsServerSettings {
  readonly toNats?: readonly string[] | undefined;
  readonly fromNats?: readonly string[] | undefined;
  readonly requests?: readonly string[] | undefined;
  readonly services?: readonly string[] | undefined;
  readonly bridges?: readonly string[] | undefined;
  readonly prefix?: string | undefined;
  readonly system?: string | undefined;
  readonly durable?: string | undefined;
  readonly jetStream?: boolean | undefined;
  readonly stream?: string | undefined;
  readonly replicas?: number | undefined;
  readonly maxAgeMs?: number | undefined;
  readonly maxBytes?: number | undefined;
  readonly rootFiles?: readonly string[] | undefined;
  readonly retention?: "jetstream" | undefined;
}

const text = line(TEXT_MAX);
const texts = listOf(text, LIST_MAX);
const patterns: Parser<readonly string[]> = checked(texts, requirePatterns);

const TABLE: SettingTable<Bridging> = {
  ...NATS_SERVERS,
  toNats: { file: "to_nats", parse: patterns },
  fromNats: { file: "from_nats", parse: patterns },
  requests: { file: "requests", parse: texts },
  services: { file: "services", parse: texts },
  bridges: { file: "bridges", parse: checked(listOf(text, ACCESS_RULES_MAX), parseAccess) },
  prefix: { file: "prefix", parse: checked(text, requirePrefix) },
  system: { file: "system", parse: text },
  durable: { file: "durable", parse: text },
  jetStream: { file: "jetstream", parse: boolean },
  stream: { file: "stream", parse: text },
  replicas: { file: "replicas", parse: integer(REPLICAS) },
  maxAgeMs: { file: "max_age", parse: duration(AGE_MS) },
  maxBytes: { file: "max_bytes", parse: integer(STREAM_BYTES) },
  rootFiles: { file: "root_files", parse: texts },
  retention: { file: "retention", parse: oneOf(["jetstream"]) },
};

export const NATS_BRIDGE: ControllerKind<Bridging> = {
  kind: "nats-bridge",
  parse(raw, at) {
    const settings = parseSettings(TABLE, ["servers"], raw, at);
    const { toNats, fromNats, requests, services } = settings;
    if ([toNats, fromNats, requests, services].every((list) => (list ?? []).length === 0))
      throw badValue(
        `${at.where}: the service ${at.id} says nothing that crosses: to_nats, from_nats, requests or services.`,
      );
    return settings;
  },
  async start(client, settings, report) {
    const { NatsBridge } = await import("../nats/bridge/bridge.js");
    const onTrouble = ({ code, message, advice }: FirefliesError) =>
      report.event("nats-trouble", { code, message, advice }, `${message} ${advice} (${code})`);
    const bridge = new NatsBridge(client, { ...(await serversOf(settings)), ...crossingOf(settings), onTrouble });
    await bridge.start();
    return {
      at: settings.servers.join(", "),
      figures: () => {
        const { connected, bytesIn, bytesOut } = bridge.figures();
        return { streams: connected ? 1 : 0, bytesIn, bytesOut };
      },
      stop: () => bridge.stop(),
    };
  },
};

function crossingOf(settings: Bridging): Omit<NatsBridgeOptions, keyof NatsServers> {
  const { toNats, fromNats, requests, services, bridges, prefix, system, durable, rootFiles, retention } = settings;
  const { jetStream = false, stream, replicas, maxAgeMs, maxBytes } = settings;
  return {
    ...{ toNats, fromNats, requests, services, bridges, prefix, system, durable, rootFiles, retention },
    jetStream: jetStream && { name: stream, replicas, maxAgeMs, maxBytes },
  };
}
