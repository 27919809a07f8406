/** Makes events of the history: of what the machine notices and asks for, and of the changes that the program is told. */
import type { Inspected, Notice } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { OutputHandlers } from "../driver/switchboard.js";
import type { Change, FailureReason, MemberPath } from "../types.js";
import type { HistoryKind } from "./event.js";
import type { Seen } from "./history.js";

/** Answers remembered until the view follows, the latest: it mostly does at once. */
const ANSWERS_MAX = 1024;
/** Characters of a reason or a path: some of them are other members' words. */
const TEXT_CHARS_MAX = 200;

/**
 * Why a partner's word is not taken although it is honest: it knows more or less than I do, or one of us is busy. All other
 * reasons say that it sent what no correct member sends.
 */
const HONEST: ReadonlySet<string> = new Set([
  ...["duplicate", "stale", "expired", "not-yet-valid", "revoked", "silenced", "accuser-expired", "no-contradiction"],
  ...["certificate-unknown", "note-unknown", "epoch-differs", "ring-disabled", "closer-held", "not-checked"],
  ...["busy", "verification-busy", "crowded", "note-budget", "proof-budget", "interest-budget", "own"],
  // What came in the same packet as a false one.
  "liar",
]);
/** Of statements and packets; a "call" that a partner refused, and pings, say nothing of the kind. */
const JUDGED: ReadonlySet<string> = new Set([
  ...["statement", "packet", "certificate", "note", "accusation", "equivocation", "revocation", "interest"],
]);

export interface WitnessOptions {
  readonly record: (seen: Seen) => void;
  /** A signed statement about a member, for evidence. */
  readonly keep: (member: MemberId, author: MemberId, bytes: Uint8Array) => void;
  /** Undefined before the member has an identity. */
  readonly self: () => MemberId | undefined;
  readonly nameOf: (id: MemberId) => string | undefined;
  readonly inspect: (id: MemberId) => Inspected | undefined;
  readonly pathTo: (id: MemberId) => MemberPath | undefined;
}

export class Witness {
  readonly #options: WitnessOptions;
  /** The epoch with which each accused member answered last, while it is accused. */
  readonly #answers = new Map<MemberId, bigint>();

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  readonly told: OutputHandlers = {
    noticed: ({ notice }) => this.#noticed(notice),
    summon: ({ to, ring, epoch }) => this.#see("summoned", to, { by: this.#options.self(), ring, epoch }),
    rejected: ({ from, what, reason }) => {
      if (from && JUDGED.has(what) && !HONEST.has(reason))
        this.#see("rejected", from, { reason: `${what}: ${reason}` });
    },
  };

  /** What the program is told. */
  changed(change: Change): void {
    if ("member" in change) {
      const id = change.member.id as MemberId;
      if (change.kind === "failed") this.#failed(id, change.reason);
      else if (change.kind === "suspected") this.#see(change.kind, id, this.#chargeOf(id));
      else if (change.kind === "rebutted") this.#rebutted(id, change.member.epoch);
      else if (change.kind !== "path") this.#see(change.kind, id, { epoch: change.member.epoch });
      return;
    }
    const self = this.#options.self();
    if (self === undefined || change.kind === "dropped") return;
    const reason = change.kind === "moved" ? change.addresses.join(", ") : change.reason;
    this.#see(change.kind, self, { reason });
  }

