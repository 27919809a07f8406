/**
 * A few machines in one thread on a virtual clock: calls, pings and tries between them take a few milliseconds of
 * virtual time, and nothing waits in real time. A small one, for exact tests of the protocol.
 */
import {
  type CertificateFacts,
  encodePacket,
  LAN,
  Machine,
  type Output,
  type Settings,
  TRANSPORT_GRPC,
  TRANSPORT_PING,
  TrustedClock,
} from "../../../gossip/index.js";
import type { MemberId } from "../../../rings/index.js";
import { type CertificateOptions, FakeAuthority, fakeSignature, sha256 } from "./authority.js";
import { EventQueue } from "./event-queue.js";
import { seededRandom } from "./random.js";
import { accusationOf, accusationStatement } from "./statements.js";

export interface Seat {
  readonly name: string;
  readonly id: MemberId;
  readonly address: string;
  certificate: CertificateFacts;
  machine: Machine;
  /** Not running: neither sends, nor answers, nor ticks. */
  down: boolean;
  /** Standing still (SIGSTOP): what arrives waits. */
  paused: boolean;
  /** Accepts calls and never answers them. */
  mute: boolean;
  /** Added to the overlay's wall clock, milliseconds. */
  wallError: number;
  clock: TrustedClock;
  readonly outputs: Output[];
  readonly inbox: (() => void)[];
  /** Bodies this member has signed, by type: it must never sign anything else. */
  readonly signed: { readonly type: string; readonly body: Uint8Array }[];
  savedMark: bigint;
  /** Bytes of packets sent, calls and answers. */
  bytes: number;
  calls: number;
  wakeAt: number;
}

export interface OverlayOptions {
  readonly ringCount?: number;
  readonly settings?: Partial<Settings>;
  readonly seed?: number;
  readonly latencyMs?: number;
  /** Up to this much is added to each latency, so that messages overtake each other. */
  readonly jitterMs?: number;
}

export interface StartOptions {
  readonly keepState?: boolean;
  readonly metadata?: Uint8Array;
  /** False: its note has no address for pings. */
  readonly pingable?: boolean;
  readonly certificate?: CertificateOptions;
  readonly settings?: Partial<Settings>;
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
  /** May a packet pass from one to the other now? For partitions. */
  passes: (from: Seat, to: Seat, kind: "call" | "ping") => boolean = () => true;
  /** Share of ping and pong datagrams that get lost. */
  pingLoss = 0;
  /** Share of calls and answers that arrive twice. */
  duplicates = 0;
  /** Uniform in [0, 1): chance in the network, apart from the members' own. */
  readonly chance: () => number;
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #latencyMs: number;
  readonly #jitterMs: number;
  readonly #events = new EventQueue();
  readonly #byAddress = new Map<string, Seat>();

  constructor(options: OverlayOptions = {}) {
    this.settings = { ...LAN, ...options.settings };
    this.ringCount = options.ringCount ?? 9;
    this.#random = seededRandom(options.seed ?? 1);
    this.chance = seededRandom((options.seed ?? 1) + 1_000_003).number;
    this.#latencyMs = options.latencyMs ?? 2;
    this.#jitterMs = options.jitterMs ?? 0;
  }

  /** Starts a member that knows these others as contacts; a name used before starts again under the same id. */
  start(name: string, contacts: readonly string[] = [], options: StartOptions = {}): Seat {
    const before = this.seats.get(name);
    const certificate = before && !options.certificate ? before.certificate : this.#issue(name, options);
    const seat: Seat = before ?? this.#newSeat(name, certificate);
    seat.certificate = certificate;
    seat.clock = new TrustedClock(() => this.now + this.wallOffset + seat.wallError);
    seat.machine = this.#newMachine(seat, contacts, options);
    seat.down = false;
    seat.paused = false;
    seat.wakeAt = Number.POSITIVE_INFINITY;
    this.seats.set(name, seat);
    this.#byAddress.set(seat.address, seat);
    this.input(seat, () => seat.machine.start(this.now));
    return seat;
  }

