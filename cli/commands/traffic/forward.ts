/** `fireflies forward`, `listen` and `proxy`: the agent carries bytes of other programs while the command runs, or for good. */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { onAbort } from "../../../net/abort.js";
import { hostOfMember } from "../../../services/host-names.js";
import { addService, FORWARDS } from "../../api/caller/calls.js";
import { ask, openFrames } from "../../api/caller/client.js";
import { nameOf } from "../../api/place.js";
import { usage } from "../../failure.js";
import { memberTitle, toJson, writeLine } from "../../output.js";
import { passphraseFrom } from "../../passphrase.js";
import { untilTold } from "../../signals.js";
import { type AgentOption, examples, number, withAgent } from "../common.js";

const CONNECTIONS_MAX = 65_536;
const IDLE_SECONDS_MAX = 2_000_000;
/** Milliseconds for the agent to close what it carries, when the command was told to end. */
const CLOSE_MS = 2_000;
/** The variable with a proxy's password. */
const PASSWORD = "FIREFLIES_PROXY_PASSWORD";

export interface CarryOptions extends AgentOption {
  readonly connections?: number;
  /** Seconds. */
  readonly idle?: number;
  readonly detach?: true;
  readonly id?: string;
}

interface ForwardOptions extends CarryOptions {
  readonly protocol?: string;
  readonly target: string;
  readonly allow?: readonly string[];
  readonly udp?: true;
}

interface ListenOptions extends CarryOptions {
  readonly to: string;
  readonly protocol: string;
  readonly listen: string;
  readonly udp?: true;
}

interface ProxyOptions extends CarryOptions {
  readonly listen: string;
  readonly map?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly passwordFile?: string;
}

/** What the agent says of what it carries. */
interface CarryEvent {
  readonly event: "forwarding" | "listening" | "serving" | "measurable" | "refused";
  readonly protocol?: string;
  readonly target?: string;
  readonly address?: string;
  readonly root?: string;
  readonly id?: string;
  readonly member?: string;
  readonly name?: string;
  readonly attempts?: number;
  /** Why connections come to nothing, for now. */
  readonly missing?: string;
}

export function addForwards(program: Command): void {
  addForward(program);
  addListen(program);
  addProxy(program);
}

function addForward(program: Command): void {
  const command = withCarrying(
    program
      .command("forward")
      .description(
        "let members reach a program of this machine: their streams go to a TCP port, a Unix socket or a UDP port",
      )
      .requiredOption("--target <address>", "where it listens: host:port, unix:/path or a multiaddr")
      .option("--protocol <name>", "what members ask for, as /x/http; without it /tcp/PORT or /udp/PORT of the target")
      .addOption(allowOption())
      .addOption(udpOption()),
  );
  examples(
    command,
    "forward --protocol /x/http --target 127.0.0.1:8000",
    "forward --target unix:/run/app.sock --protocol /x/app --allow 'web-*' --allow metadata:role=worker",
    "forward --udp --target 127.0.0.1:53",
  );
  command.addHelpText(
    "after",
    "\nWithout --allow every member may use a target on this machine, and nobody one elsewhere.",
  );
  command.action(async (options: ForwardOptions) => {
    const { target, protocol, allow } = options;
    await carry("forward", { target: carried(target, options.udp), protocol, allow, ...limitsOf(options) }, options);
  });
}

function addListen(program: Command): void {
  const command = withCarrying(
    program
      .command("listen")
      .description("reach a program of a member: what connects here goes there")
      .requiredOption(
        "--to <member>",
        "its name, its id or the beginning of that, or service:NAME for any that offers it",
      )
      .requiredOption("--protocol <name>", "as the forward there names it")
      .requiredOption("--listen <address>", "host:port, unix:/path or a multiaddr; port 0 takes a free one")
      .addOption(udpOption()),
  );
  examples(
    command,
    "listen --to bob --protocol /x/http --listen 127.0.0.1:8002",
    "listen --to service:/x/http --protocol /x/http --listen unix:/run/user/1000/web.sock",
  );
  command.action(async (options: ListenOptions) => {
    const { to, protocol, listen } = options;
    await carry("listen", { to, protocol, listen: carried(listen, options.udp), ...limitsOf(options) }, options);
  });
}

function addProxy(program: Command): void {
  const map = new Option(
    "--map <port=protocol>",
    "what a port asks for, instead of /tcp/PORT; may be repeated",
  ).argParser((text: string, before: Readonly<Record<string, string>> = {}) => {
    const [, port, protocol] = /^(\d{1,5})=(.+)$/.exec(text) ?? [];
    if (port === undefined || protocol === undefined) throw usage(`${text} is no PORT=PROTOCOL.`);
    return { ...before, [port]: protocol };
  });
  const command = withCarrying(
    program
      .command("proxy")
      .description("reach programs of members by host names, as bob.fireflies: SOCKS 5 and HTTP CONNECT")
      .requiredOption("--listen <address>", "host:port, unix:/path or a multiaddr; port 0 takes a free one")
      .addOption(map)
      .option("--user <name>", "what programs must give, with --password-file")
      .option(
        "--password-file <file>",
        `file of mode 0600 with the password, else ${PASSWORD}; needed off this machine`,
      ),
  );
  examples(command, "proxy --listen 127.0.0.1:1080", "proxy --listen 127.0.0.1:1080 --map 80=/x/http");
  command.action(async (options: ProxyOptions) => {
    const { listen, map: ports, user, passwordFile } = options;
    const password = await passphraseFrom({ file: passwordFile, variable: PASSWORD });
    if (options.detach && passwordFile === undefined && password !== undefined)
      throw usage(`With --detach the password is in a file, and not in ${PASSWORD}.`, "Give --password-file.");
    const settings = { listen: carried(listen, undefined), ports, user, password, ...limitsOf(options) };
    await carry("proxy", settings, options);
  });
}