  #failed(id: MemberId, reason: FailureReason): void {
    this.#answers.delete(id);
    if (reason === "removed") this.#see("removed", id, { ...this.#chargeOf(id), reason: "accused for too long" });
    else if (reason === "waiting") this.#see("removed", id, { reason: "came back too often, and must wait" });
    else if (reason === "silent") this.#see("removed", id, { reason: "nothing of it is held any more" });
    else this.#see(reason, id, {});
  }

  /** The answer was told when it came; without one the accusation has fallen by itself. */
  #rebutted(id: MemberId, epoch: bigint): void {
    const isAnswer = this.#answers.get(id) === epoch;
    this.#answers.delete(id);
    if (!isAnswer) this.#see("rebutted", id, { epoch, reason: "the accusation does not stand any more" });
  }

  #noticed(notice: Notice): void {
    const { self } = this.#options;
    const me = self();
    if (notice.what === "summoned" && me) this.#see("summoned", me, notice);
    else if (notice.what === "told-out" && me) this.#toldOut(me, notice);
    else if (notice.what === "accused") this.#accused(notice);
    else if (notice.what === "contradicted") this.#contradicted(notice);
    else if (notice.what === "missed") this.#missed(notice);
    else if (notice.what === "answered") {
      const { member, epoch, from, statement } = notice;
      if (member !== me) this.#answered(member, epoch);
      if (statement) this.#options.keep(member, member, statement);
      this.#see("rebutted", member, { epoch, from });
    }
  }

  #accused(notice: Extract<Notice, { what: "accused" }>): void {
    const { member, by, statement, against } = notice;
    if (against) this.#options.keep(member, member, against);
    this.#options.keep(member, by, statement);
    this.#see("accused", member, notice);
  }

  #contradicted({ member, from, statement }: Extract<Notice, { what: "contradicted" }>): void {
    this.#options.keep(member, member, statement);
    this.#see("equivocated", member, { from, reason: "two notes of one epoch contradict each other" });
  }

  #answered(id: MemberId, epoch: bigint): void {
    this.#answers.delete(id);
    this.#answers.set(id, epoch);
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size > ANSWERS_MAX) this.#answers.delete(oldest);
  }

  #toldOut(me: MemberId, { by, epoch, waitMs }: Extract<Notice, { what: "told-out" }>): void {
    const reason =
      waitMs > 0 ? `takes this member back after ${Math.ceil(waitMs / 1000)} s` : "holds this member as removed";
    this.#see("told-out", me, { by, epoch, reason });
  }

  #missed({ member, ring, epoch, misses, limit, attempt }: Extract<Notice, { what: "missed" }>): void {
    const tried = {
      none: "",
      running: "; a call is under way",
      silent: "; a call had no answer",
      refused: "; nobody listens there",
    };
    const reason =
      misses === 0 ? "does not count: most members are silent here" : `${misses} of ${limit}${tried[attempt]}`;
    this.#see("missed", member, { by: this.#options.self(), ring, epoch, reason, path: this.#pathTo(member) });
  }

  #pathTo(id: MemberId): string | undefined {
    const found = this.#options.pathTo(id);
    if (!found) return undefined;
    const { path, via, address, whyNotBetter } = found;
    if (path === undefined) return whyNotBetter ? `none: ${whyNotBetter}` : "none yet";
    const through = via.map((relay) => this.#options.nameOf(relay) ?? relay.slice(0, 12)).join(", ");
    return [path, through && `through ${through}`, path !== "relayed" && address].filter(Boolean).join(" ");
  }

  /** The accusation that stands against a member. */
  #chargeOf(id: MemberId): { readonly by?: MemberId; readonly ring?: number; readonly epoch?: bigint } {
    const accusations = this.#options.inspect(id)?.accusations ?? [];
    return accusations.find(({ blocker }) => blocker === undefined) ?? {};
  }

  #see(
    kind: HistoryKind,
    member: MemberId,
    facts: {
      readonly by?: MemberId | undefined;
      readonly from?: MemberId | undefined;
      readonly ring?: number;
      readonly epoch?: bigint;
      readonly reason?: string;
      readonly path?: string | undefined;
    },
  ): void {
    const { record, nameOf } = this.#options;
    const { by, from, ring, epoch, reason, path } = facts;
    const [name, byName] = [nameOf(member), by && nameOf(by)];
    record({
      kind,
      member,
      ...(name !== undefined && { name }),
      ...(by !== undefined && { by }),
      ...(byName !== undefined && { byName }),
      ...(from !== undefined && { from }),
      ...(ring !== undefined && { ring }),
      ...(epoch !== undefined && { epoch: String(epoch) }),
      ...(reason !== undefined && { reason: reason.slice(0, TEXT_CHARS_MAX) }),
      ...(path !== undefined && { path: path.slice(0, TEXT_CHARS_MAX) }),
    });
  }
}
