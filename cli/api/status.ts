/** How an agent is, on one screen: what `fireflies status` asks for. */
import type { ClientInfo, Isolated } from "../../client/types.js";
import { FirefliesError } from "../../identity/errors/error.js";
import type { AgentClient } from "../agent-client.js";
import { age, counted, memberTitle, table } from "../output.js";
import { type RecentAlarm, wordFor } from "./recent-alarms.js";

/** What the process knows besides its client. */
export interface AgentProcess {
  readonly version: string;
  readonly dir: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly alarms: () => readonly RecentAlarm[];
}

export interface AgentStatus {
  /** "alone": nobody else is live, as for the first member. "isolated": the others do not have this one among them. */
  readonly state: "in" | "alone" | "isolated";
  readonly isolated: ClientInfo["isolated"];
  readonly id: string;
  readonly name?: string | undefined;
  readonly addresses: readonly string[];
  readonly metadata: unknown;
  readonly network: string;
  readonly rings: number;
  readonly deltaMs: number;
  readonly live: number;
  readonly suspected: number;
  readonly unreachable: number;
  /** Left or failed, of those that are remembered. */
  readonly departed: number;
  readonly links: number;
  /** Unix milliseconds. */
  readonly certificateEnds: number;
  readonly clock: ClientInfo["clock"];
  readonly version: string;
  readonly pid: number;
  readonly dir: string;
  readonly startedAt: number;
  /** The latest first. */
  readonly alarms: readonly RecentAlarm[];
}

export function statusOf(
  client: Pick<AgentClient, "self" | "members" | "departed" | "info">,
  agent: AgentProcess,
): AgentStatus {
  const { id, name, addresses, metadata } = client.self;
  const { network, rings, deltaMs, links, certificateEnds, clock, isolated } = client.info();
  const members = client.members();
  const state = isolated ? "isolated" : members.length === 0 ? "alone" : "in";
  return {
    ...{ state, isolated, id, name, addresses, metadata, network, rings, deltaMs },
    live: members.length,
    suspected: members.filter(({ suspected }) => suspected).length,
    unreachable: members.filter(({ reachable }) => !reachable).length,
    departed: client.departed().length,
    ...{ links, certificateEnds, clock },
    ...agent,
    pid: process.pid,
    alarms: agent.alarms(),
  };
}

/** What to do, by why the member is not among the others. */
const ISOLATED_ADVICE: Readonly<Record<Isolated["reason"], string>> = {
  removed: "Nothing: they took it for dead, and take it back within seconds.",
  waiting: "They take it back when its wait is over. Find out what stops it, or cuts it off, again and again.",
  nobody:
    "All others have failed, or it is cut off: check that they run and can be reached from here. It comes back by itself.",
  refused:
    "If its identity runs twice, stop the other process, then `fireflies renew`. If it is revoked, it needs a new token.",
  equivocated: "Its identity runs twice: stop the other process, then `fireflies renew`.",
  revoked: "Its certificate is revoked: enrol it again with a new token, if it is still wanted.",
  expired: "Its certificate has ended: check that the authority can be reached, then `fireflies renew`.",
};

/** Undefined while it is among the others, or the first of them. */
export function isolationOf({ isolated, dir }: Pick<AgentStatus, "isolated" | "dir">): FirefliesError | undefined {
  if (!isolated) return undefined;
  const message = `The agent on ${dir} is isolated: ${isolated.reason}.`;
  return new FirefliesError("isolated", message, { advice: ISOLATED_ADVICE[isolated.reason] });
}

/** Alarms shown to people. */
const SHOWN_MAX = 3;

export function statusText(status: AgentStatus, now: number): string {
  const { suspected, unreachable, departed, links, certificateEnds, clock } = status;
  const day = (at: number) => new Date(at).toISOString().slice(0, 16).replace("T", " ");
  const alarms = status.alarms.slice(0, SHOWN_MAX);
  const facts = [
    ["id", status.id],
    ["addresses", status.addresses.join(", ") || "-"],
    ["metadata", JSON.stringify(status.metadata)],
    ["network", `${status.network.slice(0, 12)}, ${status.rings} rings, Delta ${status.deltaMs / 1_000} s`],
    [
      "members",
      `${status.live} live, ${suspected} of them suspected, ${unreachable} unreachable; ${departed} left or failed`,
    ],
    ["connections", `with ${counted(links, "member", "members")}`],
    [
      "certificate",
      certificateEnds > now
        ? `ends ${day(certificateEnds)}Z, in ${age(certificateEnds - now)}`
        : `ended ${day(certificateEnds)}Z`,
    ],
    ["clock", clock],
    [
      "agent",
      `fireflies ${status.version}, process ${status.pid} on ${status.dir}, for ${age(now - status.startedAt)}`,
    ],
    ...alarms.map(({ code, message, at }) => [wordFor(code), `${age(now - at)} ago: ${message} (${code})`]),
  ];
  return `${memberTitle(status)} ${standing(status)}\n${table(facts.map(([fact = "", value = ""]) => [`  ${fact}`, value]))}`;
}

function standing({ state, isolated, live }: AgentStatus): string {
  if (state === "isolated") return `is isolated: ${isolated?.reason}`;
  if (state === "alone") return "runs, and nobody else is live in its view";
  return `is in, with ${counted(live, "other member", "other members")}`;
}
