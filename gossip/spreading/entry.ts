/** My way in: from the first contact that is asked until my own rounds begin (rule R16). */
import { type MemberId, type Timers, tolerance } from "../../rings/index.js";
import type { Outbox, Recipient } from "../outputs.js";
import type { Random } from "../ports.js";
import type { Settings } from "../settings.js";

import type { View } from "../view/view.js";
import type { Courier } from "./courier.js";
import type { Exchanges } from "./exchanges.js";
import { Joining } from "./joining.js";
import type { Mailer } from "./mailer.js";

/** Joining ends after so many milliseconds, whoever has answered by then: five calls that nobody answers. */
const JOIN_TIMEOUT_MS = 10_000;

export interface EntryParts {
  readonly view: View;
  readonly mailer: Mailer;
  readonly exchanges: Exchanges;
  readonly courier: Courier;
  readonly timers: Timers;
  readonly outbox: Outbox;
  readonly settings: Settings;
  readonly random: Random;
  /** Nothing waits for verification. */
  readonly isSettled: () => boolean;
  /** I have joined: what I learnt meanwhile is told. */
  readonly onJoined: () => void;
  readonly onOut: (now: number) => void;
}

export class Entry {
  readonly #parts: EntryParts;
  #joining: Joining | undefined;

  constructor(parts: EntryParts) {
    this.#parts = parts;
  }

  /** Others do not know me yet, and I not them. */
  get isOpen(): boolean {
    return this.#joining !== undefined;
  }

  begin(contacts: readonly Recipient[], isAgain: boolean, now: number): void {
    this.#joining = new Joining(contacts, tolerance(this.#parts.view.ringCount), isAgain);
    this.#parts.timers.set("join", now + JOIN_TIMEOUT_MS);
  }

  add(contacts: readonly Recipient[]): void {
    this.#joining?.add(contacts);
  }

  answered(from: MemberId): void {
    this.#joining?.answered(from);
  }

  failed(to: Recipient): void {
    this.#joining?.failed(to);
  }

  /** Some more are asked, until enough have answered. */
  go(now: number): void {
    const { view, courier, exchanges, isSettled } = this.#parts;
    const neighbours = view.partners();
    const running = courier.count("exchange");
    if (isSettled() && this.#joining?.isDone(neighbours, running)) this.finish(now);
    this.#joining?.ask(neighbours, running, (to) => exchanges.begin(to, now));
  }

  finish(now: number): void {
    if (!this.#joining) return;
    this.end();
    this.#parts.onJoined();
    const { view, mailer } = this.#parts;
    // Those who were asked have it and pass it on; a few more, in case that they do not.
    for (const digest of view.evidence.introduction(view.me)) mailer.spread(digest, now);
    this.setOut(now);
  }

  end(): void {
    this.#joining = undefined;
    this.#parts.timers.clear("join");
  }

  /** My rounds begin, at a time within the first interval that nobody shares. */
  setOut(now: number): void {
    const { timers, settings, random, outbox, onOut } = this.#parts;
    timers.set("gossip", now + settings.gossipMs * random.number());
    timers.set("monitor", now + settings.monitorMs * random.number());
    outbox.emit({ kind: "ready" });
    onOut(now);
  }
}
