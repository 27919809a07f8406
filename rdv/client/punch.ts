/**
 * Direct connections: both sides listen and dial each other at once (TCP simultaneous open, RFC 9293, section 3.5). A
 * dial that is refused is made again, because the first packet often finds the other side's NAT still closed, and some
 * answer it with a reset.
 */
import type { Server, Socket } from "node:net";
import { KEEP_ALIVE_MS, PROMPT_MS } from "../limits.js";
import type { RdvLogger } from "../logger.js";
import { type AddressSpaces, spaceOf } from "../spaces.js";
import { formatIpPort, type IpPort, ipPortOf } from "../wire/addresses.js";
import { unmapped } from "../wire/ip.js";
import { formatPeerLine, type Method, opposite, parsePeerLine } from "../wire/lines.js";
import { readLine } from "../wire/pieces.js";
import { opened, type Route } from "./meeting.js";
import { connectFrom, listenAnywhere, unlisten } from "./ports.js";

/** Milliseconds between two rounds of dials, drawn anew each time so that two sides do not keep step. */
const AGAIN_MS = { least: 50, most: 150 };
/** Near to each other, two dials are under way together for a moment only: the first rounds follow more closely. */
const NEAR_MS = 10;
const FIRST_ROUNDS = 20;
const FIRST_MS = { least: 2, most: 12 };
/** The longest time between two rounds, milliseconds, however far the server is. */
const AGAIN_MS_MAX = 500;
/** Round trips that who comes to P between two rounds needs: its first packet comes at any time, and then the handshake. */
const ROUND_TRIPS = 2;
/** Dials of an address that the network refuses, and not the host or a NAT before it: it is not in reach. */
const UNREACHABLE_DIALS_MAX = 3;
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
  readonly #unreachable = new Map<string, number>();
  #server: Server | undefined;

  constructor(options: PunchOptions) {
    this.#options = options;
  }

  /** L. */
  async listen(): Promise<number> {
    const { server, port } = await listenAnywhere(0, (socket) => this.#onSocket(socket));
    this.#server = server;
    return port;
  }

  /** Dials each address whose space is enabled, in rounds, from P; between them P is listened at. */
  async dial(
    addresses: readonly IpPort[],
    { connectPort, rttMs }: Pick<Route, "connectPort" | "rttMs">,
  ): Promise<void> {
    const { signal } = this.#options;
    const targets = addresses
      .map(({ ip, port }) => ({ ip: unmapped(ip), port }))
      .filter((each) => this.#isWanted(each));
    const until = performance.now() + PUNCHING_MS;
    for (let round = 0; targets.length > 0 && !signal.aborted && performance.now() < until; round++) {
      for (const target of targets) void this.#knock(target, connectPort);
      await pause(1, signal); // The dials bind in the next turn, and must have done so before anybody listens there.
      const between = await listenAnywhere(connectPort, (socket) => this.#onSocket(socket)).catch(() => undefined);
      do await pause(betweenMs(round, rttMs), signal);
      while (this.#isQuiet(targets) && !signal.aborted && performance.now() < until);
      if (between) await unlisten(between.server);
    }
  }

  /** Ends what is under way; connections that were handed over are not this one's any more. */
  end(): void {
    this.#server?.close();
    for (const socket of this.#open) socket.destroy();
  }

  #isEnabled(address: IpPort | undefined): boolean {
    const space = address && spaceOf(address.ip);
    return space !== undefined && this.#options.spaces.includes(space);
  }

  #onSocket(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#isEnabled(ipPortOf(socket.remoteAddress, socket.remotePort))) void this.#greet(socket);
    else socket.destroy();
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

  async #knock(address: IpPort, connectPort: number): Promise<void> {
    const text = formatIpPort(address);
    if (this.#settled.has(text)) return;
    this.#settled.add(text);
    const socket = connectFrom(connectPort, address).on("error", () => {});
    this.#open.add(socket);
    try {
      await opened(socket, "connect", this.#options.signal);
    } catch (err) {
      this.#open.delete(socket);
      if (this.#mayAnswer(text, err)) this.#settled.delete(text);
      this.#tell("rdv-refused", { address: text, err }, "A dial of the peer failed.");
      return;
    }
    await this.#greet(socket);
  }

  /** A reset may be the NAT's, which is about to be opened. */
  #mayAnswer(address: string, error: unknown): boolean {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ECONNREFUSED" || code === "ECONNRESET") return true;
    const dials = (this.#unreachable.get(address) ?? 0) + 1;
    this.#unreachable.set(address, dials);
    return dials < UNREACHABLE_DIALS_MAX;
  }

  /** Both sides write who they are, and check the other's line; whoever is another is cut. */
  async #greet(socket: Socket): Promise<void> {
    const { method, token, signal, onDirect } = this.#options;
    const address = ipPortOf(socket.remoteAddress, socket.remotePort);
    this.#open.add(socket);
    const cut = setTimeout(() => socket.destroy(), PROMPT_MS);
    try {
      socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS).write(formatPeerLine(method, token));
      const line = parsePeerLine(await readLine(socket, signal));
      if (line === undefined || line.method !== opposite(method) || !line.token.equals(token)) {
        throw new Error("The other end is not the peer.");
      }
      this.#open.delete(socket);
      onDirect(socket);
    } catch (err) {
      this.#open.delete(socket);
      socket.destroy();
      this.#tell(
        "rdv-stranger",
        { address: address && formatIpPort(address), err },
        "A direct connection came to nothing.",
      );
    } finally {
      clearTimeout(cut);
    }
  }

  #tell(event: string, fields: object, message: string): void {
    this.#options.log.debug({ event, ...fields }, message);
  }
}

function betweenMs(round: number, rttMs: number): number {
  const isEarly = round < FIRST_ROUNDS && rttMs < NEAR_MS;
  const { least, most } = isEarly ? FIRST_MS : AGAIN_MS;
  const drawn = least + Math.random() * (most - least);
  return isEarly ? drawn : Math.min(Math.max(drawn, ROUND_TRIPS * rttMs), AGAIN_MS_MAX);
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
