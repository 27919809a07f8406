/** The kinds of controllers: what the section `services:` of an agent may hold. What a kind runs is loaded when it is started. */
import { badValue } from "../../client/config/layers.js";
import type { ServiceEntry } from "../../client/config/service-entries.js";
import { nearest } from "../../client/nearest.js";
import { BENCH } from "./bench.js";
import { HTTP } from "./files.js";
import { FORWARD, LISTEN, PROXY } from "./forwarding.js";
import type { ControllerKind } from "./kind.js";
import { RDV, RELAY } from "./member-parts.js";
import { NATS } from "./nats.js";
import { NATS_BRIDGE } from "./nats-bridge.js";
import { TOPICS } from "./topics.js";

// biome-ignore lint/suspicious/noExplicitAny: settings of a kind are known to it alone.
type AnyKind = ControllerKind<any>;

const ALL: readonly AnyKind[] = [FORWARD, LISTEN, PROXY, HTTP, TOPICS, NATS, NATS_BRIDGE, RELAY, RDV, BENCH];
const KINDS: ReadonlyMap<string, AnyKind> = new Map(ALL.map((kind) => [kind.kind, kind]));

/** Throws "config-bad-value". */
export function kindOf(kind: string): ControllerKind<unknown> {
  const found = KINDS.get(kind);
  if (found !== undefined) return found as ControllerKind<unknown>;
  throw badValue(`There is no kind of service ${JSON.stringify(kind)}.`);
}

/** The settings of a service, checked by its kind. Throws "config-unknown-key" or "config-bad-value", with the line. */
export function parseService({ id, kind, settings, where }: ServiceEntry): unknown {
  const found = KINDS.get(kind);
  if (found === undefined) throw unknownKind(id, kind, where);
  return found.parse(settings, { id, where });
}

/** Throws "config-bad-value" when there are several of a kind of which a member has one. */
export function checkSingles(entries: readonly ServiceEntry[]): void {
  const seen = new Map<string, string>();
  for (const { id, kind, where } of entries) {
    const other = seen.get(kind);
    if (other !== undefined && KINDS.get(kind)?.isSingle)
      throw badValue(`${where}: a member has one service of kind ${kind}, and ${other} is one as well as ${id}.`);
    seen.set(kind, id);
  }
}

function unknownKind(id: string, kind: string, where: string): Error {
  const near = nearest(kind, [...KINDS.keys()]);
  const advice = near === undefined ? `The kinds are ${[...KINDS.keys()].join(", ")}.` : `Did you mean ${near}?`;
  return badValue(
    `${where}: the service ${id} has a kind that does not exist, ${JSON.stringify(kind.slice(0, 60))}.`,
    advice,
  );
}
