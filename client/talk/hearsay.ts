/** The application's gossip on its way to ring neighbours: one hand-over for each at a time, and few at once. */
import type { Recipient } from "../../gossip/index.js";
import { ReplyError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Tally } from "../traffic/tally.js";
import type { Messenger } from "./messenger.js";

/** Hand-overs under way at once: each holds the content, of up to 4 MiB, until it is on its way. */
const SENDS_MAX = 16;
const NOTHING = new Uint8Array(0);

/** What a neighbour answered to my gossip. */
export interface Response {
  /** Empty when it answered with an error. */
  readonly data: Uint8Array;
  /** What its handler threw for me. */
  readonly error: ReplyError | undefined;
  readonly from: MemberId;
  readonly proof: () => Uint8Array;
}

export interface HearsayOptions {
  readonly messenger: () => Pick<Messenger, "request">;
  /** A neighbour's reply. Never rejects. */
  readonly takeResponse: (response: Response) => Promise<void>;
  readonly timeoutMs: number;
  readonly tally?: Tally | undefined;
}

export class Hearsay {
  readonly #options: HearsayOptions;
  /** Neighbours that have my gossip, and have not answered. */
  readonly #under = new Set<MemberId>();

  constructor(options: HearsayOptions) {
    this.#options = options;
  }

  /** A neighbour that does not answer is skipped: the next round has another one. Never rejects. */
  async handOver(to: Recipient & { readonly id: MemberId }, content: Uint8Array): Promise<void> {
    const { messenger, takeResponse, timeoutMs, tally } = this.#options;
    if (this.#under.has(to.id) || this.#under.size >= SENDS_MAX) return;
    this.#under.add(to.id);
    let proof!: () => Uint8Array;
    try {
      const onAnswer = (prove: () => Uint8Array) => {
        proof = prove;
      };
      const data = await messenger().request("gossip", to, content, { timeoutMs, onAnswer, tally });
      if (data.length > 0) await takeResponse({ data, error: undefined, from: to.id, proof });
    } catch (error) {
      // Any other is the neighbour's failure, or the network's.
      if (error instanceof ReplyError) await takeResponse({ data: NOTHING, error, from: to.id, proof });
    } finally {
      this.#under.delete(to.id);
    }
  }
}
