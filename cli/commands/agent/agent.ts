/** `fireflies agent`: a member as a process, with a control socket for the other commands. */
import type { Command } from "commander";
import type { AgentConfig } from "../../../client/config/agent.js";
import type { LogForm } from "../../../client/config/keys.js";
import type { ClientOptions } from "../../../client/config/options.js";
import { defaultDir, isThere, keptConfig } from "../../../client/config/places.js";
import { PRESET_NAMES } from "../../../client/config/presets.js";
import type { LogLevel } from "../../../identity/logger.js";
import { configOption, dirOption } from "../../api/caller/place-options.js";
import { compileWhenBusy } from "../../idle.js";
import { drainOption, examples, flagsOf, type JsonOption, logLevelOption, logOption, withJson } from "../common.js";

export interface AgentOptions extends JsonOption {
  readonly config?: string;
  readonly reply?: string;
  readonly whileStdin?: boolean;
  readonly drain: number;
  readonly log: LogForm;
  readonly logLevel: LogLevel;
  readonly metadata?: string;
  readonly writeConfig?: string;
  readonly [flag: string]: unknown;
}

/** Options that are the command's own and no configuration of the member. */
const NO_CONFIGURATION = ["json", "config", "writeConfig", "reply", "whileStdin", "drain", "log", "logLevel"];

