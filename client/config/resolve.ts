/** From all layers to one configuration: program or flags win over the environment, that over the file, that over the preset. */
import { resolve } from "node:path";
import type { JwtPolicy, LogLevel, ProxyForm } from "../../identity/index.js";
import { type Address, LINK_IDLE_MS, RELAY_LIMITS } from "../../net/index.js";
import { PROXY_ROOTS_SYSTEM } from "../authority/proxy-roots.js";
import { nameOf, readPlace } from "../discovery/place.js";
import type { Metadata } from "../types.js";
import type { Advertise, ListenPlace } from "./endpoints.js";
import { environmentLayers } from "./environment.js";
import { type FileSettings, readConfig } from "./file.js";
import {
  AGENT_KEYS,
  AGENT_SECTIONS,
  AUTHORITY_KEYS,
  type AuthoritySettings,
  type BehindNat,
  type LogForm,
  MEMBER_KEYS,
  type MemberSettings,
  type RendezvousFor,
} from "./keys.js";
import {
  badValue,
  FILE_SPELLING,
  type Layer,
  mergeLayers,
  PROGRAM_SPELLING,
  type RawSetting,
  type Spelling,
  toLayer,
} from "./layers.js";
import type { ClientOptions } from "./options.js";
import { findConfig, processSurroundings, type Surroundings } from "./places.js";
import { DEFAULT_PRESET, PRESETS, type PresetName } from "./presets.js";
import { retentionProblem, TOPIC_MEMORY_BYTES, type TopicRetention } from "./topic-retention.js";

/** Where to listen, and what to tell the others: see advertise.ts. Undefined parts follow from what is bound. */
export interface ListenConfig {
  /** At least one. Port 0 means any free one. */
  readonly at: readonly Address[];
  /** Undefined means the number of the first port. */
  readonly udpPort: number | undefined;
}

/** Everything a member runs with. Durations in milliseconds. */
export interface MemberConfig {
  readonly preset: PresetName;
  /** The file that was read, if any. */
  readonly file: string | undefined;
  /** Absolute, or undefined for a member that keeps nothing. */
  readonly dir: string | undefined;
  readonly name: string | undefined;
  readonly useCa: boolean;
  readonly ca: string | undefined;
  readonly caFingerprint: string | undefined;
  /** "system", or an absolute path; undefined where nobody but the authority ends TLS. */
  readonly caTls: string | undefined;
  readonly token: string | undefined;
  /** Absolute. */
  readonly jwtFile: string | undefined;
  /** How long a start that needs the authority waits for it; undefined when it is not configured. */
  readonly waitMs: number | undefined;
  /** Addresses, and sources of them; the paths of files are absolute. */
  readonly entryAddrs: readonly string[];
  /** Is it found, and does it find others, by multicast DNS? */
  readonly mdns: boolean;
  readonly listen: ListenConfig;
  /** What others are told; empty means that it follows from `listen`. */
  readonly advertise: Advertise;
  readonly metadata: Metadata;
  readonly gossipIntervalMs: number;
  readonly monitorIntervalMs: number;
  /** Undefined: as many misses as the measured loss asks for (docs/protocol.md, section 4). */
  readonly pingLimit: number | undefined;
  readonly maxConcurrentMessages: number;
  /** Undefined: 2 Delta. A value below 2 Delta is refused once Delta is known (R19). */
  readonly removalTimeoutMs: number | undefined;
  /** 0 holds connections open. */
  readonly linkIdleMs: number;
  /** Names and ids, "all" among them. */
  readonly keepLinks: readonly string[];
  /** False: it relays for nobody. What it gives to others otherwise are RelayLimits. */
  readonly relay: boolean;
  readonly relayReservations: number;
  readonly relayConnections: number;
  readonly relayConnectionsPerMember: number;
  readonly relayBytesPerSecond: number;
  readonly relayBytesPerSecondPerMember: number;
  readonly relayConnectionMs: number;
  readonly behindNat: BehindNat;
  /** Whom it serves as a rendezvous server, on its TCP port. */
  readonly rdv: RendezvousFor;
  /** Of topics for which it differs from the default. */
  readonly topicRetention: readonly TopicRetention[];
  /** Of all topics, its own and others' each. */
  readonly topicMemoryBytes: number;
  /** Absolute; both or neither. */
  readonly wssCert: string | undefined;
  readonly wssKey: string | undefined;
}

