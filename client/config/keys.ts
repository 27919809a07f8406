/** The table of all configuration keys: their names in a file, what they take, and within which limits. */
import { METADATA_BYTES_MAX } from "../../gossip/index.js";
import { type JwtPolicy, PROXY_FORMS, type ProxyForm } from "../../identity/index.js";
import { LOG_LEVELS, type LogLevel } from "../../identity/logger.js";
import { type HostPort, PORT_MAX } from "../../net/index.js";
import { RING_COUNT_MAX } from "../../rings/index.js";
import { SOURCES_MAX } from "../discovery/discovery.js";
import { readPlace } from "../discovery/place.js";
import { type Advertise, advertisedPlaces, type ListenPlace, listenPlaces } from "./endpoints.js";
import { jwtPolicies } from "./jwt-policies.js";
import { PRESET_NAMES, type PresetName } from "./presets.js";
import { TOPIC_BYTES, type TopicRetention, topicRetention } from "./topic-retention.js";
import * as value from "./values.js";

/** What a member can be told, in the units of the code (milliseconds). */
export interface MemberSettings {
  readonly preset: PresetName;
  readonly dir: string;
  readonly name: string;
  readonly useCa: boolean;
  readonly ca: string;
  readonly caFingerprint: string;
  readonly caTls: string;
  readonly token: string;
  readonly jwtFile: string;
  readonly waitMs: number;
  readonly entryAddrs: readonly string[];
  readonly mdns: boolean;
  readonly listen: readonly ListenPlace[];
  readonly advertise: Advertise;
  readonly host: string;
  readonly tcpPort: number;
  readonly udpPort: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly gossipIntervalMs: number;
  readonly monitorIntervalMs: number;
  readonly pingLimit: number;
  readonly maxConcurrentMessages: number;
  readonly removalTimeoutMs: number;
  readonly linkIdleMs: number;
  readonly keepLinks: readonly string[];
  readonly relay: boolean;
  readonly relayReservations: number;
  readonly relayConnections: number;
  readonly relayConnectionsPerMember: number;
  readonly relayBytesPerSecond: number;
  readonly relayBytesPerSecondPerMember: number;
  readonly relayConnectionMs: number;
  readonly behindNat: BehindNat;
  readonly rdv: RendezvousFor;
  readonly topicRetention: readonly TopicRetention[];
  readonly topicMemoryBytes: number;
  readonly wssCert: string;
  readonly wssKey: string;
}

/** Whom a member serves as a rendezvous server: nobody, members, or everybody. */
export type RendezvousFor = false | "members" | "all";

/** Can others dial this member? "auto": it finds out. */
export type BehindNat = boolean | "auto";

/** What an authority can be told: the `ca:` section. */
export interface AuthoritySettings {
  readonly preset: PresetName;
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly open: boolean;
  readonly bootNodes: number;
  readonly numRings: number;
  readonly members: number;
  readonly byzantine: number;
  readonly deltaMs: number;
  readonly certificateLifetimeMs: number;
  readonly store: string;
  readonly network: string;
  readonly passphraseFile: string;
  readonly keyUri: string;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly trustProxy: readonly string[];
  readonly proxyForm: ProxyForm;
  readonly log: LogForm;
  readonly logLevel: LogLevel;
  readonly jwt: readonly JwtPolicy[];
}

/** What an agent can be told beside the keys of its member: who may call it, and where. */
export interface AgentSettings {
  readonly apiListen: HostPort;
  readonly apiTokenFile: string;
  readonly apiAllow: readonly string[];
  readonly apiNames: readonly string[];
  readonly prof: HostPort;
  readonly admin: HostPort;
}

/** How a process tells what it does: as lines for people, or as JSON documents. */
export type LogForm = (typeof LOG_FORMS)[number];
const LOG_FORMS = ["text", "json"] as const;

export interface Key<V> {
  /** Its name in a file; a variable is FIREFLIES_ and this in capitals. */
  readonly file: string;
  readonly parse: value.Parser<V>;
}
export type KeyTable<S> = { readonly [K in keyof S]: Key<S[K]> };

