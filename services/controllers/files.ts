/** The kind `http`: files of a directory, which members read by HTTP (services/http/). */
import { resolve } from "node:path";
import { integer, line, listOf, type Parser } from "../../client/config/values.js";
import { ACCESS_RULES_MAX, parseAccess } from "../access.js";
import type { FilesSettings } from "../http/files.js";
import { planAttach } from "../http/serving/options.js";
import { protocolOfService } from "../http/wire/whom.js";
import { refusedText } from "../refusals.js";
import type { ControllerKind } from "./kind.js";
import { checked, parseSettings, protocolName, type SettingTable, together } from "./settings.js";

/** Characters of a path, a protocol, a rule. */
const TEXT_MAX = 4_096;
const CONNECTIONS = { min: 1, max: 65_536 };
const CONNECTIONS_PER_PEER = { min: 1, max: 256 };

type Serving = Omit<FilesSettings, "onRefused">;

const text = line(TEXT_MAX);
const allow: Parser<readonly string[]> = checked(listOf(text, ACCESS_RULES_MAX), parseAccess);

const TABLE: SettingTable<Serving> = {
  root: { file: "root", parse: text },
  protocol: { file: "protocol", parse: protocolName },
  service: { file: "service", parse: checked(text, protocolOfService) },
  allow: { file: "allow", parse: allow },
  connections: { file: "connections", parse: integer(CONNECTIONS) },
  connectionsPerPeer: { file: "connections_per_peer", parse: integer(CONNECTIONS_PER_PEER) },
};

export const HTTP: ControllerKind<Serving> = {
  kind: "http",
  parse: (raw, at) => together(parseSettings(TABLE, ["root"], raw, at), at, planAttach),
  async start(client, settings, report) {
    const { serveFiles } = await import("../http/files.js");
    const running = await serveFiles(client, {
      ...settings,
      onRefused: (refused) => report.event("refused", refused, refusedText(refused)),
    });
    return {
      at: `${running.protocol} from ${resolve(running.root)}`,
      figures: () => running.figures(),
      stop: () => running.close(),
    };
  },
};
