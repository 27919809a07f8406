/** How members come to know what others subscribe to. */
import type { MemberId } from "../../../rings/index.js";
import type { Interest } from "../../../topics/index.js";
import type { Seat } from "../../actor.js";
import type { Chance } from "../../chance.js";
import type { Member } from "../../members/member.js";
import type { Host } from "./host.js";

/** Gossip intervals after which all have heard of a statement, or will not. */
const SPREAD_INTERVALS = 3;

interface Told {
  readonly number: number;
  readonly interests: readonly Interest[];
}

export class Interests {
  readonly #told = new Map<Member, Told>();
  readonly #chance: Chance;
  readonly #hosts: ReadonlyMap<Seat, Host>;

  constructor(chance: Chance, hosts: ReadonlyMap<Seat, Host>) {
    this.#chance = chance;
    this.#hosts = hosts;
  }

  /** Who subscribes to what, as it was last told. */
  *all(): Iterable<readonly [Member, readonly string[]]> {
    for (const [member, { interests }] of this.#told) yield [member, interests.map(({ pattern }) => pattern)];
  }

  /** A member has come into a view, and what it subscribes to with it. */
  appeared(host: Host, id: MemberId): void {
    const member = host.member.world.byId.get(id);
    const told = member && this.#told.get(member);
    if (told) host.input((now) => host.machine.interested(id, told.interests, now));
  }

  spread(from: Host, number: number, interests: readonly Interest[]): void {
    const { member } = from;
    const told = { number, interests };
    this.#told.set(member, told);
    const withinMs = SPREAD_INTERVALS * member.settings.gossipMs;
    for (const host of this.#hosts.values()) {
      if (host === from || !host.isUp) continue;
      host.later(withinMs * this.#chance.number(), (now) => {
        if (this.#told.get(member) === told && host.member.machine.member(member.id)) {
          host.machine.interested(member.id, interests, now);
        }
      });
    }
    from.later(withinMs, (now) => from.machine.spread(number, now));
  }
}
