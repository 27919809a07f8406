/**
 * From where relays of mine see my datagrams come. Neighbours may be behind NATs themselves, and then no datagram reaches them
 * that could show it; relays can be dialled.
 */
import type { MemberId } from "../../rings/index.js";

/** What a relay has said is asked again after so long, milliseconds: as often as predecessors are asked. */
const HOLDS_MS = 600_000;
/** And after this when it has heard no datagram: one may be lost, and a firewall opened. */
const AGAIN_MS = 5_000;
/** Two that hear nothing: datagrams do not get out. */
const DEAF_MIN = 2;

export interface SightsOptions {
  /** My relays, some at most. */
  readonly relays: () => readonly MemberId[];
  /** "IP:port" from which my newest datagram came; undefined when it does not answer. */
  readonly observe: (id: MemberId) => Promise<{ readonly udp: string | undefined } | undefined>;
  /** One has answered. */
  readonly onSeen: () => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Sight {
  readonly udp: string | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
}

export class Sights {
  readonly #options: SightsOptions;
  #sights = new Map<MemberId, Sight>();
  readonly #asking = new Set<MemberId>();

  constructor(options: SightsOptions) {
    this.#options = options;
  }

  /** "IP:port", for each relay that has heard me. */
  get udp(): readonly (readonly [MemberId, string])[] {
    return [...this.#sights].flatMap(([id, { udp }]) => (udp === undefined ? [] : [[id, udp] as const]));
  }

  /** Datagrams do not reach those that could hear them. */
  get isUdpBlocked(): boolean {
    const deaf = [...this.#sights.values()].filter(({ udp }) => udp === undefined).length;
    return deaf >= DEAF_MIN && deaf === this.#sights.size;
  }

  /** To be called about once a second: asks those that it is time for. */
  look(): void {
    const relays = this.#options.relays();
    for (const id of this.#sights.keys()) if (!relays.includes(id)) this.#sights.delete(id);
    for (const id of relays) if (this.#isDue(id)) void this.#ask(id);
  }

  /** My addresses have changed: what was seen is of the old ones. */
  moved(): void {
    this.#sights = new Map();
  }

  #isDue(id: MemberId): boolean {
    const sight = this.#sights.get(id);
    if (this.#asking.has(id)) return false;
    return sight === undefined || this.#options.now() - sight.at >= (sight.udp === undefined ? AGAIN_MS : HOLDS_MS);
  }

  async #ask(id: MemberId): Promise<void> {
    const { observe, now, onSeen } = this.#options;
    const sights = this.#sights;
    this.#asking.add(id);
    const seen = await observe(id);
    this.#asking.delete(id);
    if (seen === undefined || sights !== this.#sights) return;
    sights.set(id, { udp: seen.udp, at: now() });
    onSeen();
  }
}
