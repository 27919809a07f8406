/** The gossip rounds: whom to compare views with in each interval, and whom to look for (protocol section 5, rule R15). */
import type { MemberId } from "../../rings/index.js";
import { EXCHANGES_CAUSED_MAX } from "../limits.js";
import type { Outbox, Recipient } from "../outputs.js";
import type { Random } from "../ports.js";
import { type Address, addressesOf, TRANSPORT_GRPC } from "../records/note.js";
import { randomBelow, sample } from "../sample.js";
import type { Roster } from "../view/roster.js";
import type { View } from "../view/view.js";
import type { Courier } from "./courier.js";
import type { Exchanges } from "./exchanges.js";
import type { Partners } from "./partners.js";

/** A newcomer's first rounds, as many as news needs by comparing alone among a thousand members (docs/protocol.md) ... */
const SETTLING_ROUNDS = 7;
/** ... follow each other faster by this factor: others came at the same time, unknown to all. */
const SETTLING_PACE = 4;
/** Rounds in a row of one ring that may pass without a call, while views are equal (protocol section 5). */
const SKIPS_MAX = 10;
/** One contact that is not a live member is asked every so many gossip intervals; each, while nobody else is left. */
const CONTACT_INTERVALS = 10;
/** Neighbours that ask an accused member, on average: that no correct one is among them has a chance of 2e-4 at f = .3. */
const CONFRONTED_BY = 12;
/** Neighbours asked what was missed, after a stall of more than Delta / 2: with a fifth of liars all three lie once in 125. */
const ASKED_AFTER_STALL = 3;
/**
 * Neighbours asked for an answer before a removal, from half of its time on every Delta / 2: at least four with a removal
 * after 2 Delta, all of them liars once in 600 with a fifth of liars, and pushes have to have failed before.
 */
const ASKED_IN_DOUBT = 2;
/** Contacts kept for the day on which nobody else is left. */
const CONTACTS_MAX = 64;

export interface RoundsParts {
  readonly view: View;
  /** Of me: I am not to be asked. */
  readonly self: { readonly addresses: readonly Address[] };
  readonly courier: Courier;
  readonly exchanges: Exchanges;
  readonly partners: Partners;
  readonly roster: Roster;
  readonly random: Random;
  readonly outbox: Outbox;
  readonly contacts: readonly Recipient[];
}

export class Rounds {
  readonly #parts: RoundsParts;
  readonly #contacts: Recipient[];
  readonly #skips = new Map<number, number>();
  #ring: number;
  #count = 0;
  #content: Uint8Array | undefined;

  constructor(parts: RoundsParts) {
    this.#parts = parts;
    this.#contacts = withoutMine(parts.contacts, addressesOf(parts.self, TRANSPORT_GRPC));
    this.#ring = randomBelow(parts.random, parts.view.ringCount);
  }

  get contacts(): readonly Recipient[] {
    return this.#contacts;
  }

