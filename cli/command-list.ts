/**
 * The commands as `fireflies --help` lists them, and where they are. The file of a command, with all that it imports, is
 * loaded when it is run or asked for its own help: `--help` takes a tenth of a second, and it would take three.
 */
import type { Command } from "commander";

export interface Listed {
  /** Its name, then its arguments. */
  readonly usage: string;
  readonly description: string;
  /** It has no options of its own, as those that have commands below them. */
  readonly hasNoOptions?: true;
  /** Resolves to what adds it to the program, and others of the same file. */
  readonly load: () => Promise<(program: Command) => void>;
}

const queries = async () => (await import("./commands/members/queries.js")).addQueries;

const forwards = async () => (await import("./commands/traffic/forward.js")).addForwards;
const pipes = async () => (await import("./commands/traffic/pipe.js")).addPipes;
const topics = async () => (await import("./commands/traffic/topics.js")).addTopics;
const dashboards = async () => (await import("./commands/members/dashboard.js")).addDashboards;
const services = async () => (await import("./commands/agent/services.js")).addServices;
const identities = async () => (await import("./commands/agent/identities.js")).addIdentities;

/** In the order of the help; a test compares it with what the commands say of themselves. */
export const COMMANDS: readonly Listed[] = [
  {
    usage: "ca",
    description: "serve a certificate authority; it creates itself on the first run",
    load: async () => (await import("./commands/authority/authority.js")).addAuthority,
  },
  {
    usage: "agent",
    description: "run a member",
    load: async () => (await import("./commands/agent/agent.js")).addAgent,
  },
  {
    usage: "members",
    description: "the live members in the agent's view, besides itself",
    load: async () => (await import("./commands/members/members.js")).addMembers,
  },
  {
    usage: "status",
    description: "how the agent is: among the others or not, its certificate, its last alarms",
    load: queries,
  },
  { usage: "info", description: "the agent's own id, address, network and figures", load: queries },
  { usage: "rings", description: "the agent's predecessor and successor on each ring", load: queries },
  { usage: "gossip <text>", description: "set what the agent gossips to its neighbours", load: queries },
  {
    usage: "renew",
    description: "get the agent's next certificate now, as after a change of the intermediate",
    load: queries,
  },
  { usage: "leave", description: "make the agent leave the network and end", load: queries },
  {
    usage: "doctor",
    description: "have three members dial the agent back: what others reach, what they see it as, and what to do",
    load: async () => (await import("./commands/members/doctor.js")).addDoctor,
  },
  {
    usage: "support-bundle",
    description: "write how the agent is to one file, for others to help: without keys, tokens, metadata and messages",
    load: async () => (await import("./commands/tools/support-bundle.js")).addSupportBundle,
  },
  {
    usage: "ping <member>",
    description: "how long a member takes to answer: by UDP and over its connection, and which way that goes",
    load: async () => (await import("./commands/members/ping.js")).addPing,
  },
  {
    usage: "bench [member]",
    description: "what the agent and a member reach between them: messages and streams; the member serves it",
    load: async () => (await import("./commands/traffic/bench.js")).addBench,
  },
  {
    usage: "join <address>",
    description:
      "make the agent contact a member, and all whom that one knows: for parts of a network that lost each other",
    load: async () => (await import("./commands/members/join.js")).addJoin,
  },
  {
    usage: "send <member> <text>",
    description: "send a member a signed message and print its reply",
    load: async () => (await import("./commands/traffic/send.js")).addSend,
  },
  {
    usage: "stream <member>",
    description: "open a stream to a member: standard input there, its answer here",
    load: async () => (await import("./commands/traffic/stream.js")).addStream,
  },
  {
    usage: "forward",
    description:
      "let members reach a program of this machine: their streams go to a TCP port, a Unix socket or a UDP port",
    load: forwards,
  },
  {
    usage: "listen",
    description: "reach a program of a member: what connects here goes there",
    load: forwards,
  },
  {
    usage: "proxy",
    description: "reach programs of members by host names, as bob.fireflies: SOCKS 5 and HTTP CONNECT",
    load: forwards,
  },
  { usage: "accept", description: "take one stream of a protocol: its bytes here, standard input there", load: pipes },
  {
    usage: "dial <member>",
    description: "open a stream of a protocol to a member: standard input there, its bytes here",
    load: pipes,
  },
  {
    usage: "http",
    hasNoOptions: true,
    description: "HTTP of this member, which others reach by its name",
    load: async () => (await import("./commands/traffic/http.js")).addHttp,
  },
  {
    usage: "curl <url>",
    description: "ask the HTTP server of a member, as bob/path, and print its answer",
    load: async () => (await import("./commands/traffic/curl.js")).addCurl,
  },
  {
    usage: "publish <topic> [text]",
    description: "publish a message on a topic, to all members that subscribe",
    load: topics,
  },
  { usage: "subscribe <topic>", description: "print the messages of a topic as they come", load: topics },
  {
    usage: "topics",
    description: "the topics that the agent speaks of: subscribers, rates, backlog",
    load: topics,
  },
  {
    usage: "monitor",
    description: "print changes of the view as they happen",
    load: async () => (await import("./commands/members/monitor.js")).addMonitor,
  },
  {
    usage: "explain <member>",
    description: "why a member stands as it does: who accused it, who answered, what was missed, why it went",
    load: async () => (await import("./commands/members/explain.js")).addExplain,
  },
  {
    usage: "evidence",
    hasNoOptions: true,
    description: "what was signed about a member, for others to check",
    load: async () => (await import("./commands/members/evidence.js")).addEvidence,
  },
  {
    usage: "view",
    hasNoOptions: true,
    description: "views compared",
    load: async () => (await import("./commands/members/view-diff.js")).addView,
  },
  {
    usage: "services",
    description: "what the agent runs: forwards, listeners and others, with state and figures",
    load: services,
  },
  {
    usage: "reload",
    description: "have the agent read its configuration again, and change what has changed, and nothing else",
    load: services,
  },
  {
    usage: "graph",
    description: "members, links with their paths, sessions, streams by protocol and services, as the agent sees them",
    load: async () => (await import("./commands/members/graph.js")).addGraph,
  },
  {
    usage: "dashboard",
    description: "open the agent's page in a browser: the rings, and all that happens there",
    load: dashboards,
  },
  {
    usage: "record",
    description: "write what the agent saw in the last hour to a file, to be replayed",
    load: dashboards,
  },
  { usage: "replay <file>", description: "open a recording in a browser: play, pause, scrub", load: dashboards },
  { usage: "identities", description: "the members of the agent, its own first", load: identities },
  {
    usage: "identity",
    hasNoOptions: true,
    description: "mount a member in the running agent, or have it leave",
    load: identities,
  },
  {
    usage: "log",
    description: "print what the agent tells, from now on",
    load: async () => (await import("./commands/agent/log.js")).addLog,
  },
  {
    usage: "plan",
    description: "rings needed for a network, and what a ring count tolerates",
    load: async () => (await import("./commands/tools/plan.js")).addPlan,
  },
  {
    usage: "rdv",
    hasNoOptions: true,
    description: "reach a program behind a NAT by a token, directly or relayed: a rendezvous server, and both ends",
    load: async () => (await import("./commands/tools/rdv.js")).addRdv,
  },
  {
    usage: "export-p12",
    description: "write a member's key and certificates to one PKCS#12 file, for tools that want such a file",
    load: async () => (await import("./commands/agent/export.js")).addExport,
  },
  {
    usage: "verify-message <file>",
    description: "check the proof of a message, and print who sent it to whom",
    load: async () => (await import("./commands/tools/verify-message.js")).addVerifyMessage,
  },
  {
    usage: "sim",
    description: "simulate a whole overlay under attack, from a seed",
    load: async () => (await import("./commands/tools/sim.js")).addSim,
  },
  {
    usage: "completion <shell>",
    description: "print a script with which a shell completes this command",
    hasNoOptions: true,
    load: async () => (await import("./commands/tools/completion.js")).addCompletion,
  },
  {
    usage: "demo",
    description: "an authority and five members as processes, which live through failures and a liar",
    load: async () => (await import("./commands/tools/demo.js")).addDemo,
  },
];

/** Adds the commands that `isWanted`, with others of the same file, and of the rest the names only. */
export async function addCommands(program: Command, isWanted: (name: string) => boolean): Promise<void> {
  const wanted = new Set(COMMANDS.filter(({ usage }) => isWanted(nameOf(usage))).map(({ load }) => load));
  const added = new Set<Listed["load"]>();
  for (const { usage, description, load, hasNoOptions = false } of COMMANDS) {
    if (!wanted.has(load)) addName(program, usage, description, hasNoOptions);
    else if (!added.has(load)) (await load())(program);
    added.add(load);
  }
}

/** For lists and suggestions. All commands have options, which lists show, or commands below them. */
function addName(program: Command, usage: string, description: string, hasNoOptions: boolean): void {
  const command = program.command(usage).description(description);
  if (!hasNoOptions) command.option("--json");
}

function nameOf(usage: string): string {
  return usage.split(" ", 1)[0] ?? usage;
}
