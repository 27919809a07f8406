/** What of topics a member keeps, by its configuration (`topic_retention`, `topic_memory`), which may change while it runs. */
import { KeepingRules, LAN, type Settings } from "../../topics/index.js";
import type { MemberConfig } from "../config/resolve.js";

export type KeepingConfig = Pick<MemberConfig, "topicRetention" | "topicMemoryBytes">;

export class TopicKeeping {
  readonly #rules = new KeepingRules();
  readonly #settings: { -readonly [K in keyof Settings]: Settings[K] } = { ...LAN };

  constructor(config: KeepingConfig) {
    this.use(config);
  }

  /** The machine reads it at each use. */
  get settings(): Settings {
    return this.#settings;
  }

  readonly of = (topic: string) => this.#rules.of(topic);

  use({ topicRetention, topicMemoryBytes }: KeepingConfig): void {
    this.#rules.use(topicRetention);
    this.#settings.retentionBytes = topicMemoryBytes;
  }
}
