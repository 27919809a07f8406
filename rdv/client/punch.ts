/**
 * Direct connections: both sides listen and dial each other at once (TCP simultaneous open, RFC 9293, section 3.5). A
 * dial that is refused, or gets no answer, is made again, because the first packet often finds the other side's NAT still
 * closed: some answer it with a reset, others drop it.
 */
import type { Server, Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { KEEP_ALIVE_MS, PROMPT_MS } from "../limits.js";
import type { RdvLogger } from "../logger.js";
import { type AddressSpaces, spaceOf } from "../spaces.js";
import { formatIpPort, type IpPort, ipPortOf } from "../wire/addresses.js";
import { unmapped } from "../wire/ip.js";
import { formatPeerLine, type Method, opposite, parsePeerLine } from "../wire/lines.js";
import { readLine } from "../wire/pieces.js";
import { opened, type Route } from "./meeting.js";
import { connectFrom, dialsAreBound, listening, listenNow, portOf } from "./ports.js";

/**
 * Milliseconds after the meeting in which a dial that was refused is made again at once. Then one of the two has a dial
 * under way nearly all the time, and the other one's finds its NAT open. The sides hear of the meeting at different times.
 */
const EAGER_MS = 250;
/**
 * Rounds of dials in that time: nobody is to be flooded. It takes so many where a refusal comes back in 15 us, as between two
 * NATs on one host: in 3 of 100 rounds the two dials are under way at the same time.
 */
const EAGER_ROUNDS = 256;
/** Milliseconds of a round trip to the server below which the sides are as near to each other as can be told. */
const NEAR_MS = 4;
/** Turns of the program between two rounds there at most: a twentieth of a millisecond each. */
const NEAR_TURNS = 8;
/** Rounds there without a rest. */
const NEAR_ROUNDS = 16;
/** Milliseconds between two rounds of dials, drawn anew each time so that two sides do not keep step. */
const AGAIN_MS = { least: 50, most: 150 };
/** The longest time between two rounds, milliseconds, however far the server is. */
const AGAIN_MS_MAX = 500;
/** Round trips that who comes to P between two rounds needs: its first packet comes at any time, and then the handshake. */
const ROUND_TRIPS = 2;
/**
 * A dial without an answer is made anew after this, milliseconds, or so many round trips to the server: the system sends its
 * packet again after a second only, and a NAT that dropped the first one may be open by now.
 */
const SILENT_MS = 200;
const SILENT_ROUND_TRIPS = 4;
/** Dials of an address that come to nothing by what is no refusal: the network has no way there, or somebody else answers. */
const FRUITLESS_DIALS_MAX = 3;
/** Milliseconds of dialling; then the relay it is. */
const PUNCHING_MS = 3_000;

export interface PunchOptions {
  readonly method: Method;
  readonly token: Buffer;
  readonly spaces: AddressSpaces;
  readonly log: RdvLogger;
  /** Fires when the attempt is over. */
  readonly signal: AbortSignal;
  /** A direct connection on which both have said who they are. */
  readonly onDirect: (socket: Socket) => void;
}

export class Punch {
  readonly #options: PunchOptions;
  readonly #open = new Set<Socket>();
  /** Addresses, as text, that need no further dial now: one is under way, somebody has answered, or nobody can. */
  readonly #settled = new Set<string>();
  readonly #fruitless = new Map<string, number>();
  /** At L, and between two rounds at P. */
  #server: Server | undefined;
  #between: Server | undefined;
  /** Who came before the meeting, and when each is cut: told nothing yet, since the token is in what they would be told. */
  readonly #early = new Map<Socket, NodeJS.Timeout>();
  #hasMet = false;
  #isReached = false;
  #wake: () => void = () => {};

  constructor(options: PunchOptions) {
    this.#options = options;
  }

  /** L. */
  async listen(): Promise<number> {
    this.#server = listenNow(0, (socket) => this.#onSocket(socket));
    return portOf(await listening(this.#server));
  }

  /** Listens at P, which is connected to the server, until the first dials: the peer may hear of the meeting before. */
  hold(connectPort: number): void {
    if (this.#options.signal.aborted) return;
    this.#between = listenNow(connectPort, (socket) => this.#onSocket(socket));
  }

  /** Dials each address whose space is enabled, in rounds, from P; between them P is listened at. */
  async dial(
    addresses: readonly IpPort[],
    { connectPort, rttMs }: Pick<Route, "connectPort" | "rttMs">,
  ): Promise<void> {
    const { signal } = this.#options;
    this.#hasMet = true;
    for (const [socket, cut] of this.#early) {
      clearTimeout(cut);
      void this.#greet(socket);
    }
    this.#early.clear();
    const targets = addresses
      .map(({ ip, port }) => ({ ip: unmapped(ip), port }))
      .filter((each) => this.#isWanted(each));
    const startedAt = performance.now();
    const until = startedAt + PUNCHING_MS;
    for (let round = 0; targets.length > 0 && !signal.aborted && performance.now() < until; round++) {
      await isLetIn();
      this.#between?.close();
      const silentMs = Math.max(SILENT_MS, SILENT_ROUND_TRIPS * rttMs);
      for (const target of targets) void this.#knock(target, { connectPort, silentMs, until });
      await dialsAreBound();
      this.hold(connectPort);
      if (await this.#hasFailedSoon(round, startedAt)) {
        await pauseForComers({ round, rttMs }, signal);
        continue;
      }
      do await pause(betweenMs(rttMs), signal);
      while (this.#isQuiet(targets) && !signal.aborted && performance.now() < until);
    }
  }

  /** Ends what is under way; connections that were handed over are not this one's any more. */
  end(): void {
    this.#server?.close();
    this.#between?.close();
    for (const socket of [...this.#open, ...this.#early.keys()]) socket.destroy();
  }

  #isEnabled(address: IpPort | undefined): boolean {
    const space = address && spaceOf(address.ip);
    return space !== undefined && this.#options.spaces.includes(space);
  }

  #onSocket(socket: Socket): void {
    socket.on("error", () => {});
    if (!this.#isEnabled(ipPortOf(socket.remoteAddress, socket.remotePort))) socket.destroy();
    else if (this.#hasMet) void this.#greet(socket);
    else this.#keepEarly(socket);
  }

  #keepEarly(socket: Socket): void {
    const cut = setTimeout(() => socket.destroy(), PROMPT_MS);
    this.#early.set(socket, cut);
    socket.once("close", () => {
      clearTimeout(cut);
      this.#early.delete(socket);
    });
  }

  /** Whether a dial has failed, while that is answered by another one at once. */
  async #hasFailedSoon(round: number, startedAt: number): Promise<boolean> {
    const ms = startedAt + EAGER_MS - performance.now();
    if (round >= EAGER_ROUNDS || ms <= 0 || this.#isReached) return false;
    const late = new AbortController();
    let hasFailed = false;
    this.#wake = () => {
      hasFailed = true;
      late.abort();
    };
    await pause(ms, AbortSignal.any([this.#options.signal, late.signal]));
    return hasFailed;
  }

  /** No dial has failed since the last round: all that is to be done is to wait for who comes. */
  #isQuiet(targets: readonly IpPort[]): boolean {
    return targets.every((target) => this.#settled.has(formatIpPort(target)));
  }

  #isWanted(address: IpPort): boolean {
    const isEnabled = this.#isEnabled(address);
    const fields = { address: formatIpPort(address) };
    if (!isEnabled) this.#tell("rdv-skipped", fields, "A peer's address is of a space that is not enabled.");
    return isEnabled;
  }

  async #knock(address: IpPort, { connectPort, silentMs, until }: Knock): Promise<void> {
    const text = formatIpPort(address);
    if (this.#settled.has(text)) return;
    this.#settled.add(text);
    const socket = connectFrom(connectPort, address).on("error", () => {});
    this.#open.add(socket);
    const isLast = performance.now() + silentMs > until;
    const silence = isLast ? undefined : setTimeout(() => socket.destroy(), silentMs);
    try {
      await opened(socket, "connect", this.#options.signal);
    } catch (err) {
      this.#open.delete(socket);
      this.#failed(text, err);
      this.#tell("rdv-refused", { address: text, err }, "A dial of the peer failed.");
      return;
    } finally {
      clearTimeout(silence);
    }
    if ((await this.#greet(socket)) === "cut") this.#failed(text, undefined);
  }

  /** A reset may be the NAT's, which is about to be opened; and silence, that of one which has dropped a packet. */
  #failed(address: string, error: unknown): void {
    const { code } = (error ?? {}) as { readonly code?: string };
    if (code === "ECONNREFUSED" || code === "ECONNRESET" || code === "rdv-unreachable") {
      this.#settled.delete(address);
      this.#wake();
    } else {
      const dials = (this.#fruitless.get(address) ?? 0) + 1;
      this.#fruitless.set(address, dials);
      if (dials < FRUITLESS_DIALS_MAX) this.#settled.delete(address);
    }
  }

  /** Both sides write who they are, and check the other's line; whoever is another is cut. "cut": it was the other side. */
  async #greet(socket: Socket): Promise<"met" | "cut" | "stranger"> {
    const { method, token, signal, onDirect } = this.#options;
    const address = ipPortOf(socket.remoteAddress, socket.remotePort);
    this.#open.add(socket);
    const cut = setTimeout(() => socket.destroy(), PROMPT_MS);
    let isHeard = false;
    try {
      socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS).write(formatPeerLine(method, token));
      const line = parsePeerLine(await readLine(socket, signal));
      isHeard = true;
      if (line === undefined || line.method !== opposite(method) || !line.token.equals(token)) {
        throw new Error("The other end is not the peer.");
      }
      this.#open.delete(socket);
      this.#isReached = true;
      onDirect(socket);
      return "met";
    } catch (err) {
      this.#open.delete(socket);
      socket.destroy();
      const fields = { address: address && formatIpPort(address), err };
      this.#tell("rdv-stranger", fields, "A direct connection came to nothing.");
      return isHeard || signal.aborted ? "stranger" : "cut";
    } finally {
      clearTimeout(cut);
    }
  }

  #tell(event: string, fields: object, message: string): void {
    this.#options.log.debug({ event, ...fields }, message);
  }
}

interface Knock {
  readonly connectPort: number;
  readonly silentMs: number;
  /** When dialling ends: the last dial is left to the system. */
  readonly until: number;
}

function betweenMs(rttMs: number): number {
  const drawn = AGAIN_MS.least + Math.random() * (AGAIN_MS.most - AGAIN_MS.least);
  return Math.min(Math.max(drawn, ROUND_TRIPS * rttMs), AGAIN_MS_MAX);
}

/**
 * Who comes to P while a dial of ours is refused needs a round trip more for its handshake. It is drawn, so that two sides do
 * not keep step; near, in turns, since no timer is short enough, with a rest for a peer whose machine is busy.
 */
async function pauseForComers(
  { round, rttMs }: { readonly round: number; readonly rttMs: number },
  signal: AbortSignal,
): Promise<void> {
  if (rttMs >= NEAR_MS) return await pause(Math.random() * ROUND_TRIPS * rttMs, signal);
  if (round % NEAR_ROUNDS === NEAR_ROUNDS - 1) return await pause(Math.random() * NEAR_MS, signal);
  for (let turns = Math.random() * NEAR_TURNS; turns > 1; turns--) await turn();
}

/** Connections that the system has made are the program's after a poll, and are lost when it stops to listen before. */
async function isLetIn(): Promise<void> {
  await turn();
  await turn();
}

/** Resolves after a time, or when the signal fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}