/** Faster rounds only load the machine; slower than an hour is a mistake of units. */
const INTERVAL_MS = { min: 10, max: 3_600_000 };
/** A Delta below this is less than one round of the fastest preset; above an hour it is a mistake of units. */
const DELTA_MS = { min: 50, max: 3_600_000 };
/** Up to a day: "a removal may wait longer than 2 Delta, never shorter" (R19) is checked when Delta is known. */
const REMOVAL_TIMEOUT_MS = { min: 100, max: 86_400_000 };
/** More misses than the cap of section 4 would never accuse anybody. */
const PING_LIMIT = { min: 1, max: 14 };
/** Each costs a handler's memory. */
const CONCURRENT_MESSAGES = { min: 1, max: 65_536 };
/** Reservations, and connections: each holds memory. For none there is `relay: false`. */
const RELAYED = { min: 1, max: 65_536 };
/** From a path that still carries signs of life in time (session/watch.ts) to 32 Gbit/s. */
const BYTES_PER_SECOND = { min: 16 * 1024, max: 4 * 1024 ** 3 - 1 };
/** Shorter ones would cut what they were made for; a session outlives no certificate. */
const RELAY_CONNECTION_MS = { min: 10_000, max: 30 * 86_400_000 };
/** 0 holds connections open; longer than a week is a mistake of units. */
const LINK_IDLE_MS = { min: 0, max: 7 * 86_400_000 };
/** Names and ids of members. For more of them there is "all". */
const KEPT_NAMES_MAX = 256;
/** The longest path that Linux takes. */
const PATH_LENGTH_MAX = 4_096;
/** The authority says which names it accepts; this only bounds them. */
const NAME_LENGTH_MAX = 64;
const TOKEN_LENGTH_MAX = 4_096;
/** To wait longer than a year is to wait for ever. */
const WAIT_MS = { min: 0, max: 365 * 86_400_000 };
/** Contacts in one answer of the authority. */
const BOOT_NODES = { min: 1, max: 100 };
/** Of shorter lives a renewal would take too large a part; longer ones outlive intermediates. */
const CERTIFICATE_LIFETIME_MS = { min: 2_000, max: 365 * 86_400_000 };
/** Ring counts and network sizes that the formula of section 2 can give on a machine. */
const RINGS = { min: 1, max: RING_COUNT_MAX };
const MEMBERS = { min: 1, max: 1_000_000 };
const BYZANTINE_BELOW = 0.5;

/** Members whose certificates an API takes: the operators of a network. */
const API_CALLERS_MAX = 256;
/** Names under which an API is reached. */
const API_NAMES_MAX = 32;

const port = value.integer({ min: 0, max: PORT_MAX });

const entryList = value.listOf(value.entryAddress);

const entryAddrs: value.Parser<readonly string[]> = (raw, origin) => {
  const parsed = entryList(raw, origin);
  const count = parsed.ok ? parsed.value.filter((text) => readPlace(text) !== undefined).length : 0;
  if (count <= SOURCES_MAX) return parsed;
  return { ok: false, problem: `must name at most ${SOURCES_MAX} sources (it names ${count})` };
};

const behindNat: value.Parser<BehindNat> = (raw, origin) => {
  if (raw === "auto") return { ok: true, value: raw };
  const parsed = value.boolean(raw, origin);
  return parsed.ok ? parsed : { ok: false, problem: "must be true, false or auto" };
};

const rendezvousFor: value.Parser<RendezvousFor> = (raw, origin) => {
  if (raw === "members" || raw === "all") return { ok: true, value: raw };
  const parsed = value.boolean(raw, origin);
  return parsed.ok
    ? { ok: true, value: parsed.value && "members" }
    : { ok: false, problem: "must be true, false, members or all" };
};

