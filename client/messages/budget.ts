/**
 * How many handlers run at once, over all links, and who is next: every peer has a bounded queue of its own and the
 * peers take turns, so that a busy one only slows itself down.
 */
import type { MemberId } from "../../rings/index.js";

export interface BudgetLimits {
  /** Handlers at once. */
  readonly concurrent: number;
  /** Requests that wait, per peer. */
  readonly waitingPerPeer: number;
  /** Bytes of the requests that wait, per peer. One request alone may be larger. */
  readonly waitingBytesPerPeer: number;
  /** Bytes of the requests that wait, over all peers; a few peers that fill it leave RESERVED_BYTES to any other. */
  readonly waitingBytes: number;
}

/** Ifrit's default for max_concurrent_messages. */
export const CONCURRENT_MESSAGES = 50;
/** Application gossip comes from neighbours only and must not starve on messages. */
export const CONCURRENT_GOSSIP = 16;

/** Twice what one of our own callers sends before it has answers (requester.ts): only others are told "overloaded". */
const BUDGET_LIMITS = {
  concurrent: CONCURRENT_MESSAGES,
  waitingPerPeer: 2048,
  waitingBytesPerPeer: 16 * 1024 * 1024,
  waitingBytes: 64 * 1024 * 1024,
} as const satisfies BudgetLimits;

/** What every peer may let wait, in bytes, however much others do. */
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

export class Budget {
  readonly #limits: BudgetLimits;
  /** In order of turns: who was served goes to the back. Only peers with waiting jobs are here. */
  readonly #queues = new Map<MemberId, Queue>();
  #running = 0;
  #resuming = false;
  #waitingBytes = 0;

  constructor(limits: Partial<BudgetLimits> = {}) {
    this.#limits = { ...BUDGET_LIMITS, ...limits };
  }

  get running(): number {
    return this.#running;
  }

  /** Starts the job now or later; false when too much waits already. */
  submit(peer: MemberId, job: Job): boolean {
    if (this.#running < this.#limits.concurrent && !this.#queues.has(peer) && job.ready()) {
      this.#start(job);
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

  /** A started job is done, or no longer counts. */
  release(): void {
    this.#running--;
    this.resume();
  }

  /** Starts what can be started. */
  resume(): void {
    if (this.#resuming) return; // A job that ends at once comes back here: the loop below goes on, the stack does not grow.
    this.#resuming = true;
    while (this.#running < this.#limits.concurrent) {
      const job = this.#next();
      if (job === undefined) break;
      this.#start(job);
    }
    this.#resuming = false;
  }

  #start(job: Job): void {
    this.#running++;
    job.start();
  }

  #enqueue(peer: MemberId, job: Job): boolean {
    const queue = this.#queues.get(peer) ?? { jobs: new Set<Job>(), bytes: 0 };
    if (!this.#fits(queue, job)) return false;
    queue.jobs.add(job);
    queue.bytes += job.bytes;
    this.#waitingBytes += job.bytes;
    this.#queues.set(peer, queue);
    return true;
  }

  #fits({ jobs, bytes }: Queue, job: Job): boolean {
    const { waitingPerPeer, waitingBytesPerPeer, waitingBytes } = this.#limits;
    if (jobs.size >= waitingPerPeer) return false;
    if (jobs.size > 0 && bytes + job.bytes > waitingBytesPerPeer) return false;
    return this.#waitingBytes + job.bytes <= waitingBytes || bytes + job.bytes <= RESERVED_BYTES;
  }

  /** The first job of the first peer in turn whose job may start. */
  #next(): Job | undefined {
    for (const [peer, queue] of this.#queues) {
      for (const job of queue.jobs) {
        if (!job.ready()) break; // Its link is congested: the rest of this peer's jobs waits as well.
        this.#dequeue(peer, queue, job);
        this.#toTheBack(peer, queue);
        return job;
      }
    }
    return undefined;
  }

  #toTheBack(peer: MemberId, queue: Queue): void {
    if (queue.jobs.size === 0) return;
    this.#queues.delete(peer);
    this.#queues.set(peer, queue);
  }

  #dequeue(peer: MemberId, queue: Queue, job: Job): void {
    queue.jobs.delete(job);
    queue.bytes -= job.bytes;
    this.#waitingBytes -= job.bytes;
    if (queue.jobs.size === 0) this.#queues.delete(peer);
  }
}
