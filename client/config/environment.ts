/** FIREFLIES_* variables: FIREFLIES_ and a key of a member or an agent in capitals, FIREFLIES_CA_ and an authority's. */
import {
  AGENT_KEYS,
  type AgentSettings,
  AUTHORITY_KEYS,
  type AuthoritySettings,
  type KeyTable,
  MEMBER_KEYS,
  type MemberSettings,
} from "./keys.js";
import { type Layer, type Spelling, settingNames, toLayer, unknownKey } from "./layers.js";
import { CONFIG_VARIABLE } from "./places.js";

export const PREFIX = "FIREFLIES_";
const AUTHORITY_PREFIX = "FIREFLIES_CA_";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Kubernetes sets such variables for a service that is called fireflies or fireflies-ca, in every container beside it
 * (its documentation, "Environment variables" of Services). They are nobody's configuration.
 */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
/** Secrets: they may be in the environment, never in a file of settings, and are read where they are needed. */
export const SECRET_VARIABLES = {
  passphrase: "FIREFLIES_CA_PASSPHRASE",
  newPassphrase: "FIREFLIES_CA_NEW_PASSPHRASE",
  pin: "FIREFLIES_CA_PIN",
  imported: "FIREFLIES_CA_IMPORT_PASSPHRASE",
  exported: "FIREFLIES_EXPORT_PASSPHRASE",
} as const;
const SERVICE_LINK_VALUE = /^(tcp|udp|sctp):\/\//;

/** All layers of the environment. Throws "config-unknown-key" or "config-bad-value". */
export function environmentLayers(env: Variables): {
  readonly member: Layer<MemberSettings>;
  readonly agent: Layer<AgentSettings>;
  readonly authority: Layer<AuthoritySettings>;
} {
  const member = spelling(PREFIX);
  const authority = spelling(AUTHORITY_PREFIX);
  const memberNames = names(MEMBER_KEYS, member);
  const agentNames = names(AGENT_KEYS, member);
  const authorityNames = names(AUTHORITY_KEYS, authority);
  const known = new Set<string>([
    ...memberNames,
    ...agentNames,
    ...authorityNames,
    CONFIG_VARIABLE,
    ...Object.values(SECRET_VARIABLES),
  ]);
  for (const [key, value] of Object.entries(env)) {
    if (!key.startsWith(PREFIX) || known.has(key) || isServiceLink(key, value)) continue;
    throw unknownKey(key, "environment", [...known]);
  }
  return {
    member: toLayer(MEMBER_KEYS, pick(env, memberNames), member),
    agent: toLayer(AGENT_KEYS, pick(env, agentNames), member),
    authority: toLayer(AUTHORITY_KEYS, pick(env, authorityNames), authority),
  };
}

function spelling(prefix: string): Spelling {
  return { origin: "text", name: (_, file) => prefix + file.toUpperCase() };
}

function names<S>(table: KeyTable<S>, { name }: Spelling): string[] {
  return settingNames(table).map((setting) => name(setting, table[setting].file));
}

/** An empty variable is an unset one: that is how shells and compose files unset them. */
function pick(env: Variables, keys: readonly string[]) {
  const present = keys.filter((key) => env[key] !== undefined && env[key] !== "" && !isServiceLink(key, env[key]));
  return present.map((key) => ({ key, value: env[key], where: "environment" }));
}

function isServiceLink(key: string, value: string | undefined): boolean {
  return SERVICE_LINK.test(key) || (key.endsWith("_PORT") && SERVICE_LINK_VALUE.test(value ?? ""));
}