export const MEMBER_KEYS: KeyTable<MemberSettings> = {
  preset: { file: "preset", parse: value.oneOf(PRESET_NAMES) },
  dir: { file: "dir", parse: value.line(PATH_LENGTH_MAX) },
  name: { file: "name", parse: value.line(NAME_LENGTH_MAX) },
  useCa: { file: "use_ca", parse: value.boolean },
  ca: { file: "ca_addr", parse: value.authorityUrl },
  caTls: { file: "ca_tls", parse: value.line(PATH_LENGTH_MAX) },
  caFingerprint: { file: "ca_fingerprint", parse: value.fingerprint },
  token: { file: "token", parse: value.line(TOKEN_LENGTH_MAX) },
  jwtFile: { file: "jwt_file", parse: value.line(PATH_LENGTH_MAX) },
  waitMs: { file: "wait", parse: value.patience(WAIT_MS) },
  entryAddrs: { file: "entry_addrs", parse: entryAddrs },
  mdns: { file: "mdns", parse: value.boolean },
  listen: { file: "listen", parse: listenPlaces },
  advertise: { file: "advertise", parse: advertisedPlaces },
  host: { file: "host", parse: value.host },
  tcpPort: { file: "tcp_port", parse: port },
  udpPort: { file: "udp_port", parse: port },
  metadata: { file: "metadata", parse: value.mapping(METADATA_BYTES_MAX) },
  gossipIntervalMs: { file: "gossip_interval", parse: value.duration(INTERVAL_MS) },
  monitorIntervalMs: { file: "monitor_interval", parse: value.duration(INTERVAL_MS) },
  pingLimit: { file: "ping_limit", parse: value.integer(PING_LIMIT) },
  maxConcurrentMessages: { file: "max_concurrent_messages", parse: value.integer(CONCURRENT_MESSAGES) },
  removalTimeoutMs: { file: "removal_timeout", parse: value.duration(REMOVAL_TIMEOUT_MS) },
  linkIdleMs: { file: "link_idle", parse: value.duration(LINK_IDLE_MS) },
  keepLinks: { file: "keep_links", parse: value.listOf(value.line(NAME_LENGTH_MAX), KEPT_NAMES_MAX) },
  relay: { file: "relay", parse: value.boolean },
  relayReservations: { file: "relay_reservations", parse: value.integer(RELAYED) },
  relayConnections: { file: "relay_connections", parse: value.integer(RELAYED) },
  relayConnectionsPerMember: { file: "relay_connections_per_member", parse: value.integer(RELAYED) },
  relayBytesPerSecond: { file: "relay_bytes_per_second", parse: value.integer(BYTES_PER_SECOND) },
  relayBytesPerSecondPerMember: { file: "relay_bytes_per_second_per_member", parse: value.integer(BYTES_PER_SECOND) },
  relayConnectionMs: { file: "relay_connection_time", parse: value.duration(RELAY_CONNECTION_MS) },
  behindNat: { file: "behind_nat", parse: behindNat },
  rdv: { file: "rdv", parse: rendezvousFor },
  topicRetention: { file: "topic_retention", parse: topicRetention },
  topicMemoryBytes: { file: "topic_memory", parse: value.integer(TOPIC_BYTES) },
  wssCert: { file: "wss_cert", parse: value.line(PATH_LENGTH_MAX) },
  wssKey: { file: "wss_key", parse: value.line(PATH_LENGTH_MAX) },
};

export const AGENT_KEYS: KeyTable<AgentSettings> = {
  apiListen: { file: "api_listen", parse: value.listenAt },
  apiTokenFile: { file: "api_token_file", parse: value.line(PATH_LENGTH_MAX) },
  apiAllow: { file: "api_allow", parse: value.listOf(value.line(NAME_LENGTH_MAX), API_CALLERS_MAX) },
  apiNames: { file: "api_names", parse: value.listOf(value.host, API_NAMES_MAX) },
  prof: { file: "prof", parse: value.listenAt },
  admin: { file: "admin", parse: value.listenAt },
};

/** Sections of an agent's file: named things, and the NATS that its members may be reached through. */
export const AGENT_SECTIONS = ["services", "identities", "nats_path"] as const;

export const AUTHORITY_KEYS: KeyTable<AuthoritySettings> = {
  preset: { file: "preset", parse: value.oneOf(PRESET_NAMES) },
  dir: { file: "dir", parse: value.line(PATH_LENGTH_MAX) },
  host: { file: "host", parse: value.host },
  port: { file: "port", parse: port },
  open: { file: "open", parse: value.boolean },
  bootNodes: { file: "boot_nodes", parse: value.integer(BOOT_NODES) },
  numRings: { file: "num_rings", parse: value.integer(RINGS) },
  members: { file: "members", parse: value.integer(MEMBERS) },
  byzantine: { file: "byzantine", parse: value.share(BYZANTINE_BELOW) },
  deltaMs: { file: "delta", parse: value.duration(DELTA_MS) },
  certificateLifetimeMs: { file: "certificate_lifetime", parse: value.duration(CERTIFICATE_LIFETIME_MS) },
  store: { file: "store", parse: value.line(PATH_LENGTH_MAX) },
  network: { file: "network", parse: value.line(NAME_LENGTH_MAX) },
  passphraseFile: { file: "passphrase_file", parse: value.line(PATH_LENGTH_MAX) },
  keyUri: { file: "key_uri", parse: value.line(PATH_LENGTH_MAX) },
  adminHost: { file: "admin_host", parse: value.host },
  adminPort: { file: "admin_port", parse: port },
  trustProxy: { file: "trust_proxy", parse: value.listOf(value.addressRange) },
  proxyForm: { file: "proxy_form", parse: value.oneOf(PROXY_FORMS) },
  log: { file: "log", parse: value.oneOf(LOG_FORMS) },
  logLevel: { file: "log_level", parse: value.oneOf(LOG_LEVELS) },
  jwt: { file: "jwt", parse: jwtPolicies },
};