function withCarrying(command: Command): Command {
  const seconds = number(1, IDLE_SECONDS_MAX, true);
  return withDetach(command).option(
    "--idle <seconds>",
    "without a byte, then it is over (3600; of datagrams 120)",
    seconds,
  );
}

/** What the agent can keep. */
export function withDetach(command: Command): Command {
  return withAgent(command)
    .option("--connections <number>", "at once; the next is refused (1024)", number(1, CONNECTIONS_MAX, true))
    .option("--detach", "leave it to the agent, in its configuration, and end")
    .option("--id <name>", "with --detach: how the agent calls it");
}

export function allowOption(): Option {
  const rule = 'who may use it: "*", an id, a name or pattern, metadata:key=value, service:NAME; may be repeated';
  return new Option("--allow <rule>", rule).argParser((text: string, before: readonly string[] = []) => [
    ...before,
    text,
  ]);
}

function udpOption(): Option {
  return new Option("--udp", "datagrams instead of connections");
}

/** Relative paths are the command's, and the agent may run elsewhere. Throws "cli-usage" for datagrams to what takes none. */
function carried(address: string, udp: true | undefined): string {
  const path = /^unix:(?:\/\/(?=\/))?(.+)$/s.exec(address)?.[1];
  const isUdp = /^udp:\/\/|^\/.+\/udp\/\d+\/?$/.test(address);
  if (!udp || isUdp) return path === undefined ? address : `unix:${resolve(path)}`;
  if (path !== undefined || address.includes("://") || address.startsWith("/"))
    throw usage(`--udp is for datagrams, and ${address} takes none.`, "Give host:port, or leave out --udp.");
  return `udp://${address.replace(/^:?(\d+)$/, "127.0.0.1:$1")}`;
}

function limitsOf({ connections, idle }: CarryOptions) {
  return { connections, idleMs: idle === undefined ? undefined : idle * 1_000 };
}

/** As a configuration has them: seconds, and the password in its file. */
function configured(settings: object, { passwordFile }: CarryOptions & { readonly passwordFile?: string }) {
  const { idleMs, password: _, ...same } = settings as { readonly idleMs?: number; readonly password?: string };
  const file = passwordFile === undefined ? {} : { password_file: resolve(passwordFile) };
  return { ...same, ...(idleMs !== undefined && { idle: idleMs / 1_000 }), ...file };
}

/** Until the command is told to end, or for good. */
export async function carry(kind: string, settings: object, options: CarryOptions): Promise<void> {
  if (options.detach) {
    const said = { id: options.id, kind, settings: configured(settings, options) };
    const added = await ask(options, addService(said, true));
    await writeLine(options.json ? toJson(added as object) : `the agent keeps it as ${(added as { id?: string }).id}`);
    return;
  }
  const interrupted = untilTold();
  const connection = await openFrames(options, FORWARDS);
  const unwatch = onAbort(interrupted, () => {
    void connection.send("end");
    setTimeout(() => connection.close(), CLOSE_MS).unref();
  });
  try {
    await connection.send("event", Buffer.from(JSON.stringify({ kind, settings })));
    for await (const frame of connection.frames) {
      if (frame.kind !== "event") continue;
      const event = JSON.parse(new TextDecoder().decode(frame.data)) as CarryEvent;
      await writeLine(options.json ? toJson(event) : lineOf(event));
    }
  } catch (error) {
    if (!interrupted.aborted) throw error;
  } finally {
    unwatch();
    connection.close();
  }
  if (!interrupted.aborted) throw new FirefliesError("agent-stopped", `${nameOf(options)} has ended.`);
}

function lineOf(told: CarryEvent): string {
  const { event, protocol, target, address, root, id = "", member = "", name, missing = "", attempts = 1 } = told;
  if (event === "serving") {
    const where = protocol === "/http/1.1" ? `http://${hostOfMember(name ?? id)}/` : protocol;
    return `members read ${root} as ${where}; Ctrl-C ends it`;
  }
  if (event === "forwarding") return `members reach ${target} as ${protocol}; Ctrl-C ends it`;
  if (event === "measurable") return `members measure with \`fireflies bench ${name ?? id}\`; Ctrl-C ends it`;
  if (event === "listening") return `listening at ${address}; Ctrl-C ends it${missing && `\nnote: ${missing}`}`;
  const times = attempts === 1 ? "" : `, ${attempts} times`;
  return `refused ${memberTitle({ id: member, name })}${times}`;
}
