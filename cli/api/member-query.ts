/** Which members a command asks for, as it travels over the control socket, and the answer. */

import type { Member } from "../../client/types.js";
import { PRINCIPAL_CHARACTERS_MAX } from "../../identity/index.js";
import { matchesPattern } from "../../rings/pattern.js";
import type { AgentClient } from "../agent-client.js";
import { departedView, type MemberView, memberView, pathView } from "../views.js";

export interface MemberQuery {
  /** A name, with "*" and "?" as in the shell. */
  readonly name?: string | undefined;
  /** "key=value", or "key" alone for any value: all of them must hold. */
  readonly metadata?: readonly string[] | undefined;
  /** A protocol or service that they offer. */
  readonly service?: string | undefined;
  /** Also those who have left or failed. */
  readonly all?: boolean | undefined;
  /** Also how each live one is reached. */
  readonly paths?: boolean | undefined;
}

/** Facts of one query: more of them are a program's work. */
export const FACTS_MAX = 16;

/** The live members by name, then those who are gone, the latest first. */
export function queryMembers(
  client: Pick<AgentClient, "members" | "departed" | "paths">,
  query: MemberQuery,
): MemberView[] {
  const paths = new Map(query.paths ? client.paths().map((path) => [path.id, pathView(path)]) : []);
  const members = client.members().filter(matching(query)).sort(byName);
  const live = members.map((member) => ({ ...memberView(member), ...paths.get(member.id) }));
  if (!query.all) return live;
  const departed = client.departed().filter(({ member }) => matching(query)(member));
  return [...live, ...departed.map(departedView)];
}

export function matching({ name, metadata = [], service }: MemberQuery): (member: Member) => boolean {
  return (member) =>
    (service === undefined || member.services.includes(service)) &&
    (name === undefined || matchesPattern(member.name ?? "", name)) &&
    metadata.every((fact) => holds(member.metadata, fact));
}

/** Whether the metadata have this fact. A value that is no text is compared as JSON: rack=7, spare=true. */
function holds(metadata: Readonly<Record<string, unknown>>, fact: string): boolean {
  const split = fact.indexOf("=");
  const key = split === -1 ? fact : fact.slice(0, split);
  if (!Object.hasOwn(metadata, key)) return false;
  const value = metadata[key];
  return split === -1 || (typeof value === "string" ? value : JSON.stringify(value)) === fact.slice(split + 1);
}

/** As people count: web-2 before web-10. Members without a name come last. */
function byName(a: Member, b: Member): number {
  if (a.name === undefined || b.name === undefined) return Number(a.name === undefined) - Number(b.name === undefined);
  const [one, other] = [counted(a.name), counted(b.name)];
  if (one !== other) return one < other ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

/** A name whose order as text is that of people. Names are ASCII: a collator would load 3 MiB of Unicode's tables for them. */
function counted(name: string): string {
  return name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(PRINCIPAL_CHARACTERS_MAX, "0"));
}
