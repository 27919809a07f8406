/**
 * Runs the services of one member: starts them, starts them again when they fail, with growing pauses, and changes what has
 * to change and nothing else. What fails is told and shown; the member goes on.
 */
import type { Client } from "../../client/client.js";
import { FirefliesError, messageOf } from "../../identity/index.js";
import { pauseMs, SETTLED_MS } from "./back-off.js";
import type { ControllerFigures, ControllerKind, ControllerReport, RunningController } from "./kind.js";
import { type Difference, differenceOf, type PlannedService } from "./plan.js";

/** How a service is. "waiting": it failed, and is tried again. */
export type ServiceStanding = "starting" | "running" | "waiting";

export interface ServiceState extends ControllerFigures {
  readonly id: string;
  readonly kind: string;
  readonly state: ServiceStanding;
  /** Where it listens, or leads to. */
  readonly at: string | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Unix milliseconds: since when it is so. */
  readonly since: number;
  /** Started again after a failure. */
  readonly restarts: number;
  /** Added while the agent runs, and no part of the configuration. */
  readonly held: boolean;
}

export interface RunnerOptions {
  readonly client: Client;
  readonly kindOf: (kind: string) => ControllerKind<unknown>;
  /** Told for the log. */
  readonly tell: (level: "info" | "warn", event: string, fields: object, text: string) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly later: (run: () => void, ms: number) => () => void;
}

/** Milliseconds for a service to end what is open; what takes longer is left to end by itself. */
const STOP_MS = 5_000;

