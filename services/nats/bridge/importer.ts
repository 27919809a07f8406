/** Messages of NATS on their way into the overlay: checked, wrapped, published, and acknowledged when others hold them. */
import { FirefliesError, messageOf } from "../../../identity/index.js";
import { concatBytes } from "../../../rings/index.js";
import {
  claimIn,
  type Headers,
  headOf,
  type NatsAuthor,
  NO_HEADERS,
  PATH_MAX,
  pathIn,
  plainHeaders,
  wrapped,
} from "./marks.js";
import { type Claimed, ProvenBatches } from "./proven.js";
import { topicOf } from "./subjects.js";
import type { Troubles } from "./troubles.js";

/** A message as NATS hands it out, from a stream or not. */
export interface Arriving {
  readonly subject: string;
  readonly headers: Headers;
  readonly data: Uint8Array;
  /** Times that it was handed out, this one counted. */
  readonly deliveries: number;
  /** The overlay holds it, or wants nothing of it. */
  readonly done: () => void;
  /** It is to come again, after so many milliseconds. False: it does not, and is lost. */
  readonly again: (ms: number) => boolean;
  /** It can never come in. */
  readonly refuse: () => void;
  /** Too much is under way: a stream hands it out later. False: NATS core does not, and it is lost. */
  readonly overflow: () => boolean;
}

export interface ImporterOptions {
  readonly prefix: string;
  /** Of this network, as it stands in paths; and the NATS system that messages come from. */
  readonly network: string;
  readonly system: string;
  /** Whose members' signatures are believed: roots in DER. */
  readonly roots: readonly Uint8Array[];
  /** Resolves when others hold it. */
  readonly publish: (topic: string, data: Uint8Array) => Promise<unknown>;
  readonly troubles: Pick<Troubles, "tell" | "count">;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export interface ImporterFigures {
  readonly imported: number;
  /** Not taken: no topic, a false signature, too large. */
  readonly refused: number;
  /** Of NATS core: came when there was no room, or were not taken by the overlay in several tries. A stream keeps such. */
  readonly lost: number;
  /** Had been in this network before. */
  readonly loops: number;
  /** Of those that were imported. */
  readonly bytesIn: number;
}

/** Milliseconds until a message that the overlay did not take comes again. */
const AGAIN_MS = 2_000;
/** A batch that was not complete so often lacks messages for good: what there is of it is nobody's word but NATS's. */
const DELIVERIES_MAX = 4;
/** Messages and bytes under way into the overlay: streams stay below, NATS core has no other bound. */
const UNDER_WAY_MAX = 65_536;
const UNDER_WAY_BYTES_MAX = 64 * 1024 * 1024;
/** Subjects of which it is remembered what stands before their messages. */
const SUBJECTS_MAX = 1_024;
/** What another try cannot change. */
const FOR_EVER: readonly string[] = ["message-too-large", "topic-invalid"];

export class Importer {
  readonly #options: ImporterOptions;
  readonly #batches: ProvenBatches<Arriving>;
  #imported = 0;
  #refused = 0;
  #lost = 0;
  #loops = 0;
  #bytesIn = 0;
  /** Of messages without headers. */
  readonly #plain = new Map<string, { readonly topic: string; readonly head: Uint8Array }>();
  #underWay = 0;
  #bytes = 0;

  constructor(options: ImporterOptions) {
    this.#options = options;
    this.#batches = new ProvenBatches(options.roots, options.now);
  }

