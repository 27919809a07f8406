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
import { opened } from "./meeting.js";
import { connectFrom, listenAnywhere } from "./ports.js";

/** Milliseconds between a refusal and the next dial, drawn anew each time so that two sides do not keep step. */
const AGAIN_MS = { least: 50, most: 150 };
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
  #server: Server | undefined;

  constructor(options: PunchOptions) {
    this.#options = options;
  }

  /** L. */
  async listen(): Promise<number> {
    const { server, port } = await listenAnywhere((socket) => this.#onSocket(socket));
    this.#server = server;
    return port;
  }

  /** Dials each address whose space is enabled. */
  dial(addresses: readonly IpPort[], connectPort: number): void {
    const until = performance.now() + PUNCHING_MS;
    for (const address of addresses) {
      const plain = { ip: unmapped(address.ip), port: address.port };
      if (this.#isEnabled(plain)) void this.#knock(plain, connectPort, until);
      else this.#tell("rdv-skipped", { address: formatIpPort(address) }, "A peer's address is of a space not enabled.");
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

  async #knock(address: IpPort, connectPort: number, until: number): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted && performance.now() < until) {
      const socket = connectFrom(connectPort, address).on("error", () => {});
      this.#open.add(socket);
      try {
        await opened(socket, "connect", signal);
        await this.#greet(socket);
        return;
      } catch (err) {
        this.#open.delete(socket);
        this.#tell("rdv-refused", { address: formatIpPort(address), err }, "A dial of the peer failed.");
        await pause(AGAIN_MS.least + Math.random() * (AGAIN_MS.most - AGAIN_MS.least), signal);
      }
    }
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
