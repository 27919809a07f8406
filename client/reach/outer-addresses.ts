/** Addresses outside of a NAT with the ports that I listen at: where others are asked to dial me, and what my note names of them. */
import { type Address, formatAddress, rangeOf } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { ipPortOf, type Observation, observedOf } from "./observations.js";

/** Hosts that are tried: of one or two uplinks; and addresses, for each listener. */
const HOSTS_MAX = 2;
const TARGETS_MAX = 2;
/** Two agree on a host before others are asked to dial it. */
const AGREEING_MIN = 2;
/** Rounds in a row without enough who vouch for it, until an address leaves the note. */
const MISSES_MAX = 2;

export interface Sights {
  readonly observations: readonly Observation[];
  /** What relays of mine see: each names a host to be tried, and vouches for none. */
  readonly relays: readonly { readonly id: MemberId; readonly observed: string }[];
  /** The addresses of this machine. */
  readonly hosts: ReadonlySet<string>;
  readonly listeners: readonly Address[];
  /** Members that there are to ask. */
  readonly others: number;
}

/** My ports at the hosts that others see me come from, and that are not this machine's. */
export function outerTargets({ observations, relays, hosts, listeners, others }: Sights): readonly string[] {
  const seen = observations.filter(({ tcp }) => tcp !== undefined);
  const seenByRelays = relays.flatMap(({ id, observed }) =>
    seen.some(({ by }) => by === id) ? [] : { by: id, tcp: ipPortOf(observed), udp: undefined },
  );
  const agreed = observedOf([...seen, ...seenByRelays]).filter(
    ({ transport, by, address }) => transport === "tcp" && by >= Math.min(AGREEING_MIN, others) && !hosts.has(address),
  );
  const outer = agreed.filter(({ address }) => rangeOf(address) === "ordinary").slice(0, HOSTS_MAX);
  const at = outer.flatMap(({ address: host }) => listeners.map((each) => formatAddress({ ...each, host })));
  return at.slice(0, TARGETS_MAX);
}

/** Those in my note. */
export class OuterAddresses {
  /** For how many rounds too few have vouched for it. */
  readonly #misses = new Map<string, number>();

  get all(): readonly string[] {
    return [...this.#misses.keys()];
  }

  has(address: string): boolean {
    return this.#misses.has(address);
  }

  clear(): void {
    this.#misses.clear();
  }

  /** A round is over: do enough vouch for this address? */
  judged(address: string, isVouchedFor: boolean): void {
    const misses = this.#misses.get(address);
    if (isVouchedFor) this.#misses.set(address, 0);
    else if (misses !== undefined && misses + 1 < MISSES_MAX) this.#misses.set(address, misses + 1);
    else this.#misses.delete(address);
  }
}
