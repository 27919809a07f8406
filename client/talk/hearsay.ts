/** The application's gossip on its way to ring neighbours: one hand-over for each at a time, and few at once. */
import type { Recipient } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Messenger } from "./messenger.js";

/** Hand-overs under way at once: each holds the content, of up to 4 MiB, until it is on its way. */
const SENDS_MAX = 16;

export interface HearsayOptions {
  readonly messenger: () => Pick<Messenger, "request">;
  /** A neighbour's reply. Never rejects. */
  readonly takeResponse: (data: Uint8Array, from: MemberId, proof: () => Uint8Array) => Promise<void>;
  readonly timeoutMs: number;
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
    const { messenger, takeResponse, timeoutMs } = this.#options;
    if (this.#under.has(to.id) || this.#under.size >= SENDS_MAX) return;
    this.#under.add(to.id);
    try {
      let proof!: () => Uint8Array;
      const onAnswer = (prove: () => Uint8Array) => {
        proof = prove;
      };
      const data = await messenger().request("gossip", to, content, { timeoutMs, onAnswer });
      if (data.length > 0) await takeResponse(data, to.id, proof);
    } catch {
      // The neighbour's failure, or the network's.
    } finally {
      this.#under.delete(to.id);
    }
  }
}
