/**
 * What the simulator's parts know of a member: watchers see it (invariants, reports), behaviours stand between its
 * machine and the network (adversaries). Both see the production machine, and neither changes its code.
 */
import type { CertificateFacts, Machine, Notice, Output, Settings, SignedType } from "../gossip/index.js";
import type { MemberId } from "../rings/index.js";
import type { Chance } from "./chance.js";
import type { Dates } from "./crypto/crypto.js";

/** One member of a simulation. Its number is its place in `Simulation.members`, from 0 on. */
export interface Seat {
  readonly number: number;
  /** "m0", "m1" ... */
  readonly name: string;
  readonly id: MemberId;
  readonly certificate: CertificateFacts;
  /** The machine of its present life. */
  readonly machine: Machine;
  /** False for a member that behaviours were given to: no claim is made about what it does or sees. */
  readonly isCorrect: boolean;
  /** "up", "down" (crashed, or left), "stalled" (its loop stands still, and what arrives waits). */
  readonly state: "up" | "down" | "stalled";
  /** When this life began, virtual milliseconds. */
  readonly startedAt: number;
  /** Since when it has been down or stalled; the end of the last such time is `backAt`. Virtual milliseconds. */
  readonly stoppedAt: number | undefined;
  readonly backAt: number;
  /** Unix milliseconds by the clock by which it judges dates: a big step of its wall clock is not believed (rule R18). */
  readonly wall: number;
}

export type StatementKind = SignedType;

/** A certificate and the key that belongs to it. */
export interface Identity {
  readonly certificate: CertificateFacts;
  sign(type: StatementKind, body: Uint8Array): Uint8Array;
}

/** A Byzantine member at work. Colluders share what they know and forge nothing: each signs with its own key only. */
export interface Actor extends Seat {
  /** Virtual monotonic milliseconds. */
  readonly now: number;
  /** This actor's own, drawn from the simulation's seed. */
  readonly chance: Chance;
  /** All members with behaviours, itself included. */
  readonly fellows: readonly Actor[];
  /** All members, as a liar with all knowledge sees them. It cannot reach into them: only `call` and `ping` act. */
  readonly everyone: readonly Seat[];
  /** k, and the intervals that all members run with. */
  readonly ringCount: number;
  readonly settings: Settings;
  /** Its signature over a body, as the machine would make it. */
  sign(type: StatementKind, body: Uint8Array): Uint8Array;
  /** Calls a member with a packet of its own making; the answer, when there is one, comes back later. */
  call(to: Seat, packet: Uint8Array, onAnswer?: (packet: Uint8Array) => void): void;
  /** A ping of its own: bears any fingerprint. */
  ping(to: Seat, fingerprint: Uint8Array): void;
  /** A summons by datagram, true or not: "you stand accused in my view" (rule R20). */
  summon(to: Seat, ring: number, epoch: bigint): void;
  /** A certificate for a further identity, valid like any, with its key and no machine behind it. */
  recruit(): Identity;
  /** A further certificate for its own id, older or newer than its machine's, with its key. Default: dates like anybody's. */
  reissue(dates?: Dates): Identity;
  /** Runs later, unless it is down by then. */
  after(ms: number, run: () => void): void;
}

/**
 * One way to misbehave. All hooks are optional; those of several behaviours of one member are asked in their order, and the
 * first answer other than undefined holds. Behaviours have no I/O and take chance from the actor, so that a seed repeats.
 */
export interface Behaviour {
  readonly name: string;
  /** Once per life, when its machine has started. */
  start?(actor: Actor): void;
  /** Every TURN_MS of virtual time. */
  turn?(actor: Actor): void;
  /** What to carry out in place of an output of its machine: [] for nothing. */
  output?(actor: Actor, output: Output): readonly Output[] | undefined;
  /** What to answer a packet with, in place of its machine; "silent": never anything. */
  request?(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | "silent" | undefined;
  /** Whether to take and answer a ping; false: as if it had been lost. */
  pinged?(actor: Actor, from: MemberId): boolean | undefined;
  /** Whether to answer a `try`. */
  tried?(actor: Actor, from: MemberId): boolean | undefined;
  /** What to send in place of its machine's answer. */
  answer?(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | undefined;
  /** What its pings to, and pongs for, this member bear in place of its view's fingerprint. */
  fingerprint?(actor: Actor, to: MemberId): Uint8Array | undefined;
  /** Virtual milliseconds for which it sits on the answer that it gives to a call. */
  lateBy?(actor: Actor, from: MemberId): number | undefined;
  /** What it does with traffic between two others that it is to relay; a number: virtual milliseconds for which it holds it. */
  relaying?(actor: Actor, from: MemberId, to: MemberId): "pass" | "drop" | "refuse" | "gone" | number | undefined;
}

/** Virtual milliseconds between two turns of a behaviour. */
export const TURN_MS = 250;

/** Watches a simulation; must change nothing. Invariants and reports are watchers. */
export interface Watcher {
  /** After each input of a machine and all that followed from it. Called millions of times: be quick. */
  afterInput?(seat: Seat, now: number): void;
  /** An output other than `send`, `probe`, `summon`, `try`, `verify` and `noticed`. */
  told?(seat: Seat, output: Output, now: number): void;
  /** A machine noticed something that changes nothing: for histories and recordings. */
  noticed?(seat: Seat, notice: Notice, now: number): void;
  /** A machine signed a body. */
  signed?(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void;
  /** A behaviour signed a body with its member's key. */
  forged?(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void;
  /** Bytes left a member: packets of calls and answers, pings and pongs, without the headers of the layers below. */
  sent?(from: Seat, to: Seat, kind: TrafficKind, bytes: number, now: number): void;
  /** A machine threw. The simulation treats the member as crashed. */
  threw?(seat: Seat, error: unknown, now: number): void;
  /** A member changed its state: started, crashed, stalled, left and so on; also faults of the network ("partition" ...). */
  happened?(event: SimEvent, now: number): void;
}

/** "relayed": what a member passes on for two others. */
export type TrafficKind = "call" | "answer" | "ping" | "pong" | "summons" | "gossip" | "message" | "relayed";

export type SimEvent =
  | {
      readonly kind:
        | "joined"
        | "crashed"
        | "restarted"
        | "stalled"
        | "resumed"
        | "leaving"
        | "left"
        | "revoked"
        | "renewed"
        /** Its NAT has forgotten all that it knew: its sessions are dead, and nobody is told. */
        | "remapped";
      readonly seat: Seat;
    }
  /** The authority has put one of its issuing certificates, DER, on the revocation list. */
  | { readonly kind: "issuer-retired"; readonly issuer: Uint8Array }
  | { readonly kind: "clock-skewed"; readonly seat: Seat; readonly ms: number }
  | { readonly kind: "network"; readonly what: string };
