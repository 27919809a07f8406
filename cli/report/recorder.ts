/**
 * A run of the simulator in the form of a recording, so that the page plays it. Nobody in it sees everything: a member is in when half of
 * the correct ones hold it, and what the first of them tells stands for all. What happens outside the protocol, as a crash, is an alarm.
 */

import type { HistoryEvent } from "../../client/history/event.js";
import { type Output, parseAccusation } from "../../gossip/index.js";
import { tolerance } from "../../rings/index.js";
import type { Seat, SimEvent, StatementKind, Watcher } from "../../sim/index.js";
import type { MemberRecord, RecordState } from "../api/feed/form.js";
import { Positions } from "../api/feed/record.js";
import { plannedFor } from "../api/feed/snapshot.js";

/** Members of a run that is recorded: a page of more is too large to be passed on. */
export const RECORDED_MEMBERS_MAX = 2_000;
/** Events recorded, some 5 MB of a page; the rest of the run is left out, and the recording says so. */
const EVENTS_MAX = 20_000;
/** Accusations recorded of one member: a liar signs thousands. */
const ACCUSATIONS_MAX = 200;

export interface RecorderOptions {
  readonly title: string;
  readonly rings: number;
  readonly deltaMs: number;
  /** Do all know all at the start? */
  readonly isWhole: boolean;
  /** What the liars of the run do. */
  readonly adversaries: readonly string[];
}

interface Known {
  readonly seat: Seat;
  /** Correct members that hold it as live. */
  holders: number;
  state: RecordState;
  /** Of the last suspicion that is recorded, and of the last answer. */
  suspectedEpoch: bigint;
  answeredEpoch: bigint;
  accusations: number;
}