/** Everything an authority is started with; undefined leaves it to the authority. */
export interface AuthorityConfig {
  readonly file: string | undefined;
  readonly dir: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly open: boolean;
  readonly bootNodes: number;
  readonly ringCount: number | undefined;
  readonly members: number | undefined;
  readonly byzantine: number | undefined;
  /** Of a new network; undefined when neither a Delta nor a preset was named, so that a stored network keeps its own. */
  readonly deltaMs: number | undefined;
  /** Of members' certificates; undefined for the authority's own (7 days). */
  readonly certificateLifetimeMs: number | undefined;
  /** "postgres://..."; undefined for ca.db of the directory. */
  readonly store: string | undefined;
  readonly network: string | undefined;
  /** File that holds the passphrase of the keys. */
  readonly passphraseFile: string | undefined;
  /** Where new issuing keys are made: a PKCS#11 URI. */
  readonly keyUri: string | undefined;
  /** Balancers in front of it, and how they tell who calls; undefined when there are none. */
  readonly proxies: { readonly trusted: readonly string[]; readonly form: ProxyForm | undefined } | undefined;
  /** Where health and metrics are served; undefined when no port was named. */
  readonly admin: { readonly host: string; readonly port: number } | undefined;
  readonly log: LogForm;
  /** What is less is not told. */
  readonly logLevel: LogLevel;
  /** Whose JWTs admit members. */
  readonly jwt: readonly JwtPolicy[];
}

/** Loopback: opening a port to others is a decision that somebody takes. */
const DEFAULT_HOST = "127.0.0.1";
/** What listens when nothing is said of it. */
const TCP: ListenPlace = { scheme: "tcp", host: undefined, port: undefined };
/** Ifrit's port of the authority. */
const DEFAULT_AUTHORITY_PORT = 8_300;
/** Ifrit's number of contacts in an answer. */
const DEFAULT_BOOT_NODES = 10;

/** Flags by their long name without dashes ("gossip-interval"), as they were written. */
export type Flags = Readonly<Record<string, unknown>>;

export interface Sources {
  readonly flags?: Flags;
  readonly surroundings?: Surroundings;
}

/** How a flag is called when it is not just the key with dashes. */
const FLAG_NAMES: Readonly<Record<string, string>> = { ca_addr: "ca", token: "join", entry_addrs: "entry" };
export const FLAG_SPELLING: Spelling = {
  origin: "text",
  name: (_, file) => `--${FLAG_NAMES[file] ?? file.replaceAll("_", "-")}`,
};
const AUTHORITY_FLAG_SPELLING: Spelling = { ...FLAG_SPELLING, name: (_, file) => `--${file.replaceAll("_", "-")}` };

/** Of a member that stands in a section of its own: what is said there, and nothing else. */
export function memberConfigOf(raw: readonly RawSetting[], cwd: string): MemberConfig {
  return memberConfig(splitListen(toLayer(MEMBER_KEYS, raw, FILE_SPELLING, AGENT_SECTIONS)), undefined, cwd);
}

/** The member's configuration. Throws "config-unreadable", "config-unknown-key" or "config-bad-value". */
export function resolveMemberConfig(options: ClientOptions = {}, sources: Sources = {}): MemberConfig {
  const { config, logger: _, network, identity: _identity, discovery: _discovery, ...said } = options;
  // A network of the program's has its own place to listen at.
  const program = network?.host === undefined || said.listen !== undefined ? said : { host: network.host, ...said };
  const surroundings = sources.surroundings ?? processSurroundings();
  const file = readSettings(config, surroundings);
  const layer = mergeLayers([
    splitListen(memberLayerOf(file)),
    splitListen(config === false ? {} : environmentLayers(surroundings.env).member),
    splitListen(
      toLayer(
        MEMBER_KEYS,
        present(program, "options", (key) => key),
        PROGRAM_SPELLING,
      ),
    ),
    splitListen(toLayer(MEMBER_KEYS, fromFlags(sources.flags), FLAG_SPELLING)),
  ]);
  return memberConfig(layer, file?.path, surroundings.cwd);
}

/** The authority's configuration, of the same places; `config` as in ClientOptions. Throws as resolveMemberConfig. */
export function resolveAuthorityConfig(config?: string | false, sources: Sources = {}): AuthorityConfig {
  const surroundings = sources.surroundings ?? processSurroundings();
  const file = readSettings(config, surroundings);
  const environment = config === false ? undefined : environmentLayers(surroundings.env);
  // The member's preset is the network's, unless the authority has its own.
  const memberPreset = mergeLayers([memberLayerOf(file), environment?.member ?? {}]).preset;
  const layers: Layer<AuthoritySettings>[] = [
    memberPreset === undefined ? {} : { preset: memberPreset },
    toLayer(AUTHORITY_KEYS, file?.authority ?? [], FILE_SPELLING),
    environment?.authority ?? {},
    toLayer(AUTHORITY_KEYS, fromFlags(sources.flags), AUTHORITY_FLAG_SPELLING),
  ];
  const layer = layers.reduce(withOneRingCount);
  return authorityConfig(layer, file?.path, surroundings.cwd);
}

/** Keys of the agent are none of the member's, and may be meant by a misspelt one. */
const AGENT_NAMES = [...Object.values(AGENT_KEYS).map(({ file }) => file), ...AGENT_SECTIONS];

