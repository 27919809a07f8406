/**
 * A call to a member behind a NAT (rule R21): over a session that it has made, and when nothing comes back over that within a
 * part of the time, through its relays. A try asks them all at once. Another call takes one, and after a part of the
 * time all others: so a relay that says nothing costs time, and no more than that.
 */
import { type PathEnd, verdictOf } from "../../gossip/index.js";
import { Action } from "../calendar.js";
import { cross, type Ground } from "./crossing.js";
import type { Host } from "./host.js";
import type { Paths } from "./paths.js";

/** The share of what is left of a call's time for which one path alone is waited for, and the most, milliseconds. */
const PATIENCE_SHARE = 1 / 3;
const PATIENCE_MS_MAX = 500;
/** Round trips from end to end before a relayed session carries its first call: one that opens it, and two for TLS. */
const OPENING_TRIPS = 3;
/** Bytes of what a relay says in place of an answer. */
const WORD_BYTES = 64;

/** By which relay; undefined: over a session of the called one. */
export interface Way {
  readonly relay: Host | undefined;
}

/** A call as its carriage sees it. */
export interface Carried {
  readonly caller: Host;
  readonly target: Host;
  /** Virtual milliseconds. */
  readonly deadline: number;
  /** It has had its answer, or has failed. */
  readonly isOver: boolean;
  /** It asks who is there, and nothing more. */
  readonly isTry: boolean;
  /** Of the called one, by the note that the caller holds, in its order. */
  readonly relays: readonly Host[];
  /** So many bytes leave the caller or a relay. */
  counted(from: Host, to: Host, bytes: number, isRelayed: boolean): void;
  arrived(payload: Uint8Array, way: Way): void;
  returned(payload: Uint8Array): void;
  failed(isRefused: boolean): void;
}

/** How long one path alone is waited for, milliseconds. */
export function patienceMs(now: number, deadline: number): number {
  return Math.min(PATIENCE_MS_MAX, PATIENCE_SHARE * (deadline - now));
}

export class Carriage {
  readonly #ground: Ground;
  readonly #paths: Paths;
  readonly #call: Carried;
  readonly #payload: Uint8Array;
  /** The caller's, when it began: what comes back later goes to nobody. */
  readonly #mapping: number;
  readonly #ends: PathEnd[] = [];
  #waiting: Host[];
  #open = 0;

  constructor(ground: Ground, paths: Paths, call: Carried, payload: Uint8Array) {
    this.#ground = ground;
    this.#paths = paths;
    this.#call = call;
    this.#payload = payload;
    this.#mapping = call.caller.mapping;
    this.#waiting = this.#preferred(call);
  }