export class Recorder implements Watcher {
  readonly #options: RecorderOptions;
  readonly #positions: Positions;
  readonly #known = new Map<string, Known>();
  readonly #lines: string[] = [];
  #head = "";
  #correctUp = 0;
  #leftOut = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#positions = new Positions(options.rings);
  }

  /** To be called before the run begins. */
  begin(members: readonly Seat[]): void {
    const { title, rings, deltaMs, isWhole } = this.#options;
    this.#correctUp = members.filter(isCorrectUp).length;
    for (const seat of members) this.#learn(seat, isWhole ? this.#correctUp : 0, isWhole ? "live" : "left");
    const there = isWhole ? members : members.slice(0, 1);
    const snapshot = {
      ...{ sequence: 0, at: 0, self: (members.find(isCorrectUp) ?? members[0])?.id ?? "", network: "" },
      ...{ rings, tolerance: tolerance(rings), deltaMs, planned: plannedFor(rings) },
      members: there.map((seat) => this.#recordOf(seat, 0)),
    };
    this.#head = JSON.stringify({ recording: 1, title, snapshot });
  }

  /** The recording so far. */
  lines(): readonly string[] {
    if (this.#leftOut === 0) return [this.#head, ...this.#lines];
    const at = (JSON.parse(this.#lines.at(-1) ?? "{}") as { readonly at?: number }).at ?? 0;
    const message = `${this.#leftOut} further events of this run are not in the recording.`;
    return [this.#head, ...this.#lines, JSON.stringify({ event: "alarm", at, code: "left-out", message, advice: "" })];
  }

  told(seat: Seat, output: Output, now: number): void {
    if (!seat.isCorrect || !("member" in output)) return;
    const { id, epoch } = output.member;
    const known = this.#known.get(id);
    if (known === undefined) return;
    if (output.kind === "joined") this.#held(known, 1, "joined", seat, now);
    else if (output.kind === "left") this.#held(known, -1, "left", seat, now);
    else if (output.kind === "failed") this.#held(known, -1, kindOf(output.reason), seat, now, output.reason);
    else if (output.kind === "suspected" && epoch > known.suspectedEpoch) {
      known.suspectedEpoch = epoch;
      this.#history(known, "suspected", now, { by: seat.id, epoch: String(epoch) });
    } else if (output.kind === "rebutted" && epoch > known.answeredEpoch) {
      known.answeredEpoch = epoch;
      this.#history(known, "rebutted", now, { epoch: String(epoch) });
    }
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    this.#accused(seat, type, body, now);
  }

  forged(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    this.#accused(seat, type, body, now);
  }

  happened(event: SimEvent, now: number): void {
    if (event.kind === "network") this.#alarm(now, "network", `The network: ${event.what}.`);
    if (event.kind === "issuer-retired")
      this.#alarm(now, "issuer-retired", "The authority retires an issuing certificate.");
    if (!("seat" in event)) return;
    const { seat, kind } = event;
    if (kind === "joined") this.#learn(seat, 0, "left");
    if ((kind === "crashed" || kind === "left") && seat.isCorrect) this.#forgetViewOf(seat);
    if ((kind === "joined" || kind === "restarted") && seat.isCorrect) this.#correctUp += 1;
    this.#alarm(now, kind, `${seat.name}: ${DEEDS[kind]}.`, seat.id);
  }

  #accused(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    const accusation = type === "accusation" ? parseAccusation(body) : undefined;
    const by = this.#known.get(seat.id);
    const known = accusation && this.#known.get(accusation.accused);
    if (accusation === undefined || known === undefined || by === undefined || by.accusations >= ACCUSATIONS_MAX)
      return;
    by.accusations += 1;
    const { ring, epoch } = accusation;
    this.#history(known, "accused", now, { by: seat.id, ring, epoch: String(epoch) });
  }

  /** One correct member more, or less, holds it. */
  #held(known: Known, more: 1 | -1, kind: HistoryEvent["kind"], by: Seat, now: number, reason?: string): void {
    known.holders = Math.max(0, known.holders + more);
    const others = this.#correctUp - (isCorrectUp(known.seat) ? 1 : 0);
    const isIn = 2 * known.holders >= others && known.holders > 0;
    if (isIn === (known.state === "live")) return;
    known.state = isIn ? "live" : "failed";
    if (isIn) this.#history(known, "joined", now, { record: this.#recordOf(known.seat, now) });
    else if (more < 0) this.#history(known, kind, now, { by: by.id, ...(reason !== undefined && { reason }) });
  }

  /** A member that is down: its view does not count. */
  #forgetViewOf(seat: Seat): void {
    this.#correctUp -= 1;
    for (const { id } of seat.machine.members()) {
      const known = this.#known.get(id);
      if (known !== undefined) known.holders = Math.max(0, known.holders - 1);
    }
  }

  #learn(seat: Seat, holders: number, state: RecordState): void {
    this.#known.set(seat.id, {
      ...{ seat, holders, state, accusations: 0 },
      ...{ suspectedEpoch: -1n, answeredEpoch: -1n },
    });
  }

  #recordOf({ id, name, isCorrect }: Seat, since: number): MemberRecord {
    const metadata = isCorrect ? {} : { byzantine: this.#options.adversaries.join(", ") };
    return {
      ...{ id, name, state: "live", since, reason: null, gone: null, address: "", metadata, services: [], epoch: "" },
      ...{ path: null, via: [], rttMs: null, certificateEnd: null, positions: this.#positions.of(id) },
    };
  }

  #history({ seat }: Known, kind: HistoryEvent["kind"], at: number, more: object): void {
    this.#add({ event: "history", at, kind, member: seat.id, name: seat.name, ...more });
  }

  #alarm(at: number, code: string, message: string, member?: string): void {
    this.#add({ event: "alarm", at, code, message, advice: "", ...(member !== undefined && { member }) });
  }

  #add(event: object): void {
    if (this.#lines.length >= EVENTS_MAX) this.#leftOut += 1;
    else this.#lines.push(JSON.stringify({ sequence: this.#lines.length + 1, ...event }));
  }
}

/** What happens to a member, for people. */
const DEEDS: Readonly<Record<Extract<SimEvent, { readonly seat: Seat }>["kind"], string>> = {
  joined: "it starts for the first time",
  crashed: "it crashes",
  restarted: "it starts again",
  stalled: "its process stands still",
  resumed: "its process goes on",
  leaving: "it begins to leave",
  left: "it has left",
  revoked: "the authority revokes its certificate",
  renewed: "it has a new certificate",
  remapped: "its NAT forgets its connections",
  "clock-skewed": "its clock is set wrong",
};

function isCorrectUp({ isCorrect, state }: Seat): boolean {
  return isCorrect && state === "up";
}

function kindOf(reason: string): HistoryEvent["kind"] {
  return reason === "revoked" || reason === "expired" || reason === "equivocated" ? reason : "removed";
}