function memberLayerOf(file: FileSettings | undefined): Layer<MemberSettings> {
  return toLayer(MEMBER_KEYS, file?.member ?? [], FILE_SPELLING, AGENT_NAMES);
}

export function readSettings(config: string | false | undefined, surroundings: Surroundings): FileSettings | undefined {
  if (config === false) return undefined;
  const path = findConfig(surroundings, config);
  return path === undefined ? undefined : readConfig(path);
}

function present(values: object, where: string, name: (key: string) => string): RawSetting[] {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return entries.map(([key, value]) => ({ key: name(key), value, where }));
}

export function fromFlags(flags: Flags | undefined): RawSetting[] {
  return present(flags ?? {}, "command line", (key) => `--${key}`);
}

/** A layer in which the first place of TCP in `listen` says host and port, as others may say them by themselves. */
type SplitLayer = Layer<MemberSettings & { listenHost: string }>;

/** `listen` is another way to say `host` and `tcpPort`; within one layer the two must agree. */
function splitListen(layer: Layer<MemberSettings>): SplitLayer {
  const { listen, tcpPort, ...rest } = layer;
  if (listen === undefined) return layer;
  const { where } = listen;
  const value = listen.value.find(isTcp);
  if (value === undefined) return layer;
  if (value.port !== undefined && tcpPort !== undefined && tcpPort.value !== value.port) {
    throw badValue(`${where} has port ${value.port}, but ${tcpPort.where} is ${tcpPort.value}.`, "Say one of them.");
  }
  const port = value.port === undefined ? tcpPort : { value: value.port, where };
  return {
    ...rest,
    listen,
    ...(port && { tcpPort: port }),
    ...(value.host !== undefined && { listenHost: { value: value.host, where } }),
  };
}

function isTcp({ scheme }: ListenPlace): boolean {
  return scheme === "tcp";
}

/** All places, in their order; what the first one of TCP leaves open is said elsewhere, and the others have its host. */
function listenAddresses({ listen, listenHost, host, tcpPort }: SplitLayer): readonly Address[] {
  const places = listen?.value ?? [TCP];
  const first = places.find(isTcp);
  const hostDefault = listenHost?.value ?? host?.value ?? DEFAULT_HOST;
  return places.map((place) => ({
    ...place,
    host: (place === first ? undefined : place.host) ?? hostDefault,
    port: (place === first ? tcpPort?.value : place.port) ?? 0,
  }));
}

function memberConfig(layer: SplitLayer, file: string | undefined, cwd: string): MemberConfig {
  const [one, other] = [layer.wssCert ?? layer.wssKey, layer.wssCert && layer.wssKey];
  if (one !== undefined && other === undefined)
    throw badValue(`${one.where} is there, and the other one of wss_cert and wss_key is not.`, "Give both.");
  const presetName = layer.preset?.value ?? DEFAULT_PRESET;
  const preset = PRESETS[presetName];
  const keeping = keepingOf(layer);
  const host = layer.host?.value;
  const advertise =
    layer.advertise?.value ?? (host === undefined ? [] : [{ scheme: undefined, host, port: undefined }]);
  return {
    preset: presetName,
    file,
    dir: layer.dir && resolve(cwd, layer.dir.value),
    name: layer.name?.value,
    useCa: layer.useCa?.value ?? true,
    ca: layer.ca?.value,
    caFingerprint: layer.caFingerprint?.value,
    caTls:
      layer.caTls?.value === PROXY_ROOTS_SYSTEM ? PROXY_ROOTS_SYSTEM : layer.caTls && resolve(cwd, layer.caTls.value),
    token: layer.token?.value,
    jwtFile: layer.jwtFile && resolve(cwd, layer.jwtFile.value),
    waitMs: layer.waitMs?.value,
    entryAddrs: (layer.entryAddrs?.value ?? []).map((entry) => withPath(entry, cwd)),
    mdns: layer.mdns?.value ?? false,
    listen: {
      at: listenAddresses(layer),
      udpPort: layer.udpPort?.value,
    },
    advertise,
    metadata: layer.metadata?.value ?? {},
    gossipIntervalMs: layer.gossipIntervalMs?.value ?? preset.gossipIntervalMs,
    monitorIntervalMs: layer.monitorIntervalMs?.value ?? preset.monitorIntervalMs,
    pingLimit: layer.pingLimit?.value ?? preset.pingLimit,
    maxConcurrentMessages: layer.maxConcurrentMessages?.value ?? preset.maxConcurrentMessages,
    removalTimeoutMs: layer.removalTimeoutMs?.value ?? preset.removalTimeoutMs,
    linkIdleMs: layer.linkIdleMs?.value ?? LINK_IDLE_MS,
    keepLinks: layer.keepLinks?.value ?? [],
    ...relaying(layer),
    behindNat: layer.behindNat?.value ?? "auto",
    rdv: layer.rdv?.value ?? false,
    ...keeping,
    wssCert: layer.wssCert && resolve(cwd, layer.wssCert.value),
    wssKey: layer.wssKey && resolve(cwd, layer.wssKey.value),
  };
}

