/**
 * A few machines in one thread on a virtual clock: calls, pings and tries between them take a few milliseconds of
 * virtual time, and nothing waits in real time. A small one, for exact tests of the protocol.
 */
import {
  addressesOf,
  LAN,
  Machine,
  type Output,
  type Settings,
  TRANSPORT_GRPC,
  TRANSPORT_PING,
} from "../../../gossip/index.js";
import type { MemberId } from "../../../rings/index.js";
import { FakeAuthority, fakeSignature, sha256 } from "./authority.js";
import { seededRandom } from "./random.js";

export interface Seat {
  readonly name: string;
  readonly id: MemberId;
  readonly address: string;
  machine: Machine;
  /** Not running: neither sends, nor answers, nor ticks. */
  down: boolean;
  /** Standing still (SIGSTOP): what arrives waits. */
  paused: boolean;
  readonly outputs: Output[];
  readonly inbox: (() => void)[];
  savedMark: bigint;
  bytes: number;
}

export interface OverlayOptions {
  readonly ringCount?: number;
  readonly settings?: Partial<Settings>;
  readonly seed?: number;
  readonly latencyMs?: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class Overlay {
  readonly authority = new FakeAuthority();
  readonly seats = new Map<string, Seat>();
  readonly settings: Settings;
  readonly ringCount: number;
  /** Virtual monotonic time, milliseconds. */
  now = 1000;
  /** Virtual unix time is this much ahead. */
  wallOffset = 1_000_000_000;
  /** May a packet pass from one to the other now? For partitions and loss. */
  passes: (from: Seat, to: Seat, kind: "call" | "ping") => boolean = () => true;
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #latencyMs: number;
  readonly #events: Event[] = [];
  #order = 0;

  constructor(options: OverlayOptions = {}) {
    this.settings = { ...LAN, ...options.settings };
    this.ringCount = options.ringCount ?? 9;
    this.#random = seededRandom(options.seed ?? 1);
    this.#latencyMs = options.latencyMs ?? 2;
  }

  /** Starts a member that knows these others as contacts; a name used before starts again under the same id. */
  start(
    name: string,
    contacts: readonly string[] = [],
    options: { keepState?: boolean; addresses?: string[] } = {},
  ): Seat {
    const certificate = this.authority.issue(name);
    const before = this.seats.get(name);
    const address = before?.address ?? `${name}:1`;
    const machine = new Machine({
      certificate,
      ringCount: this.ringCount,
      settings: this.settings,
      ports: {
        sha256,
        random: this.#random,
        sign: (type, body) => fakeSignature(certificate.hash, type, body),
        wallClock: () => this.now + this.wallOffset,
      },
      savedMark: options.keepState ? (before?.savedMark ?? 0n) : 0n,
      agreementKey: sha256(certificate.leaf),
      addresses: [
        { transport: TRANSPORT_GRPC, text: address },
        { transport: TRANSPORT_PING, text: address },
      ],
      metadata: new Uint8Array(0),
      contacts: contacts.map((contact) => ({ id: undefined, addresses: [`${contact}:1`] })),
      known: options.keepState ? (before?.machine.statements() ?? []) : [],
    });
    const seat: Seat = before ?? {
      name,
      id: certificate.id,
      address,
      machine,
      down: false,
      paused: false,
      outputs: [],
      inbox: [],
      savedMark: 0n,
      bytes: 0,
    };
    seat.machine = machine;
    seat.down = false;
    this.seats.set(name, seat);
    this.input(seat, () => machine.start(this.now));
    return seat;
  }

  /** Starts members a, b, c ... one after the other and runs until all views are whole. */
  grow(count: number): Seat[] {
    const seats = Array.from({ length: count }, (_, index) => this.start(`m${index}`, index === 0 ? [] : ["m0"]));
    this.runUntil(() => this.isWhole());
    return seats;
  }

  up(): Seat[] {
    return [...this.seats.values()].filter((seat) => !seat.down);
  }

  /** Does every running member hold exactly the running members as live? */
  isWhole(): boolean {
    const up = this.up();
    return up.every((seat) => {
      const seen = seat.machine.members();
      return seen.length === up.length - 1 && up.every((other) => other === seat || seat.machine.member(other.id));
    });
  }

  /** Runs one input of a member and carries out what it asks for. */
  input(seat: Seat, run: () => void): void {
    if (seat.down) return;
    if (seat.paused) {
      seat.inbox.push(() => this.input(seat, run));
      return;
    }
    run();
    for (const output of seat.machine.takeOutputs()) this.#carryOut(seat, output);
  }

  resume(seat: Seat): void {
    seat.paused = false;
    for (const waiting of seat.inbox.splice(0)) waiting();
  }

  at(delayMs: number, run: () => void): void {
    this.#events.push({ at: this.now + delayMs, order: this.#order++, run });
  }

  run(ms: number): void {
    const end = this.now + ms;
    while (this.#step(end));
    this.now = end;
  }

  runUntil(condition: () => boolean, maxMs = 60_000): number {
    const start = this.now;
    while (!condition()) {
      if (this.now - start > maxMs) throw new Error(`not within ${maxMs} ms of virtual time`);
      if (!this.#step(start + maxMs + 1)) throw new Error("nothing left to happen");
    }
    return this.now - start;
  }

  /** Outputs of a kind that a member has emitted so far. */
  told<K extends Output["kind"]>(seat: Seat, kind: K): Extract<Output, { kind: K }>[] {
    return seat.outputs.filter((output): output is Extract<Output, { kind: K }> => output.kind === kind);
  }

  #step(end: number): boolean {
    const due = this.up().filter((seat) => !seat.paused && (seat.machine.deadline ?? Infinity) < Infinity);
    const tick = due.sort((a, b) => (a.machine.deadline ?? 0) - (b.machine.deadline ?? 0))[0];
    const event = this.#nextEvent();
    const tickAt = Math.max(this.now, tick?.machine.deadline ?? Infinity);
    const eventAt = event?.at ?? Infinity;
    if (Math.min(tickAt, eventAt) > end) return false;
    this.now = Math.max(this.now, Math.min(tickAt, eventAt));
    if (event && eventAt <= tickAt) {
      this.#events.splice(this.#events.indexOf(event), 1);
      event.run();
    } else if (tick) this.input(tick, () => tick.machine.tick(this.now));
    return true;
  }

  #nextEvent(): Event | undefined {
    let next: Event | undefined;
    for (const event of this.#events) {
      if (!next || event.at < next.at || (event.at === next.at && event.order < next.order)) next = event;
    }
    return next;
  }

  #carryOut(seat: Seat, output: Output): void {
    const { machine } = seat;
    seat.outputs.push(output);
    if (output.kind === "save") seat.savedMark = output.mark;
    if (output.kind === "verify") {
      const verdicts = output.checks.map((check) => this.authority.check(check));
      this.at(0, () => this.input(seat, () => machine.verified(output.batch, verdicts, this.now)));
    }
    if (output.kind === "send") this.#call(seat, machine, output);
    if (output.kind === "probe") this.#ping(seat, machine, output);
    if (output.kind === "try") {
      const target = this.#reachable(seat, output.to.addresses, "call");
      this.at(target ? this.#latencyMs : output.timeoutMs, () =>
        this.input(seat, () =>
          machine.tried(output.to.id as MemberId, target !== undefined && !target.paused, this.now),
        ),
      );
    }
  }

