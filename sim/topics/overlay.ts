/**
 * Topics over a simulation: every member that is up runs the machine of topics/ beside that of gossip/, over the same network
 * and clock. Made with a simulation of its own, so that those without topics run as they did.
 */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import { LAN, type PublishOptions, type Settings, type SubscribeOptions } from "../../topics/index.js";
import type { Seat, SimEvent, Watcher } from "../actor.js";
import { Chance } from "../chance.js";
import type { Member } from "../members/member.js";
import type { SimulationOptions } from "../options.js";
import { Simulation } from "../simulation.js";
import type { HandlerOptions } from "./hosts/handler.js";
import { Host, type Surroundings } from "./hosts/host.js";
import { Interests } from "./hosts/interests.js";
import type { Sample } from "./invariants/memory.js";
import { Liar } from "./liars/liar.js";
import { Mind, type Stage } from "./liars/mind.js";
import type { Program } from "./liars/program.js";
import type { History } from "./record/history.js";
import { Hops } from "./record/hops.js";
import { Recorder } from "./record/recorder.js";
import { Spent } from "./record/spent.js";

/** Streams of chance of the members' topics, apart from those of the simulation itself. */
const STREAM_TOPICS = 0x746f7069;

export interface TopicsOptions extends SimulationOptions {
  /** Intervals and sizes of every member's topics, beside those of the preset LAN. */
  readonly topics?: Partial<Settings>;
  /** What the Byzantine members do with topics. */
  readonly program?: Program;
  /** A member has come in, in this life: the moment for it to subscribe. */
  readonly onBegin?: (host: Host) => void;
}

export class TopicsOverlay {
  readonly simulation: Simulation;
  readonly recorder = new Recorder();
  readonly spent = new Spent();
  readonly #around: Surroundings;
  readonly #hosts = new Map<Seat, Host>();
  readonly #members = new Map<MemberId, Member>();
  readonly #interests: Interests;
  readonly #chance: Chance;
  readonly #program: Program | undefined;
  readonly #stage: Stage;
  readonly #onBegin: (host: Host) => void;
  /** What liars know whose program has them share it. */
  readonly #shared: Mind;

  constructor({ topics, program, onBegin = () => {}, watchers = [], ...options }: TopicsOptions) {
    this.#chance = new Chance(options.seed, STREAM_TOPICS);
    this.#program = program;
    this.#onBegin = onBegin;
    this.#interests = new Interests();
    this.#around = {
      settings: { ...LAN, ...topics },
      recorder: this.recorder,
      hops: new Hops(),
      spent: this.spent,
      hostOf: (id) => this.#hostOf(id),
      spread: (host, number, interests) => this.#interests.spread(host, number, interests),
    };
    const views: Watcher = {
      told: (seat, output) => this.#told(seat, output),
      happened: (event, now) => this.#happened(event, now),
    };
    this.simulation = new Simulation({ ...options, watchers: [...watchers, views] });
    const { simulation } = this;
    const interests = this.#interests;
    this.#stage = {
      ringCount: simulation.ringCount,
      members: simulation.members as readonly Member[],
      interests: () => interests.all(),
      get now() {
        return simulation.now;
      },
    };
    this.#shared = new Mind(this.#stage);
    for (const seat of simulation.members) {
      if (seat.state === "down") continue;
      this.#begin(seat as Member);
      // With a view that is whole from the beginning nobody has to come in.
      if (seat.machine.members().length > 0) this.#cameIn(seat);
    }
  }

  get settings(): Settings {
    return this.#around.settings;
  }

  host(seat: Seat): Host | undefined {
    return this.#hosts.get(seat);
  }

  /** A member publishes, if it is up and has come in. */
  publish(seat: Seat, topic: string, data: Uint8Array, options?: PublishOptions): void {
    const host = this.#hosts.get(seat);
    if (host?.isIn) host.publish(topic, data, options);
  }

  /** A member subscribes, if it is up and has come in; for this life. */
  subscribe(seat: Seat, pattern: string, handler?: HandlerOptions, options?: SubscribeOptions): void {
    const host = this.#hosts.get(seat);
    if (host?.isIn) host.subscribe(pattern, handler, options);
  }

  /** What correct members that are up hold now. */
  holdings(): Sample[] {
    const at = this.simulation.now;
    const hosts = [...this.#hosts.values()].filter(({ isUp, member }) => isUp && member.isCorrect);
    return hosts.map(({ member, machine }) => ({ member: member.name, at, holdings: machine.holdings }));
  }

  /** What happened so far. */
  history(): History {
    return this.recorder.history(this.simulation.now);
  }

  #hostOf(id: MemberId): Host | undefined {
    const member = this.#members.get(id);
    return member && this.#hosts.get(member);
  }

  #begin(member: Member): void {
    const host = new Host({ member, around: this.#around, chance: this.#chance.fork() });
    this.#members.set(member.id, member);
    this.#hosts.set(member, host);
    for (const { id } of member.machine.members()) this.#appeared(host, id);
    if (!member.isCorrect && this.#program) this.#corrupt(host, this.#program);
  }

  /** It is among the others: as the client, it lets its program publish and subscribe from now on. */
  #cameIn(seat: Seat): void {
    const host = this.#hosts.get(seat);
    if (!host || host.isIn) return;
    host.isIn = true;
    this.#onBegin(host);
  }

  /** From now on it does what the program says. */
  #corrupt(host: Host, program: Program): void {
    const mind = program.isShared ? this.#shared : new Mind(this.#stage);
    host.liar = new Liar({ host, program, mind, begunAt: this.simulation.now });
    const { interests = [], queue } = program;
    for (const pattern of interests) host.subscribe(pattern, {}, queue === undefined ? {} : { queue });
  }

  #appeared(host: Host, id: MemberId): void {
    host.input((now) => host.machine.appeared(id, now));
    this.#interests.appeared(host, id);
  }

  #told(seat: Seat, output: Output): void {
    const host = this.#hosts.get(seat);
    if (!host?.isUp) return;
    if (output.kind === "joined") this.#appeared(host, output.member.id);
    else if (output.kind === "ready") this.#cameIn(seat);
    else if (output.kind === "interest" || output.kind === "interest-spread") this.#interests.heard(host, output);
    else if (output.kind === "failed" || output.kind === "left") {
      const { id } = output.member;
      host.input((now) => host.machine.gone(id, now));
    }
  }

  #happened(event: SimEvent, now: number): void {
    if (!("seat" in event)) return;
    const host = this.#hosts.get(event.seat);
    if (event.kind === "joined" || event.kind === "restarted") {
      // While the simulation is made, nobody knows anybody yet: the members of its beginning follow when it is.
      if (this.simulation) this.#begin(event.seat as Member);
    } else if (event.kind === "crashed" || event.kind === "left") host?.ended(now);
    else if (event.kind === "resumed") host?.resumed();
  }
}
