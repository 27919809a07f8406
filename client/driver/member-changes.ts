/** What a change of the view means for connections: who comes is introduced, and what is open with those who go ends. */
import { addressesOf, type Peer, TRANSPORT_GRPC } from "../../gossip/index.js";
import { FirefliesError, titleOf } from "../../identity/index.js";
import type { Datagrams, Stack } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import type { OutputHandlers } from "./switchboard.js";

/** What is open with a member that has left has this long to end by itself, milliseconds: a round trip, and a busy machine. */
const LEFT_GRACE_MS = 1_000;

/** Ends what is open with a member. */
interface Ending {
  endAll(id: MemberId, error: FirefliesError): void;
}
/** Something long may be open there. */
interface Talk extends Ending {
  isOpenWith(id: MemberId): boolean;
}

export interface MemberChangesOptions {
  readonly stack: Pick<Stack, "links" | "recheck">;
  readonly talks: readonly Talk[];
  readonly messenger: Ending;
  readonly datagrams: Pick<Datagrams, "drop">;
  readonly door: { changed(id: MemberId): void };
  readonly pinging: { introduce(id: MemberId): void };
  readonly punching: { consider(id: MemberId): void; moved(id: MemberId): void };
  readonly relays: { poke(): void };
  readonly isLive: (id: MemberId) => boolean;
  readonly nameOf: (id: MemberId) => string | undefined;
  readonly onJoined: () => void;
}

export class MemberChanges {
  readonly #options: MemberChangesOptions;
  readonly #leaving = new Set<NodeJS.Timeout>();
  /** What the machine tells. */
  readonly told: OutputHandlers = {
    revocations: () => this.#options.stack.recheck(),
    joined: ({ member }) => this.#joined(member),
    updated: ({ member }) => this.#updated(member),
    rebutted: ({ member }) => this.#introduce(member),
    left: ({ member }) => this.#left(member),
    failed: ({ member }) => this.#gone(member),
  };

  constructor(options: MemberChangesOptions) {
    this.#options = options;
  }

  close(): void {
    for (const timer of this.#leaving) clearTimeout(timer);
  }

  #joined(peer: Peer): void {
    const { punching, relays, door, onJoined } = this.#options;
    this.#introduce(peer);
    onJoined();
    // There may be a path to it from before it was in the view.
    punching.consider(peer.id);
    relays.poke();
    door.changed(peer.id);
  }

  #updated(peer: Peer): void {
    const { stack, punching } = this.#options;
    this.#introduce(peer);
    stack.links.moved(peer.id, addressesOf(peer, TRANSPORT_GRPC));
    punching.moved(peer.id);
  }

  /** What is open with it ends in order, as it had all that it said; its note may have come first, over another session. */
  #left(peer: Peer): void {
    const { talks, isLive } = this.#options;
    if (!talks.some((talk) => talk.isOpenWith(peer.id))) {
      this.#gone(peer);
      return;
    }
    const timer = setTimeout(() => {
      this.#leaving.delete(timer);
      if (!isLive(peer.id)) this.#gone(peer);
    }, LEFT_GRACE_MS);
    this.#leaving.add(timer);
  }

  #gone({ id }: Peer): void {
    const { door, relays, messenger, talks, datagrams, stack, nameOf } = this.#options;
    door.changed(id);
    relays.poke();
    const error = new FirefliesError("peer-removed", `Member ${titleOf({ id, name: nameOf(id) })} has left the view.`);
    for (const each of [messenger, ...talks]) each.endAll(id, error);
    datagrams.drop(id);
    stack.links.drop(id);
    stack.recheck();
  }

  #introduce(peer: Peer): void {
    this.#options.pinging.introduce(peer.id);
    this.#options.stack.links.forgive(addressesOf(peer, TRANSPORT_GRPC), peer.id);
  }
}
