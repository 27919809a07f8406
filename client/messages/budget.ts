/**
 * How many handlers run at once, over all links, and who is next: every peer has a bounded queue of its own, and whose
 * handlers are fewest comes first, so that a busy one only slows itself down (shares.ts).
 */
import type { MemberId } from "../../rings/index.js";
import { mayBegin, type Places } from "./shares.js";

export interface BudgetLimits {
  /** Handlers at once, whosever requests they are. */
  readonly concurrent: number;
  /** Handlers beyond those, for peers that have few or none running. By default as many again. */
  readonly reserved: number;
  /** Requests that wait, per peer. */
  readonly waitingPerPeer: number;
  /** Bytes of the requests that wait, per peer. One request alone may be larger. */
  readonly waitingBytesPerPeer: number;
  /** Requests that wait, over all peers; a few peers that fill it leave RESERVED_REQUESTS to any other. */
  readonly waiting: number;
  /** Bytes of the requests that wait, over all peers; a few peers that fill it leave RESERVED_BYTES to any other. */
  readonly waitingBytes: number;
}

/** Ifrit's default for max_concurrent_messages. */
export const CONCURRENT_MESSAGES = 50;
/** Application gossip comes from neighbours only and must not starve on messages. */
export const CONCURRENT_GOSSIP = 16;

/** Per peer twice what one of our own callers sends before it has answers (requester.ts): only others get "overloaded". */
const BUDGET_LIMITS = {
  concurrent: CONCURRENT_MESSAGES,
  waitingPerPeer: 2048,
  waitingBytesPerPeer: 16 * 1024 * 1024,
  /** Thirty-two peers with full queues; about 1 KB each beside their bytes. */
  waiting: 65_536,
  waitingBytes: 64 * 1024 * 1024,
} as const satisfies Omit<BudgetLimits, "reserved">;

/** What every peer may let wait, however much others do: requests, and their bytes. */
const RESERVED_REQUESTS = 16;
const RESERVED_BYTES = 32 * 1024;

export interface Job {
  /** Bytes it holds while it waits. */
  readonly bytes: number;
  /** Whether it may start now; when it becomes so again, call `Budget.resume`. */
  ready(): boolean;
  /** Starts it. Exactly one `Budget.release` must follow. */
  start(): void;
}

/** What one peer has of a budget, over all its links. Its owner only hands it back. */
export class Share {
  readonly peer: MemberId;
  /** Handlers that run. */
  running = 0;
  /** Links that it is open for. */
  links = 0;
  /** In the order of their arrival. */
  readonly jobs = new Set<Job>();
  /** Of the jobs that wait. */
  bytes = 0;

  constructor(peer: MemberId) {
    this.peer = peer;
  }
}

export class Budget {
  readonly #limits: BudgetLimits;
  readonly #places: Places;
  readonly #shares = new Map<MemberId, Share>();
  /** In order of turns: who was served goes to the back. */
  readonly #queue = new Set<Share>();
  #running = 0;
  #resuming = false;
  #stopped = false;
  #waiting = 0;
  #waitingBytes = 0;

  constructor(limits: Partial<BudgetLimits> = {}) {
    const reserved = limits.concurrent ?? BUDGET_LIMITS.concurrent;
    this.#limits = { ...BUDGET_LIMITS, reserved, ...limits };
    this.#places = { shared: this.#limits.concurrent, reserved: this.#limits.reserved };
  }

  get running(): number {
    return this.#running;
  }

  /** For a link of this peer. `close` must follow when the link has ended, and its jobs with it. */
  open(peer: MemberId): Share {
    const share = this.#shares.get(peer) ?? new Share(peer);
    share.links += 1;
    this.#shares.set(peer, share);
    return share;
  }

  close(share: Share): void {
    share.links -= 1;
    if (share.links === 0) this.#shares.delete(share.peer);
  }

  /** Starts the job now or later; false when too much waits already. */
  submit(share: Share, job: Job): boolean {
    if (share.jobs.size === 0 && this.#mayStart(share) && job.ready()) {
      this.#start(share, job);
      return true;
    }
    return this.#enqueue(share, job);
  }

  /** Takes a job that waits out of its queue; false when it does not wait. */
  withdraw(share: Share, job: Job): boolean {
    if (!share.jobs.has(job)) return false;
    this.#dequeue(share, job);
    return true;
  }

  /** A started job is done, or no longer counts. */
  release(share: Share): void {
    this.#running--;
    share.running--;
    this.resume();
  }

  /** Starts what can be started. */
  resume(): void {
    if (this.#resuming) return; // A job that ends at once comes back here: the loop below goes on, the stack does not grow.
    this.#resuming = true;
    for (let share = this.#next(); share !== undefined; share = this.#next()) this.#serve(share);
    this.#resuming = false;
  }

  /** Starts nothing more: what waits is for its owner to refuse. */
  stop(): void {
    this.#stopped = true;
  }

  #mayStart({ running }: Share): boolean {
    return !this.#stopped && mayBegin(this.#places, this.#running, running);
  }

  #start(share: Share, job: Job): void {
    this.#running++;
    share.running++;
    job.start();
  }

  #enqueue(share: Share, job: Job): boolean {
    if (!this.#fits(share, job)) return false;
    share.jobs.add(job);
    share.bytes += job.bytes;
    this.#waiting++;
    this.#waitingBytes += job.bytes;
    this.#queue.add(share);
    return true;
  }

  #fits({ jobs, bytes }: Share, job: Job): boolean {
    const { waitingPerPeer, waitingBytesPerPeer, waiting, waitingBytes } = this.#limits;
    if (jobs.size >= waitingPerPeer) return false;
    if (jobs.size > 0 && bytes + job.bytes > waitingBytesPerPeer) return false;
    if (jobs.size < RESERVED_REQUESTS && bytes + job.bytes <= RESERVED_BYTES) return true;
    return this.#waiting < waiting && this.#waitingBytes + job.bytes <= waitingBytes;
  }

  /** Of the peers whose first job may start, the one with the fewest that run; among equals the one in turn. */
  #next(): Share | undefined {
    let best: Share | undefined;
    for (const share of this.#queue) {
      if (best !== undefined && best.running <= share.running) continue;
      if (!this.#mayStart(share) || !isReady(share)) continue;
      best = share;
      if (share.running === 0) return best;
    }
    return best;
  }

  #serve(share: Share): void {
    const [job] = share.jobs;
    this.#dequeue(share, job!);
    if (this.#queue.delete(share)) this.#queue.add(share);
    this.#start(share, job!);
  }

  #dequeue(share: Share, job: Job): void {
    share.jobs.delete(job);
    share.bytes -= job.bytes;
    this.#waiting--;
    this.#waitingBytes -= job.bytes;
    if (share.jobs.size === 0) this.#queue.delete(share);
  }
}

/** While its link is congested all of a peer's jobs wait. */
function isReady({ jobs }: Share): boolean {
  const [job] = jobs;
  return job?.ready() === true;
}
