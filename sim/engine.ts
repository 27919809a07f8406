/**
 * Runs the machines: the virtual clock, inputs in their order, and what the outputs ask for. The simulation's counterpart
 * of the driver in client/, with the network and the crypto of the simulation around it.
 */
import type { Output, Settings, StatementReader } from "../gossip/index.js";
import { type MemberId, relayPositions } from "../rings/index.js";
import { type Actor, type Identity, type Seat, type TrafficKind, TURN_MS } from "./actor.js";
import { Calendar, type Happening } from "./calendar.js";
import { sendGossip } from "./calls/applications.js";
import { Ping } from "./calls/pings.js";
import { attempt, callOf, exchange } from "./calls/requests.js";
import { Summons } from "./calls/summons.js";
import type { Dates, SimCrypto } from "./crypto/crypto.js";
import { sharedReader } from "./crypto/reader.js";
import { Verdicts } from "./crypto/verdicts.js";
import { DATES, WALL_START } from "./dates.js";
import { Checked, Later, Turn, Wake } from "./inputs.js";
import { ANY_LIFE } from "./members/input.js";
import type { Input, Member, World } from "./members/member.js";
import type { Network } from "./network/network.js";
import type { Observers } from "./observers.js";
import { Paths } from "./paths/paths.js";

/** Milliseconds that one signature check takes: ECDSA P-256 on one thread. */
const CHECK_MS = 0.07;
/** What waits in a stalled member's sockets; beyond it the kernel drops. Some 200 KiB of datagrams, and their calls. */
const INBOX_MAX = 1024;

export interface EngineParts {
  readonly ringCount: number;
  readonly settings: Settings;
  readonly crypto: SimCrypto;
  readonly observers: Observers;
}

export class Engine implements World {
  now = 0;
  /** Inputs so far. */
  inputs = 0;
  readonly members: Member[] = [];
  readonly ringCount: number;
  readonly settings: Settings;
  readonly crypto: SimCrypto;
  readonly observers: Observers;
  readonly calendar = new Calendar();
  readonly read: StatementReader;
  readonly verdicts: Verdicts;
  readonly byId = new Map<MemberId, Member>();
  readonly byAddress = new Map<string, Member>();
  readonly paths: Paths;
  network!: Network;
  /** A member holds nobody as live any more. */
  onAlone!: (member: Member) => void;
  #liars: Member[] = [];
  #recruits = 0;

  constructor({ ringCount, settings, crypto, observers }: EngineParts) {
    this.ringCount = ringCount;
    this.settings = settings;
    this.crypto = crypto;
    this.observers = observers;
    this.read = sharedReader(crypto.sha256);
    this.verdicts = new Verdicts(crypto);
    this.paths = new Paths(relayPositions(crypto.sha256));
  }

  get liars(): readonly Actor[] {
    return this.#liars;
  }

  /** Runs all that is due until `end`, and ends there. */
  run(end: number): void {
    const { calendar } = this;
    while (calendar.nextAt <= end) {
      // What was planned for the past, as a deadline that is over, happens now.
      if (calendar.nextAt > this.now) this.now = calendar.nextAt;
      calendar.take().happen();
    }
    this.now = end;
  }

  plan(delayMs: number, happening: Happening): void {
    this.calendar.add(this.now + delayMs, happening);
  }

  wall(member: Member): number {
    return WALL_START + this.now + member.wallError;
  }

  /** One input of a member and all that follows from it. One that stands still finds it when it goes on. */
  deliver(input: Input): void {
    const { member } = input;
    if (input.life !== ANY_LIFE && input.life !== member.life) return;
    if (member.state === "up") this.perform(member, input);
    else if (member.state === "stalled" && member.inbox.length < INBOX_MAX) member.inbox.push(input);
  }

  perform(member: Member, input: Input): void {
    this.inputs += 1;
    try {
      input.run(member, this.now);
      this.#carryOutAll(member);
    } catch (error) {
      this.fail(member, error);
      return;
    }
    this.arm(member);
    this.observers.afterInput(member, this.now);
  }

