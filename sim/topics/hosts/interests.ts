/** What members subscribe to, as their machines of gossip/ spread it (rule R22): what the client's driver does between the two. */
import type { Output } from "../../../gossip/index.js";
import { equalBytes, type MemberId } from "../../../rings/index.js";
import { encodeInterests, type Interest, parseInterests } from "../../../topics/index.js";
import type { Member } from "../../members/member.js";
import type { Host } from "./host.js";

interface Told {
  /** As the machine of topics/ counts. */
  readonly number: number;
  readonly interests: readonly Interest[];
  readonly body: Uint8Array;
}

export class Interests {
  /** What each member's host has told last. */
  readonly #told = new Map<Member, Told>();

  /** Who subscribes to what, as it was last told. */
  *all(): Iterable<readonly [Member, readonly string[]]> {
    for (const [member, { interests }] of this.#told) yield [member, interests.map(({ pattern }) => pattern)];
  }

  /** A member has come into a view. */
  appeared(host: Host, id: MemberId): void {
    const interest = host.member.machine.interestOf(id);
    if (interest) this.#learn(host, id, interest.content);
  }

  /** Within an input of the member. */
  spread({ member }: Host, number: number, interests: readonly Interest[]): void {
    const body = encodeInterests(interests);
    if (typeof body === "string") throw new Error(`these interests are ${body}`);
    this.#told.set(member, { number, interests, body });
    member.machine.setInterest(body, member.now);
  }

  /** What the member's machine of gossip/ tells of it. */
  heard(host: Host, output: Extract<Output, { kind: "interest" | "interest-spread" }>): void {
    if (output.kind === "interest") {
      this.#learn(host, output.id, output.content);
      return;
    }
    const { member, machine } = host;
    const told = this.#told.get(member);
    const own = member.machine.interestOf(member.id);
    const isLatest = told && own?.version === output.version && equalBytes(own.content, told.body);
    if (isLatest) host.input((now) => machine.spread(told.number, now));
  }

  #learn(host: Host, id: MemberId, content: Uint8Array | undefined): void {
    const interests = (content && parseInterests(content)) ?? [];
    host.input((now) => host.machine.interested(id, interests, now));
  }
}