  begin(): void {
    const { caller, target, deadline } = this.#call;
    const { now } = this.#ground;
    this.#later(deadline - now, () => this.#call.failed(false));
    if (this.#paths.hasSession(target, caller)) {
      this.#send(undefined);
      this.#later(patienceMs(now, deadline), () => {
        this.#paths.gaveUp(target, caller);
        this.#throughRelays();
      });
    } else this.#throughRelays();
  }

  /** Those that have proven to lead there come first. Nobody asks a relay whose note it does not hold. */
  #preferred({ caller, target, relays }: Carried): Host[] {
    const known = relays.filter(({ id }) => id !== caller.id && caller.machine.agreementKeyOf(id));
    const isOpen = (relay: Host) => this.#paths.isOpen(caller, relay, target);
    return [...known.filter(isOpen), ...known.filter((relay) => !isOpen(relay))];
  }

  #throughRelays(): void {
    const { isTry, deadline } = this.#call;
    if (isTry) {
      this.#throughAll();
      return;
    }
    const first = this.#waiting.shift();
    if (first) this.#send(first);
    this.#later(patienceMs(this.#ground.now, deadline), () => {
      if (first) this.#paths.closed(this.#call.caller, first, this.#call.target);
      this.#throughAll();
    });
  }

  #throughAll(): void {
    for (const relay of this.#waiting.splice(0)) this.#send(relay);
  }

  #send(relay: Host | undefined): void {
    const { caller, target } = this.#call;
    this.#open += 1;
    const isOpen = relay === undefined || this.#paths.isOpen(caller, relay, target);
    if (!relay) this.#hop(caller, target, () => this.#arrive({ relay }));
    else this.#later(isOpen ? 0 : this.#openingMs(relay), () => this.#hop(caller, relay, () => this.#atRelay(relay)));
  }

  /** Draws what opening a relayed session takes; what gets lost of it is not counted. */
  #openingMs(relay: Host): number {
    const { network } = this.#ground;
    const { caller, target } = this.#call;
    const there = network.flight(caller.number, relay.number, 0).delay;
    return 2 * OPENING_TRIPS * (there + network.flight(relay.number, target.number, 0).delay);
  }

  #atRelay(relay: Host): void {
    const { caller, target } = this.#call;
    if (relay.state === "down" && relay.refuses) this.#end(relay);
    if (relay.state !== "up") return;
    const does = relay.isCorrect ? "pass" : relay.relaying(caller, target);
    if (does === "drop") return;
    if (does === "refuse" || does === "gone" || !this.#paths.isRelayOf(relay, target)) {
      this.#cross(relay, caller, WORD_BYTES, () => this.#end(relay));
      return;
    }
    this.#later(does === "pass" ? 0 : does, () => this.#hop(relay, target, () => this.#arrive({ relay })));
  }

  /** At the called one, if its NAT still knows the session that this comes over. */
  #arrive(way: Way): void {
    const { caller, target } = this.#call;
    if (this.#paths.isAlive(target, way.relay ?? caller)) this.#call.arrived(this.#payload, way);
  }

  /** The answer, on the way that the request came. */
  back(payload: Uint8Array, { relay }: Way): void {
    const { caller, target } = this.#call;
    if (!relay) {
      this.#cross(target, caller, payload.length, () => this.#return(payload, undefined));
      return;
    }
    this.#cross(target, relay, payload.length, () => {
      if (relay.state !== "up") return;
      const does = relay.isCorrect ? "pass" : relay.relaying(target, caller);
      if (does === "drop" || does === "refuse" || does === "gone") return;
      this.#call.counted(relay, caller, payload.length, true);
      this.#later(does === "pass" ? 0 : does, () =>
        this.#cross(relay, caller, payload.length, () => this.#return(payload, relay)),
      );
    });
  }

  #return(payload: Uint8Array, relay: Host | undefined): void {
    const { caller, target } = this.#call;
    if (caller.mapping !== this.#mapping) return;
    if (relay) this.#paths.opened(caller, relay, target);
    this.#call.returned(payload);
  }

  /** A relay has said that this way leads nowhere. */
  #end(relay: Host): void {
    const { caller, target, isOver } = this.#call;
    if (isOver) return;
    this.#paths.closed(caller, relay, target);
    this.#open -= 1;
    this.#ends.push({ isDirect: false, end: "refused" });
    const verdict = verdictOf(this.#ends, this.#open + this.#waiting.length);
    if (verdict) this.#call.failed(verdict === "refused");
    else this.#throughAll();
  }

  #hop(from: Host, to: Host, arrive: () => void): void {
    this.#call.counted(from, to, this.#payload.length, from !== this.#call.caller);
    this.#cross(from, to, this.#payload.length, arrive);
  }

  #cross(from: Host, to: Host, bytes: number, arrive: () => void): void {
    cross(this.#ground, { from, to, bytes, deadline: this.#call.deadline }, arrive);
  }

  #later(delayMs: number, run: () => void): void {
    const unlessOver = () => {
      if (!this.#call.isOver) run();
    };
    if (delayMs > 0) this.#ground.plan(delayMs, new Action(unlessOver));
    else unlessOver();
  }
}
