/** What each ring predecessor has said of me: from where it sees me come, and how its dials of my addresses ended. */
import type { MemberId } from "../../rings/index.js";
import { type AddressReport, isEvidence } from "./advice.js";
import type { DialledBack, Seen } from "./codec.js";
import { ipPortOf, type Observation } from "./observations.js";
import type { Witness } from "./verdict.js";

interface Word {
  readonly observation: Observation;
  /** Where my session with it came from, if I had made it. */
  readonly cameFrom: string | undefined;
  /** Monotonic milliseconds, here and below. */
  readonly observedAt: number;
  readonly dials: ReadonlyMap<string, DialledBack>;
  /** Undefined when it has made no dials, or they are too old to count. */
  readonly dialledAt: number | undefined;
}

export class Words {
  readonly #byId = new Map<MemberId, Word>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  clear(): void {
    this.#byId.clear();
  }

  /** Forgets who is no predecessor any more, and dials that are older than `dialsHoldMs`. */
  keep(ids: readonly MemberId[], dialsHoldMs: number): void {
    for (const [id, word] of this.#byId) {
      const { dialledAt = Number.NEGATIVE_INFINITY } = word;
      if (!ids.includes(id)) this.#byId.delete(id);
      else if (this.#now() - dialledAt >= dialsHoldMs) this.#byId.set(id, { ...word, dialledAt: undefined });
    }
  }

  saw(id: MemberId, seen: Seen): void {
    // A member that dialled me sees only the address that it dialled.
    const cameFrom = seen.way === "came" ? ipPortOf(seen.address) : undefined;
    const observation = { by: id, tcp: seen.address, udp: ipPortOf(seen.udp) };
    const { dials, dialledAt } = this.#of(id);
    this.#byId.set(id, { observation, cameFrom, observedAt: this.#now(), dials, dialledAt });
  }

  /** `results` in the order of the addresses. */
  dialled(id: MemberId, addresses: readonly string[], results: readonly DialledBack[]): void {
    const dials = new Map(addresses.map((address, index) => [address, results[index]!]));
    this.#byId.set(id, { ...this.#of(id), dials, dialledAt: this.#now() });
  }

  observation(id: MemberId): Observation | undefined {
    return this.#byId.get(id)?.observation;
  }

  get observations(): readonly Observation[] {
    return [...this.#byId.values()].map(({ observation }) => observation);
  }

  /** Has the member said, in the last `withinMs` milliseconds, from where it sees me come? */
  hasSeen(id: MemberId, withinMs: number): boolean {
    const word = this.#byId.get(id);
    return word !== undefined && this.#now() - word.observedAt < withinMs;
  }

  /** Has the member tried all of these addresses? A busy member has not, nor has a member that does not know yet that one is mine. */
  hasDialled(id: MemberId, addresses: readonly string[]): boolean {
    const word = this.#byId.get(id);
    const hasSaid = (address: string) => isEvidence(word?.dials.get(address)?.outcome ?? "failed");
    return word?.dialledAt !== undefined && addresses.every(hasSaid);
  }

  /** Does this member reach me, at any address of those or at one? */
  says(id: MemberId, addresses: readonly string[]): Witness["says"] {
    const word = this.#byId.get(id);
    if (word?.dialledAt === undefined) return undefined;
    const outcomes = addresses.flatMap((address) => word.dials.get(address)?.outcome ?? []);
    if (outcomes.includes("reached")) return "yes";
    return outcomes.length > 0 && outcomes.some(isEvidence) ? "no" : undefined;
  }

  /** "IP:port" from which my sessions come, for each member that has said it. */
  get seen(): readonly (readonly [MemberId, string])[] {
    return [...this.#byId].flatMap(([id, { cameFrom }]) => (cameFrom === undefined ? [] : [[id, cameFrom] as const]));
  }

  /** "IP:port" from which my datagrams come, likewise. */
  get seenUdp(): readonly (readonly [MemberId, string])[] {
    return [...this.#byId].flatMap(([id, { observation }]) =>
      observation.udp === undefined ? [] : [[id, observation.udp] as const],
    );
  }

  /** How the dials of these addresses ended. */
  reports(addresses: readonly string[]): readonly AddressReport[] {
    return addresses.map((address) => ({
      address,
      results: [...this.#byId].flatMap(([by, { dials }]) => {
        const dialled = dials.get(address);
        return dialled === undefined ? [] : [{ by, ...dialled }];
      }),
    }));
  }

  #of(id: MemberId): Word {
    const observation = { by: id, tcp: undefined, udp: undefined };
    const unheard = { observation, cameFrom: undefined, observedAt: Number.NEGATIVE_INFINITY };
    return this.#byId.get(id) ?? { ...unheard, dials: new Map(), dialledAt: undefined };
  }
}
