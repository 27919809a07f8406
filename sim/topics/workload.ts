/** Plays a work on an overlay: members subscribe, publishers publish, some come and go, and one is killed in the middle. */
import type { Seat } from "../actor.js";
import { Chance } from "../chance.js";
import type { Host, Places } from "./hosts/host.js";
import { QUEUE } from "./liars/program.js";
import type { TopicsOverlay } from "./overlay.js";
import type { Work } from "./plan.js";

/** A stream of a seed, apart from those of the simulation and of topics. */
const STREAM_WORK = 0x776f726b;
/** So many subscribers have a wildcard: the other patterns name one topic. */
const WILDCARDS = 0.2;
const ALL_TOPICS = "work.*";

export class Workload {
  readonly #work: Work;
  readonly #chance: Chance;
  /** By number of the member: what it subscribes to in each of its lives. */
  readonly #patterns = new Map<number, string>();
  readonly #stuck = new Set<number>();
  readonly #workers = new Set<number>();
  /** Where the durable ones are. */
  readonly #places = new Map<number, Places>();
  #publishers: readonly Seat[] = [];
  #overlay: TopicsOverlay | undefined;
  #published = 0;
  #isOver = false;

  constructor(work: Work, seed: number) {
    this.#work = work;
    this.#chance = new Chance(seed, STREAM_WORK);
  }

  get publishers(): readonly Seat[] {
    return this.#publishers;
  }

  /** Members that listen are drawn from these, and subscribe. */
  begin(overlay: TopicsOverlay): void {
    const { publishers, subscribers, topics, stuck, workers = 0, durable = 0 } = this.#work;
    this.#overlay = overlay;
    const { members } = overlay.simulation;
    const correct = members.filter(({ isCorrect }) => isCorrect);
    this.#publishers = this.#chance.shuffled(correct).slice(0, publishers);
    for (const [index, seat] of this.#chance.shuffled(members).slice(0, subscribers).entries()) {
      if (index < stuck) this.#stuck.add(seat.number);
      else if (index < stuck + workers) this.#workers.add(seat.number);
      // The last of the draw: few are durable and in the group.
      if (index >= subscribers - durable) this.#places.set(seat.number, { byLog: new Map(), isBegun: false });
      const isAll = topics > 1 && this.#chance.happens(WILDCARDS);
      this.#patterns.set(seat.number, isAll ? ALL_TOPICS : `work.${this.#chance.below(topics)}`);
      const host = overlay.host(seat);
      if (host) this.subscribe(host);
    }
  }

  /** In each of its lives. */
  subscribe(host: Host): void {
    const pattern = this.#patterns.get(host.member.number);
    if (pattern === undefined) return;
    const { handlerMs, failing } = this.#work;
    const fails = (_: number, attempt: number) => attempt === 1 && this.#chance.happens(failing);
    const { number } = host.member;
    const never = this.#stuck.has(number);
    const options = {
      // What waits behind one that does not resolve is its own loss: it has a window of one.
      ...(never && { inFlightMax: 1 }),
      ...(this.#workers.has(number) && { queue: QUEUE }),
    };
    const handler = { ms: handlerMs, never, ...(failing > 0 && { fails }) };
    host.subscribe(pattern, handler, options, this.#places.get(number));
  }

  /** Publishes for the work's seconds. */
  publish(): void {
    const { seconds, perSecond, churnMs, isPublisherKilled } = this.#work;
    const { simulation } = this.#overlay!;
    const everyMs = 1_000 / perSecond;
    for (const [index, seat] of this.#publishers.entries())
      this.#again(everyMs * this.#chance.number(), everyMs, seat, index);
    if (churnMs !== null) this.#churn(churnMs);
    const [first] = this.#publishers;
    if (isPublisherKilled && first) simulation.at(500 * seconds, () => simulation.crash(first));
    simulation.at(1_000 * seconds, () => {
      this.#isOver = true;
    });
  }

  #again(ms: number, everyMs: number, seat: Seat, index: number): void {
    this.#overlay!.simulation.at(ms, () => {
      if (this.#isOver) return;
      const topic = `work.${index % this.#work.topics}`;
      this.#overlay!.publish(seat, topic, this.#message(seat), { level: this.#work.level });
      this.#again(everyMs, everyMs, seat, index);
    });
  }

  /** Another one each time. */
  #message(seat: Seat): Uint8Array {
    const message = new Uint8Array(this.#work.bytes);
    const text = `${seat.name} ${this.#published++}`;
    for (let at = 0; at < Math.min(text.length, message.length); at++) message[at] = text.charCodeAt(at);
    return message;
  }

  #churn(everyMs: number): void {
    const { simulation } = this.#overlay!;
    simulation.at(everyMs, () => {
      if (this.#isOver) return;
      const mayGo = (seat: Seat) => seat.isCorrect && seat.state === "up" && !this.#publishers.includes(seat);
      const seat = this.#chance.pick(simulation.members.filter(mayGo));
      if (seat) {
        simulation.crash(seat);
        simulation.at(2 * everyMs, () => {
          if (seat.state === "down") simulation.restart(seat, { keepState: true });
        });
      }
      this.#churn(everyMs);
    });
  }
}
