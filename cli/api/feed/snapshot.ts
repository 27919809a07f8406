/** The view of a member at one moment, as the page begins with it. */
import { exposureProbability, RISK_DEFAULT } from "../../../rings/index.js";
import type { AgentClient } from "../../agent-client.js";
import type { MemberRecord, Planned, Snapshot } from "./form.js";
import { departedRecord, type Positions, recordOf } from "./record.js";

/** The share of liars that a network is planned for unless told otherwise. */
const SHARE = 0.1;
/** A network beyond which the formula for few members is not used, whatever its size. */
const LARGE = 1_000_000;
/** Of those that are gone, the latest that a snapshot has. */
const DEPARTED_MAX = 256;
/** And for how long, milliseconds: as long as events are kept. */
const DEPARTED_MS = 3_600_000;

export type Seen = Pick<AgentClient, "self" | "members" | "departed" | "paths" | "info">;

export function recordsOf(client: Seen, positions: Positions, now: number): MemberRecord[] {
  const paths = new Map(client.paths().map((path) => [path.id, path]));
  const { certificateEnds } = client.info();
  const self: MemberRecord = { ...recordOf(client.self, positions), certificateEnd: certificateEnds };
  const live = client.members().map((member) => recordOf(member, positions, paths.get(member.id)));
  const isThere = new Set([self, ...live].map(({ id }) => id));
  const gone = client.departed().filter(({ member, at }) => !isThere.has(member.id) && now - at <= DEPARTED_MS);
  return [self, ...live, ...gone.slice(0, DEPARTED_MAX).map((each) => departedRecord(each, positions))];
}

/** `members`: as they were then. */
export function snapshotOf(
  client: Pick<AgentClient, "self" | "info">,
  { sequence, at, members }: Pick<Snapshot, "sequence" | "at" | "members">,
): Snapshot {
  const { network, rings, tolerance, deltaMs } = client.info();
  return {
    ...{ sequence, at, self: client.self.id, network, rings, tolerance, deltaMs },
    planned: plannedFor(rings),
    members,
  };
}

/** A share of SHARE liars is tolerated while the chance of one member to be exposed, times the members, is within the risk. */
export function plannedFor(rings: number): Planned {
  const exposure = exposureProbability({ members: LARGE, byzantine: SHARE, rings });
  return { membersMax: Math.floor(RISK_DEFAULT / exposure), byzantineShare: SHARE };
}
