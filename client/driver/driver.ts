/**
 * Runs the machine: gives it time, packets and verdicts, and carries out what it asks for, in order. The only place
 * where the protocol meets a clock, sockets and a disk.
 */
import type { Machine, Output, Recipient, TryOutcome } from "../../gossip/index.js";
import { FirefliesError } from "../../identity/index.js";
import {
  asFirefliesError,
  type Deadline,
  isProof,
  type Links,
  Paces,
  type Session,
  TIMER_MS_MAX,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { EXCHANGE, PROBE } from "../protocols.js";
import type { Isolation } from "../standing/isolation.js";
import { counted } from "../traffic/tally.js";
import type { Traffic } from "../traffic/traffic.js";
import { type Hedge, hedged, isOfSession } from "./hedged.js";
import { outcomeOf } from "./outcome.js";
import { type OutputHandlers, Switchboard } from "./switchboard.js";
import { Unproven } from "./unproven.js";
import type { Verifier } from "./verifier.js";

/** How long the first note waits for its epoch to be on disk, milliseconds; then it goes on in memory, with an alarm. */
const SAVE_TIMEOUT_MS = 5000;

/**
 * A try that ends so much after its time, milliseconds, ends in a process that did not run meanwhile: the answer may wait in
 * the socket, unread (protocol section 4). Its silence is this process's own. Of a short try less: an eighth of its time.
 */
const LATE_MS_MAX = 250;
const LATE_SHARE = 1 / 8;

/** Sends pings; their pongs come back through `Driver.input`. */
export interface PingSender {
  ping(to: MemberId, addresses: readonly string[], nonce: bigint): void;
  summon(to: MemberId, addresses: readonly string[], summons: { readonly ring: number; readonly epoch: bigint }): void;
}

export interface DriverOptions {
  readonly machine: Machine;
  readonly links: Pick<Links, "reach" | "get" | "blame">;
  readonly pings: PingSender;
  readonly verifier: Verifier;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Puts an epoch mark on stable storage. */
  readonly save: (mark: bigint) => Promise<void>;
  /** The mark that is on disk already. */
  readonly savedMark: bigint;
  /** Who hears the outputs that are not the driver's to carry out: changes of the view, alarms, the application's gossip. */
  readonly parts: readonly OutputHandlers[];
  /** Saving failed or hangs: the member goes on in memory. */
  readonly onSaveFailed: (error: FirefliesError) => void;
  /** Hears how calls of the protocol end. */
  readonly isolation?: Pick<Isolation, "refused" | "answered">;
  readonly traffic?: Pick<Traffic, "calls"> | undefined;
}

export class Driver {
  readonly #options: DriverOptions;
  readonly #queue: Output[] = [];
  readonly #paces = new Paces();
  readonly #table: Switchboard;
  readonly #unproven: Unproven;
  /** Checks under way, with those that follow from them. */
  readonly #checks = new Set<Promise<void>>();
  #savedMark: bigint;
  #timer: NodeJS.Timeout | undefined;
  /** A save that holds up what comes after it. */
  #saving: Promise<void> | undefined;
  #draining = false;
  #stopped = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#savedMark = options.savedMark;
    const { links, now } = options;
    this.#unproven = new Unproven({ now, isWayProven: (id) => links.get(id)?.isWayProven === true });
    this.#table = new Switchboard([this.#acts(), this.#unproven.told, ...options.parts]);
  }

  /** What the driver carries out; "save" holds up the queue, and is not in the table (see #drain). */
  #acts(): OutputHandlers {
    const { pings } = this.#options;
    return {
      send: (output) => void this.#send(output),
      try: (output) => void this.#try(output),
      probe: ({ to, addresses, nonce }) => pings.ping(to, addresses, nonce),
      summon: (output) => pings.summon(output.to, output.addresses, output),
      verify: (output) => this.#begin(this.#verify(output)),
    };
  }

  /** One input of the machine and all that follows from it. */
  input<T>(run: (machine: Machine, now: number) => T): T {
    const { machine, now } = this.#options;
    const result = run(machine, now());
    this.#queue.push(...machine.takeOutputs());
    void this.#drain();
    this.#schedule();
    return result;
  }

  /**
   * A partner's packet. Its answer may bear my note: it waits for that note's epoch like everything that is sent. It waits for the
   * checks of what came as well: who is answered may count on it that what it pushed is held here (rule R22).
   */
  async request(from: MemberId, packet: Uint8Array): Promise<Uint8Array> {
    const { result: answer, checked } = this.#checking(() =>
      this.input((machine, now) => machine.request(from, packet, now)),
    );
    while (this.#saving) await this.#saving;
    await checked;
    return answer;
  }

  /** The member has answered where its note says that it is. */
  proven(id: MemberId): void {
    this.#unproven.proven(id);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { deadline } = this.#options.machine;
    if (this.#stopped || deadline === undefined) return;
    const delay = Math.min(TIMER_MS_MAX, Math.max(0, deadline - this.#options.now()));
    // Timers fire before sockets are read. After a stall the pongs are still in the sockets: read them first.
    this.#timer = setTimeout(() => setImmediate(() => this.#tick()), Math.ceil(delay));
  }

  #tick(): void {
    if (!this.#stopped) this.input((machine, now) => machine.tick(now));
  }

  /** Outputs in their order. Only an epoch that is not covered by a saved mark holds up what comes after it. */
  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    for (let output = this.#queue.shift(); output && !this.#stopped; output = this.#queue.shift()) {
      if (output.kind !== "save") this.#table.dispatch(output);
      else if (this.#options.machine.epoch > this.#savedMark) await this.#saveFirst(output.mark);
      else void this.#save(output.mark);
    }
    this.#draining = false;
  }

  async #saveFirst(mark: bigint): Promise<void> {
    this.#saving = this.#save(mark);
    await this.#saving;
    this.#saving = undefined;
  }

  async #save(mark: bigint): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      const late = new FirefliesError(
        "state-write-failed",
        `The epoch mark was not on disk after ${SAVE_TIMEOUT_MS} ms.`,
      );
      timer = setTimeout(() => reject(late), SAVE_TIMEOUT_MS);
    });
    try {
      await Promise.race([this.#options.save(mark), timeout]);
      if (mark > this.#savedMark) this.#savedMark = mark;
    } catch (error) {
      this.#options.onSaveFailed(asFirefliesError(error, "state-write-failed"));
    } finally {
      clearTimeout(timer);
    }
  }

  async #send({ call, to, packet, timeoutMs }: Extract<Output, { kind: "send" }>): Promise<void> {
    const { now } = this.#options;
    // One deadline for dialling and the call together: a host that is slow in both gets no more time.
    const deadline = now() + timeoutMs;
    try {
      const { answer, by } = await this.#over(to, deadline, async (session, signal) => {
        return { answer: await this.#call(session, EXCHANGE, packet, { deadline, signal }), by: session.peer.id };
      });
      this.#options.isolation?.answered();
      this.#later((machine, now) => machine.answered(call, by, answer, now));
    } catch (error) {
      if (error instanceof FirefliesError && error.code === "peer-refused") this.#options.isolation?.refused();
      // Why it failed is the same to the protocol: the partner did not answer.
      this.#later((machine, now) => machine.failed(call, now));
    }
  }

  /** A call to a member over whatever leads to it (rule R21). */
  #over<T>(to: Recipient, deadline: number, call: Hedge<T>["call"]): Promise<T> {
    const { now, links } = this.#options;
    const reach = (signal: AbortSignal) => links.reach(to, { deadline, signal });
    return hedged({ now, deadline, reach, blame: (session) => links.blame(session), call });
  }

  async #call(session: Session, protocol: string, packet: Uint8Array, until: Deadline): Promise<Uint8Array> {
    const { now, traffic } = this.#options;
    const startedAt = now();
    const answer = await counted(traffic?.calls.asked.own(protocol), packet, () =>
      session.call(protocol, packet, until),
    );
    this.#paces.answered(session, now() - startedAt);
    if (isProof(session.path)) this.#unproven.proven(session.peer.id);
    return answer;
  }

  async #try({ to, timeoutMs }: Extract<Output, { kind: "try" }>): Promise<void> {
    const { id } = to;
    if (!id) return;
    const deadline = this.#options.now() + timeoutMs;
    const found = await this.#probe(to, deadline);
    const isLate = found === "silent" && this.#options.now() - deadline > Math.min(LATE_MS_MAX, LATE_SHARE * timeoutMs);
    const isNoEvidence = isLate || (found !== "answered" && this.#unproven.has(id));
    this.#later((machine, now) => machine.tried(id, isNoEvidence ? "unable" : found, now));
  }

  /**
   * Does it answer over its main transport? A session that is broken or silent is no evidence, whichever side made it. One
   * more is dialled then, in the time that is left.
   */
  async #probe(to: Recipient, deadline: number): Promise<TryOutcome> {
    const { links, now } = this.#options;
    let outcome: TryOutcome = "silent";
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await this.#over(to, deadline, (session, signal) => {
          const patience = this.#paces.patience(session, deadline - now());
          return this.#call(session, PROBE, new Uint8Array(0), { deadline: now() + patience, signal });
        });
        return "answered";
      } catch (error) {
        outcome = outcomeOf(error, links.get(to.id!));
        if (!isOfSession(error)) break;
      }
    }
    return outcome;
  }

  async #verify({ batch, checks }: Extract<Output, { kind: "verify" }>): Promise<void> {
    const verdicts = await this.#options.verifier.verify(checks);
    const { checked } = this.#checking(() => this.#later((machine, now) => machine.verified(batch, verdicts, now)));
    await checked;
  }

  #begin(check: Promise<void>): void {
    this.#checks.add(check);
    void check.finally(() => this.#checks.delete(check));
  }

  /** `checked` resolves when the checks are done that begin in this turn of `run`. */
  #checking<T>(run: () => T): { readonly result: T; readonly checked: Promise<unknown> } {
    const before = new Set(this.#checks);
    const result = run();
    return { result, checked: Promise.all([...this.#checks].filter((check) => !before.has(check))) };
  }

  #later(run: (machine: Machine, now: number) => void): void {
    if (!this.#stopped) this.input(run);
  }
}