  /** Returns those of them that are not me. One that was there already counts as the newest. */
  addContacts(contacts: readonly Recipient[]): Recipient[] {
    const others = withoutMine(contacts, addressesOf(this.#parts.self, TRANSPORT_GRPC));
    const named = new Set(others.map(keyOf));
    const kept = this.#contacts.filter((contact) => !named.has(keyOf(contact)));
    this.#contacts.splice(0, this.#contacts.length, ...kept, ...others);
    this.#contacts.splice(0, Math.max(0, this.#contacts.length - CONTACTS_MAX));
    return others;
  }

  /** How many rounds there are in an interval for now. */
  get pace(): number {
    return this.#count <= SETTLING_ROUNDS ? SETTLING_PACE : 1;
  }

  setContent(content: Uint8Array | undefined): void {
    this.#content = content;
  }

  /** One interval: my neighbours on the next ring, somebody lost, and the application's gossip. Returns its number. */
  next(now: number): number {
    const { view, partners } = this.#parts;
    this.#count += 1;
    this.#ring = (this.#ring % view.ringCount) + 1;
    const { predecessor, successor } = view.neighboursOn(this.#ring);
    const isDue = this.#countSkip(this.#ring);
    const root = view.evidence.tree.root();
    for (const id of view.partnersOn(this.#ring)) {
      if (isDue || !partners.holdsSame(id, root)) this.visit(id, now);
    }
    this.#contactTheLost(now);
    this.#handOverContent(this.#count % 2 === 0 ? successor : predecessor);
    return this.#count;
  }

  /**
   * Who stands accused is asked by some of its neighbours for an answer: a liar tells everybody of its accusation but the
   * accused, and nobody else would, because all monitors pass over it now.
   */
  confront(ids: Iterable<MemberId>, now: number): void {
    const { view, exchanges, random } = this.#parts;
    const neighbours = view.neighbours();
    for (const id of ids) {
      if (!view.judgement.mayAnswer(id) || !neighbours.has(id)) continue;
      const isAsked = random.number() * neighbours.size < CONFRONTED_BY;
      const to = isAsked && view.partner(id);
      if (to) exchanges.begin(to, now);
    }
  }

  /** Who waits for its return does not know that, and hears it from some of its neighbours (rule R13). */
  tellOfWait(id: MemberId, now: number): void {
    const { view, exchanges, random } = this.#parts;
    const neighbours = view.neighbours();
    const isTold = neighbours.has(id) && random.number() * neighbours.size < CONFRONTED_BY;
    const to = isTold && view.partner(id);
    if (to) exchanges.begin(to, now);
  }

  /** Others may have said things that I missed while I stood still. */
  askAfterStall(now: number): void {
    this.#ask(ASKED_AFTER_STALL, now);
  }

  /** An answer to an accusation may have reached everybody but me. */
  askInDoubt(now: number): void {
    this.#ask(ASKED_IN_DOUBT, now);
  }

  #ask(count: number, now: number): void {
    const { view, exchanges, random } = this.#parts;
    for (const to of sample(random, view.partners(), count)) exchanges.begin(to, now);
  }

  /**
   * A member's ping or pong says that our views differ. Only for neighbours: others have no reason to ping me, and all liars
   * together could otherwise take all my calls, each of which they hold until its deadline.
   */
  differs(from: MemberId, now: number): void {
    const { view, courier } = this.#parts;
    if (courier.count("exchange") < EXCHANGES_CAUSED_MAX && view.neighbours().has(from)) this.visit(from, now);
  }

  /** An exchange with a neighbour, at most one per interval. */
  visit(id: MemberId, now: number): void {
    const { view, partners, exchanges } = this.#parts;
    const to = view.partner(id);
    if (to && partners.takeExchange(id, now)) exchanges.begin(to, now);
  }

  /** Protocol section 5: at most SKIPS_MAX rounds in a row of a ring pass without a call. */
  #countSkip(ring: number): boolean {
    const skips = (this.#skips.get(ring) ?? randomBelow(this.#parts.random, SKIPS_MAX)) + 1;
    this.#skips.set(ring, skips > SKIPS_MAX ? 0 : skips);
    return skips > SKIPS_MAX;
  }

  /** Rule R15: one removed member a round, so that partitions heal; contacts more rarely, or when nobody is left. */
  #contactTheLost(now: number): void {
    const { view, exchanges, roster, random } = this.#parts;
    const lost = view.judgement.pickRemoved(random);
    const to = lost && view.partner(lost);
    if (to) exchanges.begin(to, now);
    const isTime = roster.size === 0 || this.#count % CONTACT_INTERVALS === 0;
    const [contact] = isTime ? sample(random, this.#strangeContacts(), 1) : [];
    if (contact) exchanges.begin(contact, now);
  }

  /** Contacts that no live member answers for: behind one of them may be an island that has never heard of this one. */
  #strangeContacts(): Recipient[] {
    const { roster } = this.#parts;
    return this.#contacts.filter(({ addresses }) => !addresses.some((address) => roster.at(address)));
  }

  #handOverContent(id: MemberId | undefined): void {
    const to = id && this.#parts.view.partner(id);
    if (to && this.#content) this.#parts.outbox.emit({ kind: "gossip", to, content: this.#content });
  }
}

/** What makes two contacts the same: who is meant, and where. */
function keyOf({ id, addresses: [address] }: Recipient): string {
  return `${id ?? ""}@${address ?? ""}`;
}

/** Contacts other than me: an authority may well name me to myself. */
function withoutMine(contacts: readonly Recipient[], mine: readonly string[]): Recipient[] {
  return contacts.filter((contact) => !contact.addresses.some((address) => mine.includes(address)));
}
