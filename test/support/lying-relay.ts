/** Relays that lie, for tests of whole members: what such a one does with the connections that others ask of it. */
import { Duplex } from "node:stream";
import { vi } from "vitest";
import type { ByteDuplex } from "../../net/index.js";
import { RELAY_OPEN } from "../../net/relays/limits.js";
import { decodeOpening, encodeOpened, encodeOpening } from "../../net/relays/messages.js";
import { refused } from "../../net/relays/refusal.js";
import { Relaying } from "../../net/relays/relaying.js";
import type { Protocol } from "../../net/session/protocol.js";
import type { MemberId } from "../../rings/index.js";

/** What passes of a message. */
type Tamper = (message: Uint8Array, pass: (message: Uint8Array) => void, cut: () => void) => void;

export interface Lie {
  /** Instead of what an honest one does with a new connection. Without it that begins as usual. */
  readonly open?: (duplex: ByteDuplex) => void;
  /** What comes from the caller; the first message says whom it wants. */
  readonly there?: Tamper;
  /** What goes back, on new connections after the handshake and on those that there are. */
  readonly back?: Tamper;
}

const all: Tamper = (message, pass) => pass(message);
/** Of each connection that pass before the lie: the handshake. */
const HANDSHAKE_BYTES = 4 * 1024;

/** By name, as who suffers them would say. `other`: a member that is not the one who was asked for. */
export const LIES = {
  "takes it and says nothing": () => ({ open: (duplex) => void duplex.resume() }),
  "says that it is open, and lets nothing through": () => ({
    open: (duplex) => void duplex.resume().write(encodeOpened({ kind: "opened", lastsMs: 0 })),
  }),
  "has no room": () => ({ open: (duplex) => void duplex.resume().end(encodeOpened(refused("full", 0))) }),
  "says that the member is gone": () => ({
    open: (duplex) => void duplex.resume().end(encodeOpened(refused("absent"))),
  }),
  "leads to somebody else": (other: MemberId) => ({
    there: (message, pass) => {
      const opening = decodeOpening(message);
      pass(opening === undefined ? message : encodeOpening({ ...opening, target: other }));
    },
  }),
  "drops all after the handshake": () => ({ back: () => {} }),
  "cuts it after the handshake": () => ({ back: (_, __, cut) => cut() }),
  "delays what comes back": () => ({ back: (message, pass) => void setTimeout(() => pass(message), 500) }),
} as const satisfies Readonly<Record<string, (other: MemberId) => Lie>>;

/** Between the caller and the relay, as an honest relay sees it. */
class Between extends Duplex implements ByteDuplex {
  readonly #below: ByteDuplex;
  readonly #lie: () => Lie | undefined;
  #back = 0;

  constructor(
    below: ByteDuplex,
    lie: () => Lie | undefined,
    readonly isLiars: boolean,
  ) {
    super({ objectMode: true });
    this.#below = below;
    this.#lie = lie;
    this.on("error", () => {});
    const pass = (message: Uint8Array) => void this.push(message);
    below.on("error", () => {}).on("data", (message: Uint8Array) => (lie()?.there ?? all)(message, pass, this.cut));
    below.once("end", () => this.push(null)).once("close", () => this.destroy());
  }

  readonly cut = () => void this.#below.destroy();

  giveUp(error: Error): void {
    this.destroy(error);
  }

  override _read(): void {}

  override _write(message: Uint8Array, _encoding: string, done: () => void): void {
    this.#back += message.length;
    const tamper = this.#back > HANDSHAKE_BYTES ? (this.#lie()?.back ?? all) : all;
    // A copy: the relay uses the memory of what it has written again.
    const pass = (passed: Uint8Array) => void (this.#below.destroyed || this.#below.write(passed));
    tamper(message.slice(), pass, this.cut);
    done();
  }

  override _final(done: () => void): void {
    this.#below.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy();
    done(error);
  }
}

/** Relays whose doing is in the hands of the test. One of them lies. */
export class Puppets {
  /** By the ids of two members, whoever asks. */
  readonly #lies = new Map<string, Lie>();
  /** Pairs for whom no other relay than the liar does anything. */
  readonly #steered = new Set<string>();
  readonly #open = new Map<string, Set<Between>>();

  /** From now on the connections of these two lead through the liar. */
  steer(a: MemberId, b: MemberId): void {
    this.#steered.add(pairOf(a, b));
    for (const between of this.#open.get(pairOf(a, b)) ?? []) if (!between.isLiars) between.cut();
  }

  /** From now on the liar does so with them. Those that there are end, unless the lie is about them. */
  lie(a: MemberId, b: MemberId, lie: Lie): void {
    this.#steered.delete(pairOf(a, b));
    this.#lies.set(pairOf(a, b), lie);
    if (lie.back === undefined) for (const between of this.#open.get(pairOf(a, b)) ?? []) between.cut();
  }

  /** Those that start while `run` runs are of them. */
  async starting<T>(isLiars: boolean, run: () => Promise<T>): Promise<T> {
    const honest = Object.getOwnPropertyDescriptor(Relaying.prototype, "protocols")!.get!;
    const wrap = (protocol: Protocol) => (protocol.id === RELAY_OPEN ? this.#wrapped(protocol, isLiars) : protocol);
    const spy = vi.spyOn(Relaying.prototype, "protocols", "get").mockImplementation(function (this: Relaying) {
      return (honest.call(this) as readonly Protocol[]).map(wrap);
    });
    try {
      return await run();
    } finally {
      spy.mockRestore();
    }
  }

  #wrapped(protocol: Protocol, isLiars: boolean): Protocol {
    if (protocol.kind !== "duplex") return protocol;
    return {
      ...protocol,
      onDuplex: (peer, duplex, path, name, trace) => {
        duplex.once("data", (message: Uint8Array) => {
          duplex.pause();
          duplex.unshift(message);
          const pair = pairOf(peer.id, decodeOpening(message)?.target);
          const lie = () => (isLiars ? this.#lies.get(pair) : undefined);
          const absent = !isLiars && this.#steered.has(pair) ? LIES["says that the member is gone"]() : undefined;
          const open = (absent ?? lie())?.open;
          if (open !== undefined) return open(duplex);
          protocol.onDuplex(peer, this.#between(duplex, pair, lie, isLiars), path, name, trace);
          duplex.resume();
        });
      },
    };
  }

  #between(duplex: ByteDuplex, pair: string, lie: () => Lie | undefined, isLiars: boolean): Between {
    const between = new Between(duplex, lie, isLiars);
    const open = this.#open.get(pair) ?? new Set();
    this.#open.set(pair, open.add(between));
    between.once("close", () => open.delete(between));
    return between;
  }
}

function pairOf(a: MemberId, b: MemberId | undefined): string {
  return [a, b].sort().join(" ");
}