/** An option that may be given several times. */
function again(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function addAgent(program: Command): void {
  const command = withJson(program.command("agent").description("run a member"));
  command
    .addOption(dirOption("directory of its identity, state and control socket ($XDG_STATE_HOME/fireflies/agent)"))
    .option("--join <token>", "enrol with a token from `fireflies ca token NAME`")
    .option("--ca <url>", "enrol without a token: the authority's URL")
    .option("--ca-fingerprint <hex>", "and the fingerprint of its root")
    .option(
      "--ca-tls <roots>",
      "a proxy ends TLS in front of the authority: system, or a file of the roots that vouch for it",
    )
    .option("--jwt-file <file>", "and a file with a JWT that it admits, as a service account's of Kubernetes")
    .option("--name <name>", "the name to enrol under, with an open authority or a token for many")
    .option("--wait <seconds>", "how long a first start waits for an absent authority (for ever)")
    .option("--no-wait", "end at once when the authority is absent")
    .option(
      "--listen <address>",
      "host:port, host or port to listen on, or ws://, wss://, udx:// or rdv://host:port; may be given again; port 0 is any (127.0.0.1:0)",
      again,
    )
    .option(
      "--advertise <addresses>",
      "where others reach it, with commas between them; auto: this machine's, and what others see it as",
    )
    .option("--wss-cert <file>", "to listen at wss://: certificates in PEM, leaf first")
    .option("--wss-key <file>", "file of mode 0600 with its key")
    .option("--host <host>", "its host name: to listen on and to advertise")
    .option("--tcp-port <port>", "TCP port, if not in --listen")
    .option("--udp-port <port>", "UDP port for pings (the number of the TCP port)")
    .option(
      "--entry <addresses>",
      "members to contact first, and sources of more, with commas between them: host:port, dns:host:port, srv:NAME, file:PATH, kubernetes:NAMESPACE/SERVICE:PORT",
    )
    .option("--mdns", "find members on this LAN by multicast DNS, and be found: for laboratories")
    .option("--no-use-ca", "never speak to an authority: the identity is in --dir, the contacts in --entry")
    .option("--preset <name>", `intervals to start from: ${PRESET_NAMES.join(", ")}`)
    .option("--gossip-interval <seconds>", "between gossip rounds")
    .option("--monitor-interval <seconds>", "between rounds of pings")
    .option("--ping-limit <n>", "pings missed in a row before an accusation")
    .option("--max-concurrent-messages <n>", "messages handled at once, and as many again for members that have few")
    .option("--removal-timeout <seconds>", "from an accusation to the removal, at least 2 Delta")
    .option("--link-idle <seconds>", "after how long a connection that nobody uses is closed; 0 holds all open")
    .option("--keep-links <members>", "names or ids, separated by commas, or all: connections that are held open")
    .option("--no-relay", "relay for nobody: others that nobody can dial go elsewhere")
    .option("--relay-reservations <n>", "members that may have a reservation here at once")
    .option("--relay-connections <n>", "connections that pass through here at once")
    .option("--relay-connections-per-member <n>", "of those, asked for by one member")
    .option("--relay-bytes-per-second <n>", "bytes that pass per second, both directions counted; more waits")
    .option("--relay-bytes-per-second-per-member <n>", "of those, of the connections that one member asked for")
    .option("--relay-connection-time <seconds>", "how long one connection through here lasts")
    .option("--behind-nat <answer>", "whether nobody can dial it: true, false, or auto, and it finds out")
    .option("--rdv <who>", "serve as a rendezvous server on its TCP port: members, all, or false (false)")
    .option("--topic-retention <json>", "how long messages of some topics are kept: a list of topic, seconds and bytes")
    .option("--topic-memory <bytes>", "of messages that are kept for all topics, its own and others' each")
    .option("--metadata <json>", "facts about it that all members see")
    .addOption(configOption())
    .option("--write-config <file>", "write a configuration file with what the flags say, and end")
    .option("--api-listen <address>", "host:port to serve its API on as well: TLS for members, or a token on loopback")
    .option("--api-token-file <file>", "file of mode 0600 with the API's token (api.token in --dir, made there)")
    .option("--api-allow <members>", "names or ids, separated by commas, whose certificates may use the API")
    .option("--api-names <names>", "host names under which the API is called")
    .option(
      "--admin <address>",
      "host:port, or 0, to show its state, metrics and health at: on loopback to all, elsewhere as --api-listen",
    )
    .option("--prof <address>", "host:port to serve CPU and heap profiles on, for who has the API's token")
    .option("--reply <text>", "answer messages with this text instead of their own")
    .addOption(drainOption("how long what is open may take to end when a signal comes"))
    .addOption(logOption())
    .addOption(logLevelOption())
    .option("--while-stdin", "leave when standard input ends, so that it never outlives its parent");
  examples(
    command,
    "agent --join TOKEN",
    "agent --dir ./bob --ca https://127.0.0.1:8300 --ca-fingerprint HEX --name bob --listen 127.0.0.1:0 --json",
    "agent                                   (restart: the identity is in the directory)",
  );
  command.addHelpText("after", "\nSIGHUP, or `fireflies reload`, reads the configuration again; docs/daemon.md.");
  command.action(async (options: AgentOptions) => {
    const { resolveAgentConfig } = await import("../../../client/config/index.js");
    const flags = flagsOf(onlyWhenSaid(options), NO_CONFIGURATION);
    const base: ClientOptions = options.config === undefined ? {} : { config: options.config };
    const readFrom = (from: ClientOptions) => withDirectory(resolveAgentConfig(from, { flags }));
    const read = () => {
      const found = readFrom(base);
      // What commands have saved for an agent that has no other file.
      const kept = keptConfig(found.member.dir ?? "");
      return found.member.file === undefined && isThere(kept) ? readFrom({ config: kept }) : found;
    };
    const config = read();
    if (options.writeConfig !== undefined) {
      const { writeConfig } = await import("./write-config.js");
      return await writeConfig(options.writeConfig, flags);
    }
    const { runAgent } = await import("../../agent/agent.js");
    await runAgent({
      config,
      dir: config.member.dir ?? "",
      reread: read,
      log: { form: options.json ? "json" : options.log, level: options.logLevel },
      reply: options.reply,
      whileStdin: options.whileStdin ?? false,
      drainMs: options.drain * 1_000,
      onReady: compileWhenBusy,
    });
  });
}

function withDirectory(config: AgentConfig): AgentConfig {
  const { dir = defaultDir("agent") } = config.member;
  return { ...config, member: { ...config.member, dir } };
}

/** commander gives the positive forms of --no-use-ca and --no-relay a default of true, which nobody has said. */
function onlyWhenSaid(options: AgentOptions): AgentOptions {
  const { useCa, relay, ...rest } = options;
  return { ...rest, ...(useCa === false && { useCa }), ...(relay === false && { relay }) };
}
