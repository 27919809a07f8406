/** The section `nats_path` of an agent's file: the NATS cluster that its members listen at and dial through (services/nats/path/). */
import { entriesOf, type Section } from "../../client/config/section.js";
import { line } from "../../client/config/values.js";
import type { FirefliesError } from "../../identity/index.js";
import type { Transport } from "../../net/index.js";
import { NATS_SERVERS, type NatsServerSettings, serversOf } from "./nats-servers.js";
import { parseSettings, type SettingTable } from "./settings.js";

interface PathSettings extends NatsServerSettings {
  readonly site?: string | undefined;
  readonly prefix?: string | undefined;
}

/** Characters of a name of DNS's letters, and of a subject. */
const TEXT_MAX = 255;

const TABLE: SettingTable<PathSettings> = {
  ...NATS_SERVERS,
  site: { file: "site", parse: line(TEXT_MAX) },
  prefix: { file: "prefix", parse: line(TEXT_MAX) },
};

/** Connects when it is used; where it listens and NATS is away, that is told and tried again. Rejects with "config-...", with the line, and with the codes of files. */
export async function natsPathOf(section: Section, onTrouble?: (error: FirefliesError) => void): Promise<Transport> {
  const { key: id, where } = section;
  const { site, prefix, ...servers } = parseSettings(TABLE, ["servers"], entriesOf(section), { id, where });
  const { natsTransport } = await import("../nats/path/transport.js");
  return natsTransport({ site, prefix, onTrouble, nats: await serversOf(servers) });
}
