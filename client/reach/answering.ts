/**
 * What a member tells others about the way to them: from which address they come, and whether their addresses can be
 * dialled from here. A dial back goes to nobody but the member that asks, and costs it a budget: a member must not be
 * used to knock at a third party's door.
 */
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import {
  canonical,
  type Deadline,
  DialError,
  deadlineIn,
  formatAddress,
  formatHostPort,
  type HostPort,
  type Path,
  parseAddress,
} from "../../net/index.js";
import {
  type Bucket,
  type BucketRate,
  Buckets,
  fullBucket,
  type MemberId,
  refilled,
  spend,
} from "../../rings/index.js";
import { VERSION } from "../version.js";
import {
  type DialledBack,
  type DialOutcome,
  decodeDialBack,
  encodeDialledBack,
  encodeSeen,
  type Seen,
} from "./codec.js";
import { UDP_PREFIX } from "./observations.js";

/** Members whose datagrams' origin is remembered; the longest unheard go first. A member hears of its ring neighbours. */
const HEARD_MAX = 4_096;
/** Dials back for one member: all its addresses at once, and then one in this time, milliseconds. */
const PER_MEMBER: BucketRate = { burst: 32, refillMs: 10_000 };
/** Members whose budget is remembered. */
const MEMBERS_MAX = 4_096;
/** Dials back for all members together: what a hundred members that start at once ask of one of them. */
const IN_ALL: BucketRate = { burst: 256, refillMs: 250 };
/** Dials back under way at once: each holds a descriptor. */
const RUNNING_MAX = 32;
/** Milliseconds for one dial back: a handshake over three round trips of half a second. */
export const DIAL_BACK_MS = 2_000;

export interface AnsweringOptions {
  /** The addresses in the note of a member, candidates among them: those for datagrams as "udp://host:port". */
  readonly addressesOf: (id: MemberId) => readonly string[];
  /** Dials the address anew until the member has proven itself there. Rejects with a DialError. */
  readonly greet: (address: string, id: MemberId, until: Deadline) => Promise<void>;
  /** Pings the member at "host:port"; resolves to whether it has answered, undefined when nothing may be sent there. */
  readonly ping: (id: MemberId, address: string, until: Deadline) => Promise<boolean | undefined>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Unix milliseconds. */
  readonly wall: () => number;
}

export class Answering {
  readonly #options: AnsweringOptions;
  readonly #heard = new Map<MemberId, HostPort>();
  readonly #budgets = new Buckets<MemberId>(PER_MEMBER, MEMBERS_MAX);
  #budget: Bucket;
  #running = 0;

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#budget = fullBucket(IN_ALL, options.now());
  }

  /** An authentic datagram of the member came from there. */
  heard(id: MemberId, at: HostPort): void {
    this.#heard.delete(id);
    this.#heard.set(id, at);
    const [oldest] = this.#heard.keys();
    if (oldest !== undefined && this.#heard.size > HEARD_MAX) this.#heard.delete(oldest);
  }

  observe({ id }: MemberCertificate, path: Path): Uint8Array {
    const heard = this.#heard.get(id);
    const udp = heard && formatAddress(canonical({ scheme: "tcp", ...heard }));
    return encodeSeen({ time: this.#options.wall(), ...seenBy(path), udp, version: VERSION });
  }

  /** Rejects with "bad-frame". */
  async dialBack({ id }: MemberCertificate, body: Uint8Array, signal: AbortSignal, path: Path): Promise<Uint8Array> {
    const addresses = decodeDialBack(body);
    if (addresses === undefined) throw new FirefliesError("bad-frame");
    const named = this.#options.addressesOf(id);
    const dials = addresses.map((address) => this.#dial(id, address, isTheirs(address, named, path), signal));
    return encodeDialledBack(await Promise.all(dials));
  }

  async #dial(id: MemberId, address: string, isAllowed: boolean, signal: AbortSignal): Promise<DialledBack> {
    if (!isAllowed) return { outcome: "not-yours", ms: 0 };
    if (!this.#take(id)) return { outcome: "busy", ms: 0 };
    const { now } = this.#options;
    const startedAt = now();
    this.#running++;
    try {
      const outcome = await this.#outcome(id, address, { deadline: deadlineIn(DIAL_BACK_MS), signal });
      return { outcome, ms: now() - startedAt };
    } finally {
      this.#running--;
    }
  }

  #take(id: MemberId): boolean {
    const now = this.#options.now();
    this.#budget = refilled(this.#budget, IN_ALL, now);
    const left = spend(this.#budget, IN_ALL, now);
    if (this.#running >= RUNNING_MAX || left === undefined || this.#budgets.take(id, now) > 0) return false;
    this.#budget = left;
    return true;
  }

  async #outcome(id: MemberId, address: string, until: Deadline): Promise<DialOutcome> {
    const { greet, ping } = this.#options;
    try {
      if (address.startsWith(UDP_PREFIX)) {
        const isAnswered = await ping(id, address.slice(UDP_PREFIX.length), until);
        return isAnswered === undefined ? "forbidden" : isAnswered ? "reached" : "timeout";
      }
      await greet(address, id, until);
      return "reached";
    } catch (error) {
      return outcomeOf(error);
    }
  }
}

/** What a path says about the other end's addresses. */
function seenBy({ kind, direction, address }: Path): Pick<Seen, "way" | "address"> {
  const text = formatAddress(canonical(address));
  if (kind === "direct") return { way: "dialled", address: text };
  if (kind === "reversed" && direction === "accepted") return { way: "came", address: text };
  return { way: "other", address: undefined };
}

/**
 * May the member have this address dialled? When its note names it; or when it comes from there, and its note names the
 * port: an address that its note is to name next, which it has heard from those who see it come.
 */
export function isTheirs(text: string, named: readonly string[], path: Path): boolean {
  if (named.includes(text)) return true;
  const { way, address } = seenBy(path);
  const [asked, source] = [parseTarget(text), way === "came" && address ? parseAddress(address) : undefined];
  if (asked === undefined || source === undefined || asked.host !== source.host) return false;
  return named.map(parseTarget).some((each) => each?.port === asked.port && each.scheme === asked.scheme);
}

/** Of an address with "udp://" as well; its host written in the one way. */
function parseTarget(text: string) {
  const address = parseAddress(text);
  return address && canonical(address);
}

function outcomeOf(error: unknown): DialOutcome {
  if (!(error instanceof DialError)) return "failed";
  const { reason, cause } = error;
  if (reason === "handshake") {
    const isLost = cause instanceof FirefliesError && (cause.code === "timeout" || cause.code === "link-closed");
    return isLost ? "failed" : "somebody-else";
  }
  if (reason === "local") return error.message.includes("no transport") ? "no-transport" : "failed";
  return OUTCOMES_OF_DIALS.find((outcome) => outcome === reason) ?? "failed";
}

const OUTCOMES_OF_DIALS: readonly DialOutcome[] = ["refused", "timeout", "no-route", "unresolved", "forbidden"];

/** "udp://host:port". */
export function udpAddress({ host, port }: HostPort): string {
  return `${UDP_PREFIX}${formatHostPort(host, port)}`;
}