  figures(): ImporterFigures {
    const [imported, refused, lost] = [this.#imported, this.#refused, this.#lost];
    return { imported, refused, lost, loops: this.#loops, bytesIn: this.#bytesIn };
  }

  /** False, and told, when nothing more is taken: to be asked where a message that is not taken is gone, before it costs anything. */
  hasRoom(): boolean {
    if (this.#underWay < UNDER_WAY_MAX && this.#bytes < UNDER_WAY_BYTES_MAX) return true;
    this.#overflow(false);
    return false;
  }

  /** So many will not be tried again: the bridge ends. */
  giveUp(count: number): void {
    for (let each = 0; each < count; each++) this.#giveUp();
  }

  take(message: Arriving): void {
    const plain = message.headers === NO_HEADERS ? this.#plainOf(message.subject) : undefined;
    if (plain === undefined) this.#judge(message);
    else this.#bring(plain.topic, message, () => concatBytes(plain.head, message.data));
  }

  /** What is said of each message of a subject that nobody signed. Undefined when it is no topic. */
  #plainOf(subject: string): { readonly topic: string; readonly head: Uint8Array } | undefined {
    const known = this.#plain.get(subject);
    if (known !== undefined) return known;
    const { prefix, system } = this.#options;
    const topic = topicOf(prefix, subject);
    if (topic === undefined) return undefined;
    const made = { topic, head: headOf({ subject, headers: NO_HEADERS, path: [system], author: undefined }) };
    if (this.#plain.size >= SUBJECTS_MAX) this.#plain.clear();
    this.#plain.set(subject, made);
    return made;
  }

  #judge(message: Arriving): void {
    const { prefix, network, roots } = this.#options;
    const path = pathIn(message.headers);
    if (path.includes(network) || path.length >= PATH_MAX) {
      this.#loops += 1;
      message.done();
      return;
    }
    const topic = topicOf(prefix, message.subject);
    if (topic === undefined) {
      this.#refuse(message, new FirefliesError("topic-invalid", `The subject ${shown(message.subject)} is no topic.`));
      return;
    }
    const claim = roots.length === 0 || message.deliveries > DELIVERIES_MAX ? undefined : claimIn(message.headers);
    if (claim === undefined) this.#wrap(topic, message, undefined);
    else this.#check({ claim, topic, data: message.data, held: message });
  }

  #check(claimed: Claimed<Arriving>): void {
    const judged = this.#batches.add(claimed);
    if (judged.kind === "waits") return;
    for (const { held, topic, claim } of judged.messages) {
      if (judged.kind === "proven") this.#wrap(topic, held, { ...judged.author, sequence: claim.sequence });
      else if (judged.kind === "doubted") this.#again(held);
      else
        this.#refuse(held, new FirefliesError("proof-altered", `A message at ${shown(held.subject)}: ${judged.why}.`));
    }
  }

  #wrap(topic: string, message: Arriving, author: NatsAuthor | undefined): void {
    const { subject, headers, data } = message;
    this.#bring(topic, message, () => {
      const path = [...pathIn(headers), this.#options.system];
      return wrapped({ subject, headers: plainHeaders(headers), path, author }, data);
    });
  }

  /** Room is looked at before anything is made of it. */
  #bring(topic: string, message: Arriving, wrap: () => Uint8Array): void {
    const { length } = message.data;
    if (this.#underWay >= UNDER_WAY_MAX || this.#bytes + length > UNDER_WAY_BYTES_MAX) {
      this.#overflow(message.overflow());
      return;
    }
    this.#underWay += 1;
    this.#bytes += length;
    const over = () => {
      this.#underWay -= 1;
      this.#bytes -= length;
    };
    this.#options.publish(topic, wrap()).then(
      () => {
        over();
        this.#imported += 1;
        this.#bytesIn += length;
        message.done();
      },
      (cause: unknown) => {
        over();
        this.#failed(message, cause);
      },
    );
  }

  #failed(message: Arriving, cause: unknown): void {
    const error =
      cause instanceof FirefliesError ? cause : new FirefliesError("handler-failed", messageOf(cause), { cause });
    if (FOR_EVER.includes(error.code)) {
      this.#refuse(message, error);
      return;
    }
    this.#options.troubles.tell(error);
    this.#again(message);
  }

  #again(message: Arriving): void {
    if (!message.again(AGAIN_MS)) this.#giveUp();
  }

  #giveUp(): void {
    this.#lost += 1;
    this.#options.troubles.count("lost", lostTries);
  }

  #overflow(comesAgain: boolean): void {
    if (!comesAgain) this.#lost += 1;
    this.#options.troubles.count("overflow", overflowed);
  }

  #refuse(message: Arriving, error: FirefliesError): void {
    this.#refused += 1;
    message.refuse();
    this.#options.troubles.tell(error);
  }
}

const ADVICE = { advice: "A stream keeps them meanwhile: set jetStream." };

function lostTries(count: number): FirefliesError {
  return new FirefliesError(
    "messages-lost",
    `Messages of NATS core were given up after several tries: ${count}.`,
    ADVICE,
  );
}

function overflowed(count: number): FirefliesError {
  const what = `NATS sends faster than the overlay takes it (${count} without room).`;
  return new FirefliesError("overloaded", what, ADVICE);
}

function shown(subject: string): string {
  return JSON.stringify(subject.slice(0, 100));
}