  /** An exception left the machine: the member ends there. */
  fail(member: Member, error: unknown): void {
    this.observers.threw(member, error, this.now);
    this.stop(member, "crashed");
  }

  stop(member: Member, kind: "crashed" | "left"): void {
    if (member.state === "down") return;
    member.state = "down";
    member.stoppedAt = this.now;
    member.inbox = [];
    this.observers.happened({ kind, seat: member }, this.now);
  }

  /** Gives a member behaviours, from now on. */
  corrupt(member: Member, behaviours: Member["behaviours"]): void {
    if (member.isCorrect) this.#liars.push(member);
    member.isCorrect = false;
    member.behaviours = behaviours;
    this.#liars.sort((a, b) => a.number - b.number);
    if (member.state !== "down") this.behave(member);
  }

  /** The behaviours' part in the beginning of a life. */
  behave(member: Member): void {
    for (const behaviour of member.behaviours) behaviour.start?.(member);
    if (member.behaviours.some((behaviour) => behaviour.turn)) this.plan(TURN_MS, new Turn(member, member.life));
  }

  /** Plans a look at the machine when it is due, unless an earlier one is planned, which then plans the next. */
  arm(member: Member): void {
    const { deadline } = member.machine;
    if (deadline === undefined || deadline >= member.wakeAt || member.state !== "up") return;
    member.wakeAt = deadline;
    this.calendar.add(deadline, new Wake(member, member.life));
  }

  count(from: Member, to: Member, kind: TrafficKind, bytes: number): void {
    from.traffic.count(kind, bytes);
    this.observers.sent(from, to, kind, bytes, this.now);
  }

  recruit(member: Member): Identity {
    return this.crypto.issue(`${member.name}-recruit-${this.#recruits++}`, DATES);
  }

  reissue(member: Member, dates: Dates = DATES): Identity {
    return this.crypto.issue(member.name, dates);
  }

  callOf(member: Member, to: Seat, packet: Uint8Array, onAnswer?: (packet: Uint8Array) => void): void {
    if (member.state !== "up") return;
    callOf(member, to as Member, packet, onAnswer);
  }

  pingOf(member: Member, to: Seat, fingerprint: Uint8Array): void {
    if (member.state === "up") Ping.send(member, to as Member, 0n, fingerprint);
  }

  summonBy(member: Member, to: Seat, ring: number, epoch: bigint): void {
    if (member.state === "up") Summons.send(member, to as Member, ring, epoch);
  }

  after(member: Member, ms: number, run: () => void): void {
    this.plan(ms, new Later(member, member.life, run));
  }

  #carryOutAll(member: Member): void {
    const outputs = member.machine.takeOutputs();
    if (member.isCorrect) {
      for (const output of outputs) this.carryOut(member, output);
      return;
    }
    for (const output of outputs) {
      for (const altered of member.altered(output) ?? [output]) this.carryOut(member, altered);
    }
  }

  carryOut(member: Member, output: Output): void {
    switch (output.kind) {
      case "send":
        exchange(member, output);
        return;
      case "probe":
        Ping.probe(member, output);
        return;
      case "summon":
        Summons.carryOut(member, output);
        return;
      case "try":
        attempt(member, output);
        return;
      case "verify":
        this.plan(CHECK_MS * output.checks.length, new Checked(member, member.life, output.batch, output.checks));
        return;
      case "save":
        member.savedMark = output.mark;
        break;
      case "gossip":
        sendGossip(member, output);
        break;
      case "isolated":
        if (output.reason === "nobody") this.onAlone(member);
        break;
      case "joined":
      case "failed":
      case "left":
        member.viewVersion += 1;
        break;
      case "noticed":
        // Not part of the digest: nothing follows from it.
        this.observers.noticed(member, output.notice, this.now);
        return;
      case "departed":
        this.observers.told(member, output, this.now);
        this.stop(member, "left");
        return;
      default:
    }
    this.observers.told(member, output, this.now);
  }
}
