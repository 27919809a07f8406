/** `fireflies members`: who is in the agent's view, who was, and with --watch as it changes. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { changes, members as membersCall } from "../../api/caller/calls.js";
import { ask, follow } from "../../api/caller/client.js";
import { FACTS_MAX, type MemberQuery } from "../../api/member-query.js";
import { type AgentPlace, nameOf } from "../../api/place.js";
import { usage } from "../../failure.js";
import { print, toJson, writeLine } from "../../output.js";
import { untilTold } from "../../signals.js";
import { type MemberView, membersTable, pathsTable } from "../../views.js";
import { type AgentOption, examples, withAgent } from "../common.js";
import { Redrawn } from "./redrawn.js";

export interface FilterOptions extends AgentOption {
  readonly name?: string;
  readonly metadata?: readonly string[];
  readonly service?: string;
}

interface MembersOptions extends FilterOptions {
  readonly all?: boolean;
  readonly watch?: boolean;
  readonly paths?: boolean;
}

/** Between two drawings, milliseconds: in a storm of changes the agent has better things to do than to list its members. */
const PAUSE_MS = 100;
/** The table is drawn again for new ages, milliseconds. */
const AGING_MS = 1_000;

export function addMembers(program: Command): void {
  const command = withFilter(
    withAgent(program.command("members").description("the live members in the agent's view, besides itself")),
  );
  command
    .option("--all", "also the last of those who have left or failed, with reason and time")
    .option("--paths", "how each is reached: directly or through whom, the round trip, and why not better")
    .option("--watch", "print them again whenever they change, until Ctrl-C");
  examples(
    command,
    "members",
    "members --all --json",
    "members --name 'web-*' --metadata role=worker",
    "members --service inventory",
    "members --paths",
    "members --watch",
  );
  command.action(async (options: MembersOptions) => {
    const { json = false, all = false, watch = false, paths = false } = options;
    const query = { ...filterOf(options), all, paths };
    if (watch) return await watchMembers(options, query, json);
    const members = await membersOf(options, query);
    await print(json, members, tableOf(members, query));
  });
}

export function withFilter(command: Command): Command {
  const collect = (fact: string, before: readonly string[] = []) => [...before, fact];
  return command
    .option("--name <pattern>", 'only members of this name; "*" stands for any characters, "?" for one')
    .option("--metadata <key=value>", "only members whose metadata say so; given again, all must hold", collect)
    .option("--service <name>", "only members that offer this protocol or service");
}

/** Throws "cli-usage" for more than can be asked. */
export function filterOf({ name, metadata, service }: FilterOptions): Omit<MemberQuery, "all"> {
  if (metadata && metadata.length > FACTS_MAX) throw usage(`--metadata can be given ${FACTS_MAX} times.`);
  return {
    ...(name !== undefined && { name }),
    ...(metadata && { metadata }),
    ...(service !== undefined && { service }),
  };
}

function isFilter({ name, metadata, service }: MemberQuery): boolean {
  return name !== undefined || metadata !== undefined || service !== undefined;
}

async function membersOf(agent: AgentPlace, query: MemberQuery): Promise<readonly MemberView[]> {
  return (await ask(agent, membersCall(query))) as readonly MemberView[];
}

function tableOf(members: readonly MemberView[], query: MemberQuery): string {
  return query.paths ? pathsTable(members, isFilter(query)) : membersTable(members, Date.now(), isFilter(query));
}

/** In a terminal one table that is drawn over; else a table, or a line of JSON, for each change. */
async function watchMembers(agent: AgentPlace, query: MemberQuery, json: boolean): Promise<void> {
  const ended = untilTold();
  const table = process.stdout.isTTY === true && !json ? new Redrawn(process.stdout) : undefined;
  const show = async () => {
    const members = await membersOf(agent, query);
    const text = tableOf(members, query);
    if (table) table.draw(text);
    else await writeLine(json ? toJson(members) : `${text}\n`);
  };
  const first = show(); // Nobody may be there yet.
  first.catch(() => {}); // Told below.
  const connection = await follow(agent, changes({ paths: query.paths }), ended);
  const aging = table && setInterval(() => void show().catch(() => {}), AGING_MS);
  try {
    await first;
    for await (const _ of latest(connection.values)) {
      await show();
      await sleep(PAUSE_MS, undefined, { signal: ended }).catch(() => {});
    }
  } finally {
    clearInterval(aging);
    connection.close();
  }
  if (!ended.aborted) throw new FirefliesError("agent-stopped", `${nameOf(agent)} has ended.`);
}

/** Of what comes while the reader is busy only the last: what is asked anew is true for all of it. */
export async function* latest<T>(source: AsyncIterable<T>): AsyncGenerator<T, void> {
  let newest: { readonly value: T } | undefined;
  let isOver = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  const reading = (async () => {
    for await (const value of source) {
      newest = { value };
      wake();
    }
  })();
  reading
    .catch((error: unknown) => {
      failure = { error };
    })
    .finally(() => {
      isOver = true;
      wake();
    });
  while (true) {
    const next = newest;
    newest = undefined;
    if (next) yield next.value;
    else if (failure) throw failure.error;
    else if (isOver) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}
