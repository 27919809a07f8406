/**
 * What an agent is told beside the keys of its member: where its API listens and who may call it, its services, and the
 * other members that live in its process.
 */
import { resolve } from "node:path";
import type { HostPort } from "../../net/index.js";
import { environmentLayers } from "./environment.js";
import { parseConfig } from "./file.js";
import { AGENT_KEYS, type AgentSettings } from "./keys.js";
import { badValue, FILE_SPELLING, mergeLayers, toLayer } from "./layers.js";
import type { ClientOptions } from "./options.js";
import { processSurroundings } from "./places.js";
import {
  FLAG_SPELLING,
  type Flags,
  fromFlags,
  type MemberConfig,
  memberConfigOf,
  readSettings,
  resolveMemberConfig,
  type Sources,
} from "./resolve.js";
import { entriesOf, type Section, sectionOf } from "./section.js";
import { type ServiceEntry, serviceEntries } from "./service-entries.js";

/** Who may call the agent, and where, besides its Unix socket. */
export interface ApiConfig {
  /** Undefined: nowhere else. */
  readonly listen: HostPort | undefined;
  /** Absolute; undefined where none was named. */
  readonly tokenFile: string | undefined;
  /** Ids and names of members. */
  readonly allow: readonly string[];
  /** Host names under which it is called. */
  readonly names: readonly string[];
}

/** Another member of the agent. */
export interface IdentityConfig {
  readonly name: string;
  readonly config: MemberConfig;
  readonly services: readonly ServiceEntry[];
  readonly where: string;
}

export interface AgentConfig {
  readonly member: MemberConfig;
  readonly api: ApiConfig;
  /** Where profiles are served; undefined for nowhere. */
  readonly prof: HostPort | undefined;
  /** Where its state, metrics and health are shown; undefined for nowhere. */
  readonly admin: HostPort | undefined;
  /** Of the agent's own member. */
  readonly services: readonly ServiceEntry[];
  readonly identities: readonly IdentityConfig[];
  /** The NATS cluster that its members may be reached through (services/controllers/nats-path.ts); undefined for none. */
  readonly natsPath: Section | undefined;
}

/** Members of one process, besides its own: each has timers, sockets and a view. */
const IDENTITIES_MAX = 64;
const IDENTITY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const AGENT_FLAGS: ReadonlySet<string> = new Set(
  Object.values(AGENT_KEYS).map(({ file }) => file.replaceAll("_", "-")),
);

/** From the same places as the member's. Throws "config-unreadable", "config-unknown-key" or "config-bad-value". */
export function resolveAgentConfig(options: ClientOptions = {}, sources: Sources = {}): AgentConfig {
  const surroundings = sources.surroundings ?? processSurroundings();
  const flags = Object.entries(sources.flags ?? {});
  const [own, others] = [
    flags.filter(([name]) => AGENT_FLAGS.has(name)),
    flags.filter(([name]) => !AGENT_FLAGS.has(name)),
  ];
  const member = resolveMemberConfig(options, { ...sources, flags: Object.fromEntries(others) });
  const file = readSettings(options.config, surroundings);
  const layer = mergeLayers<AgentSettings>([
    toLayer(AGENT_KEYS, file?.agent ?? [], FILE_SPELLING),
    options.config === false ? {} : environmentLayers(surroundings.env).agent,
    toLayer(AGENT_KEYS, fromFlags(Object.fromEntries(own) as Flags), FLAG_SPELLING),
  ]);
  const sectionNamed = (name: string) => file?.sections.find(({ key }) => key === name);
  const [services, identities] = [sectionNamed("services"), sectionNamed("identities")];
  return {
    member,
    api: {
      listen: layer.apiListen?.value,
      tokenFile: layer.apiTokenFile && resolve(surroundings.cwd, layer.apiTokenFile.value),
      allow: layer.apiAllow?.value ?? [],
      names: layer.apiNames?.value ?? [],
    },
    prof: layer.prof?.value,
    admin: layer.admin?.value,
    services: services === undefined ? [] : serviceEntries(services),
    identities: identities === undefined ? [] : identitiesOf(identities, surroundings.cwd),
    natsPath: sectionNamed("nats_path"),
  };
}

/** Services in a file of their own, or as JSON: `id: { kind, ... }`, or that below `services:`. `path` is for messages. */
export function readServices(text: string, path: string): readonly ServiceEntry[] {
  const { sections, member, agent } = parseConfig(text, path);
  const [section] = sections;
  if (section?.key === "services" && member.length + agent.length === 0) return serviceEntries(section);
  const wrapped = text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
  // One line more at the top than the file has: told lines would be wrong, so it stands on the same one.
  const [inner] = parseConfig(`services:\n${wrapped}`, path).sections;
  return serviceEntries(shiftedUp(inner ?? sectionOf("services", {}, path)));
}

/** Lines as the file has them. */
function shiftedUp(section: Section): Section {
  const where = section.where.replace(/line (\d+)$/, (_, line) => `line ${Math.max(1, Number(line) - 1)}`);
  return { ...section, where, ...(section.entries && { entries: section.entries.map(shiftedUp) }) };
}

function identitiesOf(section: Section, cwd: string): readonly IdentityConfig[] {
  const entries = entriesOf(section);
  if (entries.length > IDENTITIES_MAX)
    throw badValue(
      `${section.where}: identities has ${entries.length}, and an agent at most ${IDENTITIES_MAX} of them.`,
    );
  return entries.map((entry) => identityOf(entry, cwd));
}

export function identityOf(entry: Section, cwd: string): IdentityConfig {
  const { key: name, where } = entry;
  if (!IDENTITY_NAME.test(name)) throw badValue(`${where}: an identity cannot be called ${JSON.stringify(name)}.`);
  const all = entriesOf(entry);
  const services = all.find(({ key }) => key === "services");
  const config = memberConfigOf(
    all.filter((each) => each !== services),
    cwd,
  );
  if (config.dir === undefined) throw badValue(`${where}: the identity ${name} needs a directory.`, "Say dir: PATH.");
  return { name, config, services: services === undefined ? [] : serviceEntries(services), where };
}
