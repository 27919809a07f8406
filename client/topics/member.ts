/** The member that topics run on: the machine with this process's keys, clocks and sessions, and what the view tells it. */
import type { Machine as Membership } from "../../gossip/index.js";
import { FirefliesError, type Identity, sha256, sign } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { Machine } from "../../topics/index.js";
import { random, wall } from "../driver/surroundings.js";
import type { OutputHandlers } from "../driver/switchboard.js";
import type { Messenger } from "../talk/messenger.js";
import { destinationOf } from "../view/directory.js";
import type { TopicKeeping } from "./keeping.js";
import type { Topics, TopicsMember } from "./topics.js";

/** For a session that is not there, milliseconds: a dial. */
const REACH_MS = 5_000;

/** What topics need of a member. */
export interface TopicsHost extends Pick<TopicsMember, "certificateOf" | "nameOf"> {
  readonly id: MemberId;
  readonly identity: Identity;
  readonly machine: Pick<Membership, "members" | "member" | "interests" | "interestOf">;
  readonly messenger: Pick<Messenger, "reach">;
  input<T>(run: (machine: Membership, now: number) => T): T;
}

/** To be called when the protocol has started; the members that it knows already are told to `topics`. */
export function beginTopics(
  topics: Topics,
  member: TopicsHost,
  { directory, keeping }: { readonly directory: string | undefined; readonly keeping: TopicKeeping },
): void {
  topics.begin(topicsMember(member, keeping), directory);
  for (const { id } of member.machine.members()) topics.appeared(id);
  for (const { id, content } of member.machine.interests()) if (id !== member.id) topics.interested(id, content);
}

/** What the view tells of members, from then on. */
export function toldToTopics(topics: Topics): OutputHandlers {
  return {
    joined: ({ member }) => topics.appeared(member.id),
    left: ({ member }) => topics.gone(member.id),
    failed: ({ member }) => topics.gone(member.id),
    interest: ({ id, content }) => topics.interested(id, content),
    "interest-spread": () => topics.spread(),
  };
}

function topicsMember(member: TopicsHost, { settings, of: keeping }: TopicKeeping): TopicsMember {
  const { ringCount, networkId } = member.identity.certificate;
  return {
    id: member.id,
    topics: new Machine({
      ...{ id: member.id, life: BigInt(wall()), ringCount, settings, keeping },
      ports: {
        ...{ sha256, random: random.number, wall },
        sign: (body) => sign(member.identity.privateKey, "topic-batch", networkId, body),
      },
    }),
    certificateOf: (id) => member.certificateOf(id),
    nameOf: (id) => member.nameOf(id),
    reach: async (to) => {
      const peer = member.machine.member(to);
      if (peer === undefined) throw new FirefliesError("peer-removed");
      return await member.messenger.reach(destinationOf(peer), { timeoutMs: REACH_MS });
    },
    declareInterest: (body) => member.input((machine, now) => machine.setInterest(body, now)),
    declared: () => member.machine.interestOf(member.id)?.content,
  };
}
