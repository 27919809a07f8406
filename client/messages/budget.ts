/**
 * How many handlers run at once, over all links, and who is next: every peer has a bounded queue of its own, and whose
 * handlers are fewest comes first, so that a busy one only slows itself down (shares.ts).
 */
import type { MemberId } from "../../rings/index.js";
import { mayBegin, type Places } from "../shares.js";

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

interface Queue {
  readonly jobs: Set<Job>;
  bytes: number;
}

interface Candidate {
  readonly peer: MemberId;
  readonly job: Job;
  readonly running: number;
}

export class Budget {
  readonly #limits: BudgetLimits;
  readonly #places: Places;
  /** In order of turns: who was served goes to the back. Only peers with waiting jobs are here. */
  readonly #queues = new Map<MemberId, Queue>();
  /** Handlers that run, for each peer that has any. */
  readonly #runningOf = new Map<MemberId, number>();
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

  /** Starts the job now or later; false when too much waits already. */
  submit(peer: MemberId, job: Job): boolean {
    if (!this.#queues.has(peer) && this.#mayStart(peer) && job.ready()) {
      this.#start(peer, job);
      return true;
    }
    return this.#enqueue(peer, job);
  }

  /** Takes a job that waits out of its queue; false when it does not wait. */
  withdraw(peer: MemberId, job: Job): boolean {
    const queue = this.#queues.get(peer);
    if (queue === undefined || !queue.jobs.has(job)) return false;
    this.#dequeue(peer, queue, job);
    return true;
  }

  /** A started job of this peer is done, or no longer counts. */
  release(peer: MemberId): void {
    this.#running--;
    const left = this.#runningOf.get(peer)! - 1;
    if (left === 0) this.#runningOf.delete(peer);
    else this.#runningOf.set(peer, left);
    this.resume();
  }

  /** Starts what can be started. */
  resume(): void {
    if (this.#resuming) return; // A job that ends at once comes back here: the loop below goes on, the stack does not grow.
    this.#resuming = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#serve(next);
    this.#resuming = false;
  }

  /** Starts nothing more: what waits is for its owner to refuse. */
  stop(): void {
    this.#stopped = true;
  }

  #mayStart(peer: MemberId): boolean {
    return !this.#stopped && mayBegin(this.#places, { all: this.#running, mine: this.#runningOf.get(peer) ?? 0 });
  }

  #start(peer: MemberId, job: Job): void {
    this.#running++;
    this.#runningOf.set(peer, (this.#runningOf.get(peer) ?? 0) + 1);
    job.start();
  }

  #enqueue(peer: MemberId, job: Job): boolean {
    const queue = this.#queues.get(peer) ?? { jobs: new Set<Job>(), bytes: 0 };
    if (!this.#fits(queue, job)) return false;
    queue.jobs.add(job);
    queue.bytes += job.bytes;
    this.#waiting++;
    this.#waitingBytes += job.bytes;
    this.#queues.set(peer, queue);
    return true;
  }

  #fits({ jobs, bytes }: Queue, job: Job): boolean {
    const { waitingPerPeer, waitingBytesPerPeer, waiting, waitingBytes } = this.#limits;
    if (jobs.size >= waitingPerPeer) return false;
    if (jobs.size > 0 && bytes + job.bytes > waitingBytesPerPeer) return false;
    if (jobs.size < RESERVED_REQUESTS && bytes + job.bytes <= RESERVED_BYTES) return true;
    return this.#waiting < waiting && this.#waitingBytes + job.bytes <= waitingBytes;
  }

  /** Of the peers whose first job may start, the one with the fewest that run; among equals the one in turn. */
  #next(): Candidate | undefined {
    let best: Candidate | undefined;
    if (this.#stopped || this.#running >= this.#places.shared + this.#places.reserved) return best;
    for (const [peer, { jobs }] of this.#queues) {
      const running = this.#runningOf.get(peer) ?? 0;
      if (best !== undefined && best.running <= running) continue;
      if (!mayBegin(this.#places, { all: this.#running, mine: running })) continue;
      const [job] = jobs;
      if (job === undefined || !job.ready()) continue; // Its link is congested: all of this peer's jobs wait.
      best = { peer, job, running };
      if (running === 0) return best;
    }
    return best;
  }

  #serve({ peer, job }: Candidate): void {
    const queue = this.#queues.get(peer)!;
    this.#dequeue(peer, queue, job);
    if (queue.jobs.size > 0) {
      this.#queues.delete(peer);
      this.#queues.set(peer, queue);
    }
    this.#start(peer, job);
  }

  #dequeue(peer: MemberId, queue: Queue, job: Job): void {
    queue.jobs.delete(job);
    queue.bytes -= job.bytes;
    this.#waiting--;
    this.#waitingBytes -= job.bytes;
    if (queue.jobs.size === 0) this.#queues.delete(peer);
  }
}
