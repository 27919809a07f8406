/** `fireflies view diff`: who is in one view and not in another, and why: of two agents, or of views that were saved. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Explanation } from "../../../client/history/explanation.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { explain, INFO, members } from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import type { AgentPlace } from "../../api/place.js";
import { readInput } from "../../input-file.js";
import { counted, memberTitle, print, table } from "../../output.js";
import { examples, type JsonOption, withJson } from "../common.js";

/** Members about which an agent is asked why it does not have them. */
const ASKED_MAX = 32;

/** A member as one view has it. */
export interface Seen {
  readonly id: string;
  readonly name?: string | undefined;
  /** "live", "suspected", or how it went. */
  readonly state: string;
}

/** One side: its members by id, itself among them where that is known. */
export type ViewSide = ReadonlyMap<string, Seen>;

export interface ViewDifference {
  readonly id: string;
  readonly name: string | undefined;
  /** The state in each; undefined for never heard of. */
  readonly a: string | undefined;
  readonly b: string | undefined;
  /** In a sentence: what the side without it says. */
  readonly why: string;
}

interface DiffOptions extends JsonOption {
  readonly apiTokenFile?: string;
  readonly apiRoot?: string;
}

const isThere = (state: string | undefined) => state === "live" || state === "suspected";

/** Those that one has and the other has not, or that are suspected in one alone; by name and id. */
export function differencesOf(a: ViewSide, b: ViewSide): Omit<ViewDifference, "why">[] {
  const ids = [...new Set([...a.keys(), ...b.keys()])];
  const all = ids.map((id) => ({
    id,
    name: a.get(id)?.name ?? b.get(id)?.name,
    a: a.get(id)?.state,
    b: b.get(id)?.state,
  }));
  const different = all.filter((each) => isThere(each.a) !== isThere(each.b) || (isThere(each.a) && each.a !== each.b));
  return different.sort((one, other) => ((one.name ?? one.id) < (other.name ?? other.id) ? -1 : 1));
}

/** What `members --all --json` printed, or a snapshot of the feed, also as the first line of a recording. Undefined for neither. */
export function sideIn(text: string): ViewSide | undefined {
  const value = parsed(text) ?? parsed(text.split("\n", 1)[0] ?? "");
  const from = (value as { snapshot?: unknown } | undefined)?.snapshot ?? value;
  const list = Array.isArray(from) ? from : (from as { members?: unknown } | undefined)?.members;
  if (!Array.isArray(list) || !list.every((each) => typeof each?.id === "string")) return undefined;
  return sideOf(list);
}

type Listed = Seen & { readonly suspected?: boolean; readonly reason?: string };

function sideOf(list: readonly Listed[]): ViewSide {
  const stateOf = ({ state, suspected, reason }: Listed) => (suspected ? "suspected" : (reason ?? state));
  return new Map(list.map((each) => [each.id, { id: each.id, name: each.name, state: stateOf(each) }]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function addView(program: Command): void {
  const group = program.command("view").description("views compared");
  const command = withJson(
    group.command("diff").description("who is in one view and not in another, and why, by who does not have it"),
  );
  const side = "directory or --api URL of an agent, or a file: members --all --json, /v1/snapshot, a recording";
  command
    .argument("<a>", side)
    .argument("<b>", "the same")
    .option("--api-token-file <file>", "file of mode 0600 with the token for a URL")
    .option("--api-root <file>", "the root certificate of the network, for a URL with a token");
  examples(command, "view diff ./alice ./bob", "view diff ./alice yesterday.json");
  command.addHelpText("after", "\nExit code 0 when they have the same members, 1 when not.");
  command.action(async (a: string, b: string, options: DiffOptions) => {
    const { json = false } = options;
    const [one, other] = await Promise.all([opened(a, options), opened(b, options)]);
    const found = differencesOf(one.side, other.side);
    const different = await Promise.all(
      found.map(async (each, index) => ({ ...each, why: await whyOf(each, one, other, index < ASKED_MAX) })),
    );
    await print(json, { a, b, different }, diffText(different, a, b));
    if (different.length > 0)
      throw new FirefliesError(
        "views-differ",
        `The views differ in ${counted(different.length, "member", "members")}.`,
      );
  });
}

interface Opened {
  readonly side: ViewSide;
  /** Undefined for a file. */
  readonly agent: AgentPlace | undefined;
}

/** Rejects with "input-failed" for what is no file of that form. */
async function opened(text: string, { apiTokenFile, apiRoot }: DiffOptions): Promise<Opened> {
  const isUrl = /^(unix|https?):/.test(text);
  const found = isUrl ? undefined : await stat(text).catch(() => undefined);
  if (found?.isFile()) {
    const side = sideIn((await readInput(text)).toString("utf8"));
    if (side) return { side, agent: undefined };
    throw new FirefliesError("input-failed", `${text} is no view: neither members --all --json nor a snapshot.`);
  }
  const agent: AgentPlace = isUrl ? { dir: resolve("."), api: text, apiTokenFile, apiRoot } : { dir: resolve(text) };
  const [info, list] = await Promise.all([ask(agent, INFO), ask(agent, members({ all: true }))]);
  const self = { ...(info as { id: string; name?: string }), state: "live" };
  return { side: sideOf([{ id: self.id, name: self.name, state: "live" }, ...(list as Listed[])]), agent };
}

/** Says it: the view without the member, or the view that suspects it. */
async function whyOf(
  { id, a, b }: Omit<ViewDifference, "why">,
  one: Opened,
  other: Opened,
  isAsked: boolean,
): Promise<string> {
  const isOther = isThere(a) && !(isThere(b) && a === "suspected");
  const { agent } = isOther ? other : one;
  const said = stateText(isOther ? b : a);
  if (agent === undefined || !isAsked) return said;
  const explained = await ask(agent, explain(id)).catch(() => undefined);
  return (explained as Explanation | undefined)?.sentences[0] ?? said;
}

function stateText(state: string | undefined): string {
  return state === undefined ? "never heard of it" : state;
}

function diffText(different: readonly ViewDifference[], a: string, b: string): string {
  if (different.length === 0) return "The same members.";
  const rows = different.map((each) => [memberTitle(each), stateText(each.a), stateText(each.b), each.why]);
  return table([["MEMBER", a, b, "WHY"], ...rows]);
}
