/**
 * Who tried to use a service and was refused: told at once the first times, then seldom, so that a member that scans fills no
 * log. All attempts are counted.
 */
import { titleOf } from "../identity/index.js";
import { type BucketRate, Buckets, type MemberId } from "../rings/index.js";

/** One member's attempts that are told: five at once, then one in ten seconds, with how many there were between. */
const TOLD: BucketRate = { burst: 5, refillMs: 10_000 };
/** The same of all members together. */
const TOLD_OF_ALL: BucketRate = { burst: 50, refillMs: 1_000 };
/** Members whose attempts are told apart; a network has few that scan. */
const MEMBERS_MAX = 1_024;

export interface Refused {
  readonly event: "refused";
  /** Who tried, as its certificate proves. */
  readonly member: string;
  readonly name: string | undefined;
  /** What it tried: the name of a protocol, or of a service. */
  readonly protocol: string;
  readonly code: string;
  /** Its attempts since the last that was told. */
  readonly attempts: number;
  /** Unix time in milliseconds. */
  readonly at: number;
}

/** One line for a log. */
export function refusedText({ member, name, protocol, code, attempts }: Refused): string {
  const times = attempts === 1 ? "" : `, ${attempts} times`;
  const who = titleOf({ id: member as MemberId, name });
  const what = JSON.stringify(protocol);
  if (code === "handler-missing") return `${who} asked for ${what}, which nobody handles here${times}`;
  return `${who} may not use ${what}, and tried${times}`;
}

type Attempt = Pick<Refused, "member" | "name" | "protocol" | "code">;

const ofClients = new WeakMap<object, Refusals>();

/** Those of all services of one member: a scan goes from one to the next. */
export function refusalsOf(client: object): Refusals {
  const known = ofClients.get(client) ?? new Refusals(Date.now);
  ofClients.set(client, known);
  return known;
}

export class Refusals {
  readonly #now: () => number;
  readonly #each = new Buckets<string>(TOLD, MEMBERS_MAX);
  readonly #all = new Buckets<"all">(TOLD_OF_ALL, 1);
  readonly #untold = new Map<string, number>();

  /** `now`: unix time in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts an attempt, and tells it unless too many were told. */
  add({ member, name, protocol, code }: Attempt, tell: (refused: Refused) => void): void {
    const at = this.#now();
    const attempts = (this.#untold.get(member) ?? 0) + 1;
    this.#untold.delete(member); // Behind all others: what is forgotten is the oldest.
    if (this.#each.take(member, at) === 0 && this.#all.take("all", at) === 0) {
      tell({ event: "refused", member, name, protocol, code, attempts, at });
      return;
    }
    if (this.#untold.size >= MEMBERS_MAX) this.#untold.delete(this.#untold.keys().next().value as string);
    this.#untold.set(member, attempts);
  }
}