  #issue(name: string, options: StartOptions): CertificateFacts {
    return this.authority.issue(name, options.certificate);
  }

  #newSeat(name: string, certificate: CertificateFacts): Seat {
    const machine = undefined as unknown as Machine;
    const clock = undefined as unknown as TrustedClock;
    const counters = { savedMark: 0n, bytes: 0, calls: 0, wakeAt: 0, wallError: 0 };
    const faults = { down: false, paused: false, mute: false };
    const kept = { outputs: [], inbox: [], signed: [] };
    const own = { name, id: certificate.id, address: `${name}:1`, certificate, machine, clock };
    return { ...own, ...counters, ...faults, ...kept };
  }

  #newMachine(seat: Seat, contacts: readonly string[], options: StartOptions): Machine {
    const { certificate, address } = seat;
    const ping = options.pingable === false ? [] : [{ transport: TRANSPORT_PING, text: address }];
    return new Machine({
      certificate,
      ringCount: this.ringCount,
      settings: { ...this.settings, ...options.settings },
      ports: {
        sha256,
        random: this.#random,
        sign: (type, body) => {
          seat.signed.push({ type, body });
          return fakeSignature(seat.certificate.hash, type, body);
        },
        clock: seat.clock,
      },
      savedMark: options.keepState ? seat.savedMark : 0n,
      agreementKey: sha256(certificate.leaf),
      addresses: [{ transport: TRANSPORT_GRPC, text: address }, ...ping],
      metadata: options.metadata ?? new Uint8Array(0),
      contacts: contacts.map((contact) => ({ id: undefined, addresses: [`${contact}:1`] })),
      known: options.keepState ? seat.machine.statements() : [],
    });
  }

  /** Starts members m0, m1 ... one after the other and runs until all views are whole. */
  grow(count: number): Seat[] {
    const seats = Array.from({ length: count }, (_, index) => this.start(`m${index}`, index === 0 ? [] : ["m0"]));
    this.runUntil(() => this.isWhole());
    return seats;
  }

  seat(name: string): Seat {
    const seat = this.seats.get(name);
    if (!seat) throw new Error(`no member ${name}`);
    return seat;
  }

  up(): Seat[] {
    return [...this.seats.values()].filter((seat) => !seat.down);
  }

  /** Does every running member (of these) hold exactly the running members (of these) as live? */
  isWhole(among: readonly Seat[] = this.up()): boolean {
    return among.every((seat) => {
      const { machine } = seat;
      if (machine.members().length !== among.length - 1) return false;
      return among.every((other) => other === seat || machine.member(other.id));
    });
  }

  /** Do all of them hold the same records? */
  isEqual(among: readonly Seat[] = this.up()): boolean {
    return new Set(among.map((seat) => Buffer.from(seat.machine.fingerprint()).toString("hex"))).size <= 1;
  }

  /** Who, of the correct, was ever told that this one failed. */
  losersOf(victim: Seat, among: readonly Seat[] = this.up()): string[] {
    return among
      .filter((seat) => this.told(seat, "failed").some((told) => told.member.id === victim.id))
      .map((seat) => seat.name);
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
    this.#arm(seat);
  }

  resume(seat: Seat): void {
    seat.paused = false;
    for (const waiting of seat.inbox.splice(0)) waiting();
    seat.wakeAt = Number.POSITIVE_INFINITY;
    this.#arm(seat);
  }

  at(delayMs: number, run: () => void): void {
    this.#events.push(this.now + delayMs, run);
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (let event = this.#events.pop(end); event; event = this.#events.pop(end)) {
      this.now = Math.max(this.now, event.at);
      event.run();
    }
    this.now = end;
  }

  /** Runs until it holds, looking every 10 ms of virtual time; returns how long that took. */
  runUntil(condition: () => boolean, maxMs = 60_000): number {
    const start = this.now;
    while (!condition()) {
      if (this.now - start > maxMs) throw new Error(`not within ${maxMs} ms of virtual time`);
      this.run(10);
    }
    return this.now - start;
  }

  /** Outputs of a kind that a member has emitted so far. */
  told<K extends Output["kind"]>(seat: Seat, kind: K): Extract<Output, { kind: K }>[] {
    return seat.outputs.filter((output): output is Extract<Output, { kind: K }> => output.kind === kind);
  }

  /** Hands statements to a member as a packet of another one, as a liar may at any time. Returns the answer. */
  tell(from: { readonly id: MemberId }, to: Seat, ...statements: readonly Uint8Array[]): Uint8Array {
    let answer = new Uint8Array(0);
    const packet = encodePacket(statements.map((bytes) => ({ kind: "statement", bytes })));
    this.input(to, () => {
      answer = Uint8Array.from(to.machine.request(from.id, packet, this.now));
    });
    return answer;
  }

  /** False accusations of the victim's present epoch, on one ring or several, told to everybody at once, first hand. */
  accuse(
    accuser: Seat,
    victim: Seat,
    rings: number | readonly number[],
    to: readonly Seat[] = this.up(),
    epoch = victim.machine.epoch,
  ): void {
    const statements = [rings].flat().map((ring) => {
      return accusationStatement(accusationOf(accuser.certificate, victim.id, ring, epoch));
    });
    for (const seat of to) if (seat !== accuser) this.tell(accuser, seat, ...statements);
  }

  #arm(seat: Seat): void {
    const deadline = seat.machine.deadline ?? Number.POSITIVE_INFINITY;
    if (deadline === seat.wakeAt || deadline === Number.POSITIVE_INFINITY) return;
    seat.wakeAt = deadline;
    const { machine } = seat;
    this.#events.push(Math.max(this.now, deadline), () => {
      if (seat.wakeAt !== deadline || seat.down || seat.paused || seat.machine !== machine) return;
      seat.wakeAt = Number.POSITIVE_INFINITY;
      this.input(seat, () => machine.tick(this.now));
    });
  }

  /** What comes back to a machine; one that was restarted meanwhile never hears of it. */
  #back(seat: Seat, machine: Machine, run: () => void): void {
    if (seat.machine === machine) this.input(seat, run);
  }

  #latency(): number {
    return this.#latencyMs + (this.#jitterMs > 0 ? this.chance() * this.#jitterMs : 0);
  }

  #isTwice(): boolean {
    return this.duplicates > 0 && this.chance() < this.duplicates;
  }

  #carryOut(seat: Seat, output: Output): void {
    const { machine } = seat;
    const isTold = !["probe", "summon", "send", "verify"].includes(output.kind);
    if (isTold) seat.outputs.push(output);
    if (output.kind === "save") seat.savedMark = output.mark;
    if (output.kind === "verify") {
      const verdicts = output.checks.map((check) => this.authority.check(check, seat.clock, this.now));
      this.at(0, () => this.#back(seat, machine, () => machine.verified(output.batch, verdicts, this.now)));
    }
    if (output.kind === "send") this.#call(seat, machine, output);
    if (output.kind === "probe") this.#ping(seat, machine, output);
    if (output.kind === "summon") this.#summon(seat, output);
    if (output.kind === "try") {
      const id = output.to.id as MemberId;
      const target = this.#reachable(seat, output.to.addresses, "call");
      const answers = target !== undefined && !target.paused && !target.mute && this.passes(target, seat, "call");
      this.at(answers ? 2 * this.#latency() : output.timeoutMs, () =>
        this.#back(seat, machine, () => machine.tried(id, answers ? "answered" : "silent", this.now)),
      );
    }
  }

  #reachable(from: Seat, addresses: readonly string[], kind: "call" | "ping"): Seat | undefined {
    for (const address of addresses) {
      const seat = this.#byAddress.get(address);
      if (seat && !seat.down && this.passes(from, seat, kind)) return seat;
    }
    return undefined;
  }

  #call(seat: Seat, machine: Machine, output: Extract<Output, { kind: "send" }>): void {
    seat.bytes += output.packet.length;
    seat.calls += 1;
    const target = this.#reachable(seat, output.to.addresses, "call");
    let over = false;
    const fail = () => {
      if (!over) this.#back(seat, machine, () => machine.failed(output.call, this.now));
      over = true;
    };
    if (!target) {
      this.at(this.#latency(), fail);
      return;
    }
    this.at(output.timeoutMs, fail);
    const receive = (packet: Uint8Array) => {
      if (!this.passes(target, seat, "call") || over) return;
      over = true;
      this.#back(seat, machine, () => machine.answered(output.call, target.id, packet, this.now));
      // An answer that comes twice is the driver's mistake, and must change nothing.
      if (this.#isTwice()) this.#back(seat, machine, () => machine.answered(output.call, target.id, packet, this.now));
    };
    const ask = () => {
      if (target.mute) return;
      const packet = target.machine.request(seat.id, output.packet, this.now);
      target.bytes += packet.length;
      this.at(this.#latency(), () => receive(packet));
    };
    this.at(this.#latency(), () => this.input(target, ask));
    if (this.#isTwice()) this.at(2 * this.#latency(), () => this.input(target, ask));
  }

  #summon(seat: Seat, { addresses, ring, epoch }: Extract<Output, { kind: "summon" }>): void {
    const target = this.#reachable(seat, addresses, "ping");
    if (!target || (this.pingLoss > 0 && this.chance() < this.pingLoss)) return;
    this.at(this.#latency(), () => this.input(target, () => target.machine.summoned(seat.id, ring, epoch, this.now)));
  }

  #ping(seat: Seat, machine: Machine, output: Extract<Output, { kind: "probe" }>): void {
    const lost = () => this.pingLoss > 0 && this.chance() < this.pingLoss;
    const target = this.#reachable(seat, output.addresses, "ping");
    if (!target || lost()) return;
    const fingerprint = machine.fingerprint();
    const pong = (root: Uint8Array) => {
      if (!this.passes(target, seat, "ping") || lost()) return;
      const arrive = () => this.#back(seat, machine, () => machine.pong(target.id, output.nonce, root, this.now));
      this.at(this.#latency(), arrive);
    };
    this.at(this.#latency(), () =>
      this.input(target, () => {
        target.machine.pinged(seat.id, fingerprint, this.now);
        pong(target.machine.fingerprint());
      }),
    );
  }
}