export class ControllerRunner {
  readonly #options: RunnerOptions;
  readonly #services = new Map<string, Service>();
  /** Changes are made one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Those that are configured, not those that were added beside them. */
  get planned(): readonly PlannedService[] {
    return [...this.#services.values()].filter(({ isHeld }) => !isHeld).map(({ plan }) => plan);
  }

  states(): readonly ServiceState[] {
    return [...this.#services.values()].map((service) => service.state());
  }

  /** The configured services are these from now on. What did not change is not touched. */
  apply(wanted: readonly PlannedService[]): Promise<Difference> {
    return this.#next(async () => {
      const taken = wanted.find(({ id }) => this.#services.get(id)?.isHeld);
      if (taken !== undefined) throw inUse(taken.id);
      const difference = differenceOf(this.planned, wanted);
      await Promise.all(difference.stop.map((id) => this.#stop(id)));
      for (const plan of difference.start) this.#start(plan);
      return difference;
    });
  }

  /** One more, until it is removed. Throws "service-exists". */
  add(plan: PlannedService, isHeld = false): Promise<void> {
    return this.#next(async () => {
      if (this.#services.has(plan.id)) throw inUse(plan.id);
      const other = [...this.#services.values()].find((each) => each.plan.kind === plan.kind);
      if (other !== undefined && this.#options.kindOf(plan.kind).isSingle) throw single(plan.kind, other.plan.id);
      this.#start(plan, isHeld);
    });
  }

  /** Throws "service-unknown". */
  remove(id: string): Promise<void> {
    return this.#next(async () => {
      if (!this.#services.has(id)) throw unknownService(id, [...this.#services.keys()]);
      await this.#stop(id);
    });
  }

  /** Resolves once a service has been started, or has failed to for the first time, which is what it rejects with. */
  started(id: string): Promise<ServiceState> {
    const service = this.#services.get(id);
    if (service === undefined) return Promise.reject(unknownService(id, [...this.#services.keys()]));
    return service.started.then(() => service.state());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#next(async () => {
      await Promise.all([...this.#services.keys()].map((id) => this.#stop(id)));
    });
  }

  #next<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => {});
    return done;
  }

  #start(plan: PlannedService, isHeld = false): void {
    if (this.#isClosed) throw new FirefliesError("member-stopping", "The agent is stopping.");
    const kind = this.#options.kindOf(plan.kind);
    const service = new Service({ plan, isHeld, kind, options: this.#options });
    this.#services.set(plan.id, service);
    service.begin();
  }

  async #stop(id: string): Promise<void> {
    const service = this.#services.get(id);
    this.#services.delete(id);
    await service?.stop();
  }
}

interface ServiceParts {
  readonly plan: PlannedService;
  readonly isHeld: boolean;
  readonly kind: ControllerKind<unknown>;
  readonly options: RunnerOptions;
}

const NOTHING: ControllerFigures = { streams: 0, bytesIn: 0, bytesOut: 0 };

/** One service through its lives. */
class Service {
  readonly plan: PlannedService;
  readonly isHeld: boolean;
  readonly started: Promise<void>;
  readonly #kind: ControllerKind<unknown>;
  readonly #options: RunnerOptions;
  #settle!: (error?: unknown) => void;
  #running: RunningController | undefined;
  #standing: ServiceStanding = "starting";
  #since: number;
  #restarts = 0;
  #failures = 0;
  #lastError: ControllerFigures["lastError"];
  #cancel = () => {};
  #isOver = false;
  /** Reports of an earlier life count for nothing. */
  #life = 0;

  constructor({ plan, isHeld, kind, options }: ServiceParts) {
    this.plan = plan;
    this.isHeld = isHeld;
    this.#kind = kind;
    this.#options = options;
    this.#since = options.now();
    this.started = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.started.catch(() => {}); // Who asks is told; the log says it as well.
  }

  begin(): void {
    void this.#begin();
  }

  state(): ServiceState {
    const { id, kind, settings } = this.plan;
    const figures = this.#running?.figures() ?? NOTHING;
    return {
      ...{ id, kind, state: this.#standing, at: this.#running?.at, settings, since: this.#since },
      ...{ restarts: this.#restarts, held: this.isHeld },
      ...figures,
      lastError: latest(figures.lastError, this.#lastError),
    };
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#life += 1;
    this.#cancel();
    this.#settle(new FirefliesError("cancelled", `The service ${this.plan.id} was removed.`));
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) await this.#ended(running);
  }

  async #begin(): Promise<void> {
    const life = ++this.#life;
    const { client } = this.#options;
    this.#is("starting");
    let running: RunningController;
    try {
      running = await this.#kind.start(client, this.plan.parsed, this.#reportOf(life));
    } catch (error) {
      this.#failed(life, asError(error));
      return;
    }
    if (this.#isOver || life !== this.#life) return await this.#ended(running);
    this.#running = running;
    this.#is("running");
    this.#settle();
    const at = running.at === undefined ? "" : `: ${running.at}`;
    this.#tell("info", "service-running", { address: running.at }, `runs${at}`);
  }

  #reportOf(life: number): ControllerReport {
    return {
      event: (event, fields, text) => this.#tell("info", event, fields, text),
      failed: (error) => {
        const running = this.#running;
        if (life !== this.#life || this.#isOver) return;
        this.#running = undefined;
        if (running !== undefined) void this.#ended(running);
        this.#failed(life, error);
      },
    };
  }

  #failed(life: number, error: FirefliesError): void {
    if (this.#isOver || life !== this.#life) return;
    this.#life += 1;
    const { now, random, later } = this.#options;
    const ranMs = this.#standing === "running" ? now() - this.#since : 0;
    this.#failures = ranMs >= SETTLED_MS ? 1 : this.#failures + 1;
    this.#lastError = { code: error.code, message: error.message, at: now() };
    this.#is("waiting");
    this.#settle(error);
    const ms = pauseMs(this.#failures, random());
    const { code, message, advice } = error;
    this.#tell(
      "warn",
      "service-failed",
      { code, message, advice, againInMs: ms },
      `failed: ${message} ${advice} (${code})`,
    );
    this.#cancel = later(() => {
      this.#restarts += 1;
      void this.#begin();
    }, ms);
  }

  async #ended(running: RunningController): Promise<void> {
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.later(resolve, STOP_MS);
    });
    await Promise.race([running.stop().catch((error: unknown) => this.#unstopped(error)), late]);
    cancel();
  }

  #unstopped(error: unknown): void {
    this.#tell("warn", "service-failed", { message: messageOf(error) }, `did not stop in order: ${messageOf(error)}`);
  }

  #is(standing: ServiceStanding): void {
    this.#standing = standing;
    this.#since = this.#options.now();
  }

  #tell(level: "info" | "warn", event: string, fields: object, text: string): void {
    const { id, kind } = this.plan;
    this.#options.tell(level, event, { service: id, kind, ...fields }, `service ${id} (${kind}) ${text}`);
  }
}

function latest(a: ControllerFigures["lastError"], b: ControllerFigures["lastError"]): ControllerFigures["lastError"] {
  if (a === undefined || b === undefined) return a ?? b;
  return a.at >= b.at ? a : b;
}

function asError(error: unknown): FirefliesError {
  return error instanceof FirefliesError
    ? error
    : new FirefliesError("agent-failed", messageOf(error), { cause: error });
}

function single(kind: string, id: string): FirefliesError {
  return new FirefliesError("service-exists", `A member has one service of kind ${kind}, and ${id} is one.`);
}

function inUse(id: string): FirefliesError {
  return new FirefliesError("service-exists", `There is a service ${id} already.`);
}

export function unknownService(id: string, known: readonly string[]): FirefliesError {
  const listed = known.length === 0 ? "There are none." : `There are ${[...known].sort().join(", ")}.`;
  return new FirefliesError("service-unknown", `There is no service ${JSON.stringify(id)}.`, { advice: listed });
}
