/**
 * The judge hears the accused (rule R20). Before I remove an accused member, I tell it that it stands accused. No other
 * member need see the accusation, and no liar need pass it on. A summons proves nothing; the accused answers with a new note
 * even if it holds the accusation for void.
 *
 * The first two summonses are datagrams: most of the accused know within a round trip, and nobody dials a dead host for
 * that. Those after them are calls as well, whose answer brings the note: by then gossip has failed to bring it.
 */
import { type MemberId, Timers } from "../../rings/index.js";
import type { Outbox } from "../outputs.js";
import type { Random } from "../ports.js";
import type { Settings } from "../settings.js";
import type { Exchanges } from "../spreading/exchanges.js";
import type { View } from "../view/view.js";

/** Who is not beside the accused leaves it so much of a Delta for an answer: most of them need not speak then. */
const FIRST_DELTAS = 1 / 4;
/** Between two summonses of one member. */
const PAUSE_DELTAS = 1 / 2;
/**
 * Summonses by datagram alone, before calls begin. The first call is due 3/4 to 5/4 of a Delta after the accusation, the
 * second one 9/8 to 7/4: the accused may sign a note by then whatever it signed before (docs/protocol.md, R20).
 */
const DATAGRAMS_ALONE = 2;
/** Of the pause between two summonses, the share that chance takes off: judges would call the accused at one moment. */
const JITTER = 0.25;
/** Too many calls are under way: this one waits for so much of a Delta. */
const CROWDED_DELTAS = 1 / 16;

export interface HearingsParts {
  readonly view: View;
  readonly exchanges: Exchanges;
  readonly settings: Settings;
  readonly random: Random;
  readonly outbox: Outbox;
}

export class Hearings {
  readonly #parts: HearingsParts;
  /** When each of the accused is summoned next. */
  readonly #timers = new Timers();
  /** Summonses so far, of each. */
  readonly #counts = new Map<MemberId, number>();

  constructor(parts: HearingsParts) {
    this.#parts = parts;
  }

  get deadline(): number | undefined {
    return this.#timers.deadline;
  }

  /** These have been accused or cleared. Neighbours speak at once; the others leave them time for an answer. */
  turned(ids: Iterable<MemberId>, now: number): void {
    const { view, random, settings } = this.#parts;
    for (const id of ids) {
      const isOpen = this.#counts.has(id);
      if (!this.#isAccused(id)) this.#close(id);
      else if (!isOpen) {
        const isNeighbour = view.neighbours().has(id);
        this.#counts.set(id, 0);
        this.#timers.set(id, isNeighbour ? now : now + random.number() * FIRST_DELTAS * settings.deltaMs);
      }
    }
  }

  tick(now: number): void {
    for (let name = this.#timers.pop(now); name !== undefined; name = this.#timers.pop(now)) {
      this.#summon(name as MemberId, now);
    }
  }

  /** I judge nobody any more. */
  end(): void {
    for (const id of [...this.#counts.keys()]) this.#close(id);
  }

  #summon(id: MemberId, now: number): void {
    const { view, exchanges, settings, random, outbox } = this.#parts;
    const held = view.evidence.note(id);
    const charge = view.judgement.charge(id)?.accusation;
    if (!held || !charge || !this.#isAccused(id)) {
      this.#close(id);
      return;
    }
    const count = this.#counts.get(id) ?? 0;
    const { ring, epoch } = charge;
    const { deltaMs } = settings;
    if (count >= DATAGRAMS_ALONE && !exchanges.summon(id, { ring, epoch }, now)) {
      outbox.emit({ kind: "rejected", from: undefined, what: "hearing", reason: "crowded" });
      this.#timers.set(id, now + CROWDED_DELTAS * deltaMs);
      return;
    }
    outbox.emit({ kind: "summon", to: id, addresses: held.pingable, epoch, ring });
    this.#counts.set(id, count + 1);
    this.#timers.set(id, now + PAUSE_DELTAS * deltaMs * (1 - JITTER * random.number()));
  }

  #isAccused(id: MemberId): boolean {
    const { view } = this.#parts;
    return id !== view.me && view.judgement.mayAnswer(id);
  }

  #close(id: MemberId): void {
    this.#counts.delete(id);
    this.#timers.clear(id);
  }
}