  #reachable(from: Seat, addresses: readonly string[], kind: "call" | "ping"): Seat | undefined {
    const seat = [...this.seats.values()].find((other) => addresses.includes(other.address));
    return seat && !seat.down && this.passes(from, seat, kind) ? seat : undefined;
  }

  #call(seat: Seat, machine: Machine, output: Extract<Output, { kind: "send" }>): void {
    seat.bytes += output.packet.length;
    const target = this.#reachable(seat, output.to.addresses, "call");
    let over = false;
    const fail = () => this.input(seat, () => machine.failed(output.call, this.now));
    if (!target) {
      this.at(this.#latencyMs, fail);
      return;
    }
    this.at(output.timeoutMs, () => {
      if (!over) fail();
      over = true;
    });
    const answer = (packet: Uint8Array) => {
      target.bytes += packet.length;
      this.at(this.#latencyMs, () => {
        if (over || !this.passes(target, seat, "call")) return;
        over = true;
        this.input(seat, () => machine.answered(output.call, target.id, packet, this.now));
      });
    };
    const ask = () => answer(target.machine.request(seat.id, output.packet, this.now));
    this.at(this.#latencyMs, () => this.input(target, ask));
  }

  #ping(seat: Seat, machine: Machine, output: Extract<Output, { kind: "probe" }>): void {
    const target = this.#reachable(seat, output.addresses, "ping");
    if (!target) return;
    const fingerprint = machine.fingerprint();
    const pong = (root: Uint8Array) => {
      if (!this.passes(target, seat, "ping")) return;
      this.at(this.#latencyMs, () => this.input(seat, () => machine.pong(target.id, output.nonce, root, this.now)));
    };
    this.at(this.#latencyMs, () =>
      this.input(target, () => {
        target.machine.pinged(seat.id, fingerprint, this.now);
        pong(target.machine.fingerprint());
      }),
    );
  }
}

export function grpcAddress(machine: Machine, id: MemberId): string | undefined {
  const member = machine.member(id);
  return member && addressesOf(member, TRANSPORT_GRPC)[0];
}
