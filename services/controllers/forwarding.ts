/** The kinds `forward`, `listen` and `proxy`: ports and sockets of other programs, by way of members (services/forward/). */
import type { RawSetting } from "../../client/config/layers.js";
import { duration, integer, line, listOf, mapping, type Parser } from "../../client/config/values.js";
import { FirefliesError, readSecret } from "../../identity/index.js";
import { ACCESS_RULES_MAX, parseAccess } from "../access.js";
import { IDLE_MS_MAX } from "../forward/carrying/limits.js";
import {
  type ForwardSettings,
  type ListenSettings,
  type ProxySettings,
  planForward,
  planListen,
  planProxy,
  requirePorts,
} from "../forward/carrying/settings.js";
import type { TrafficFigures } from "../forward/carrying/traffic.js";
import { refusedText } from "../refusals.js";
import { requireServiceAddress } from "../service-address.js";
import type { ControllerKind, RunningController, Where } from "./kind.js";
import { checked, parseSettings, protocolName, type SettingTable, together } from "./settings.js";

/** Characters of an address, a protocol, a rule, a path. */
const TEXT_MAX = 4_096;
const CONNECTIONS = { min: 1, max: 65_536 };
const CONNECTIONS_PER_PEER = { min: 1, max: 256 };
/** Milliseconds: shorter ones cut what they were made for. */
const IDLE_MS = { min: 1_000, max: IDLE_MS_MAX };
const DIAL_MS = { min: 100, max: 60_000 };
/** Of the mapping of ports to protocols, bytes as JSON. */
const PORTS_BYTES_MAX = 16_384;

const text = line(TEXT_MAX);
/** A port alone is a number in a file. */
const address: Parser<string> = checked(
  (raw, origin) => text(typeof raw === "number" ? String(raw) : raw, origin),
  (value) => requireServiceAddress(value),
);
const allow: Parser<readonly string[]> = checked(listOf(text, ACCESS_RULES_MAX), parseAccess);

type Forwarding = Omit<ForwardSettings, "onRefused">;
type Proxying = Omit<ProxySettings, "password"> & { readonly passwordFile?: string | undefined };

const COMMON = {
  connections: { file: "connections", parse: integer(CONNECTIONS) },
  idleMs: { file: "idle", parse: duration(IDLE_MS) },
} as const;
const FORWARD_TABLE: SettingTable<Forwarding> = {
  target: { file: "target", parse: address },
  protocol: { file: "protocol", parse: protocolName },
  allow: { file: "allow", parse: allow },
  connectionsPerPeer: { file: "connections_per_peer", parse: integer(CONNECTIONS_PER_PEER) },
  dialMs: { file: "dial_timeout", parse: duration(DIAL_MS) },
  ...COMMON,
};
const LISTEN_TABLE: SettingTable<ListenSettings> = {
  to: { file: "to", parse: text },
  protocol: { file: "protocol", parse: protocolName },
  listen: { file: "listen", parse: address },
  ...COMMON,
};
const PROXY_TABLE: SettingTable<Proxying> = {
  listen: { file: "listen", parse: address },
  ports: {
    file: "ports",
    parse: checked(mapping(PORTS_BYTES_MAX), requirePorts) as Parser<Readonly<Record<string, string>>>,
  },
  user: { file: "user", parse: text },
  passwordFile: { file: "password_file", parse: text },
  ...COMMON,
};

export const FORWARD: ControllerKind<Forwarding> = {
  kind: "forward",
  parse: (raw: readonly RawSetting[], at: Where) =>
    together(parseSettings(FORWARD_TABLE, ["target"], raw, at), at, planForward),
  async start(client, settings, report) {
    const { forward } = await import("../forward/forward.js");
    const running = forward(client, {
      ...settings,
      onRefused: (refused) => report.event("refused", refused, refusedText(refused)),
    });
    return controllerOf(running, `${running.protocol} to ${running.target}`);
  },
};

export const LISTEN: ControllerKind<ListenSettings> = {
  kind: "listen",
  parse: (raw, at) => together(parseSettings(LISTEN_TABLE, ["to", "protocol", "listen"], raw, at), at, planListen),
  async start(client, settings) {
    const { listen } = await import("../forward/listen.js");
    const running = await listen(client, settings);
    return controllerOf(running, running.address);
  },
};

export const PROXY: ControllerKind<Proxying> = {
  kind: "proxy",
  parse: (raw, at) =>
    together(parseSettings(PROXY_TABLE, ["listen"], raw, at), at, ({ passwordFile, ...settings }) =>
      planProxy({ ...settings, password: passwordFile && "what the file holds" }),
    ),
  async start(client, { passwordFile, ...settings }) {
    const { proxy } = await import("../forward/proxy/proxy.js");
    const password = passwordFile === undefined ? undefined : await passwordIn(passwordFile);
    const running = await proxy(client, { ...settings, password });
    return controllerOf(running, running.address);
  },
};

/** Read when it starts, and not before: what starts again later takes the password of then. */
async function passwordIn(file: string): Promise<string> {
  const text = await readSecret(file);
  if (text === undefined) throw new FirefliesError("config-unreadable", `There is no file ${file}.`);
  return text.replace(/\r?\n$/, "");
}

interface Running {
  figures(): TrafficFigures;
  close(): Promise<void>;
}

function controllerOf(running: Running, at: string): RunningController {
  return { at, figures: () => running.figures(), stop: () => running.close() };
}