function withPath(entry: string, cwd: string): string {
  const read = readPlace(entry);
  return read?.ok && read.place.kind === "file"
    ? nameOf({ ...read.place, path: resolve(cwd, read.place.path) })
    : entry;
}

function keepingOf({ topicRetention, topicMemoryBytes }: SplitLayer) {
  const [rules, memory] = [topicRetention?.value ?? [], topicMemoryBytes?.value ?? TOPIC_MEMORY_BYTES];
  const problem = retentionProblem(rules, memory);
  if (problem !== undefined) throw badValue(`${topicRetention?.where} ${problem}.`, "Raise topic_memory as well.");
  return { topicRetention: rules, topicMemoryBytes: memory };
}

function relaying(layer: Layer<MemberSettings>) {
  return {
    relay: layer.relay?.value ?? true,
    relayReservations: layer.relayReservations?.value ?? RELAY_LIMITS.reservations,
    relayConnections: layer.relayConnections?.value ?? RELAY_LIMITS.connections,
    relayConnectionsPerMember: layer.relayConnectionsPerMember?.value ?? RELAY_LIMITS.connectionsPerMember,
    relayBytesPerSecond: layer.relayBytesPerSecond?.value ?? RELAY_LIMITS.bytesPerSecond,
    relayBytesPerSecondPerMember: layer.relayBytesPerSecondPerMember?.value ?? RELAY_LIMITS.bytesPerSecondPerMember,
    relayConnectionMs: layer.relayConnectionMs?.value ?? RELAY_LIMITS.connectionMs,
  };
}

/** A ring count, or what to compute it from: the stronger place decides which; within one place both are a mistake. */
function withOneRingCount(
  weaker: Layer<AuthoritySettings>,
  stronger: Layer<AuthoritySettings>,
): Layer<AuthoritySettings> {
  const computed = stronger.members ?? stronger.byzantine;
  if (stronger.numRings && computed) {
    throw badValue(
      `${stronger.numRings.where} and ${computed.where} both decide the number of rings.`,
      "Say one of them.",
    );
  }
  const { numRings, members, byzantine, ...rest } = weaker;
  const kept = stronger.numRings ? {} : computed ? { members, byzantine } : { numRings, members, byzantine };
  const defined = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  return mergeLayers<AuthoritySettings>([rest, defined, stronger]);
}

function authorityConfig(layer: Layer<AuthoritySettings>, file: string | undefined, cwd: string): AuthorityConfig {
  const { numRings, members, byzantine } = layer;
  const preset = layer.preset && PRESETS[layer.preset.value];
  if (layer.proxyForm !== undefined && layer.trustProxy === undefined) {
    throw badValue(`${layer.proxyForm.where} says how a proxy tells who calls, but trust_proxy names none.`);
  }
  return {
    file,
    dir: layer.dir && resolve(cwd, layer.dir.value),
    host: layer.host?.value ?? DEFAULT_HOST,
    port: layer.port?.value ?? DEFAULT_AUTHORITY_PORT,
    open: layer.open?.value ?? false,
    bootNodes: layer.bootNodes?.value ?? DEFAULT_BOOT_NODES,
    ringCount: numRings?.value ?? (members || byzantine ? undefined : preset?.ringCount),
    members: members?.value,
    byzantine: byzantine?.value,
    deltaMs: layer.deltaMs?.value ?? preset?.deltaMs,
    certificateLifetimeMs: layer.certificateLifetimeMs?.value,
    store: layer.store?.value,
    network: layer.network?.value,
    passphraseFile: layer.passphraseFile && resolve(cwd, layer.passphraseFile.value),
    keyUri: layer.keyUri?.value,
    proxies: layer.trustProxy && { trusted: layer.trustProxy.value, form: layer.proxyForm?.value },
    admin: layer.adminPort && { host: layer.adminHost?.value ?? DEFAULT_HOST, port: layer.adminPort.value },
    log: layer.log?.value ?? "text",
    logLevel: layer.logLevel?.value ?? "info",
    jwt: (layer.jwt?.value ?? []).map((policy) => absolute(policy, cwd)),
  };
}

function absolute({ caFile, tokenFile, ...policy }: JwtPolicy, cwd: string): JwtPolicy {
  return {
    ...policy,
    ...(caFile !== undefined && { caFile: resolve(cwd, caFile) }),
    ...(tokenFile !== undefined && { tokenFile: resolve(cwd, tokenFile) }),
  };
}
