/**
 * A TCP connection through two NATs: both sides connect to each other at once, each from the port that the other one was
 * told (RFC 5128, section 3.4; simultaneous open is RFC 9293, section 3.5). Where only one side's port is known, its
 * attempts open its NAT for the other host, and it listens at the same port between them. Node allows that order alone:
 * from a port that is listened at nothing connects.
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { onAbort } from "../abort.js";
import type { Address, HostPort } from "../address.js";
import { canonical } from "../ranges.js";
import type { OutPort } from "../transports/out-port.js";
import { dialTcp, resetNow } from "../transports/tcp.js";
import type { PunchWay } from "./punches.js";
import { nameOf, targetOf, type Waiting, whose } from "./whose.js";

/** Between two rounds of attempts, milliseconds: a NAT or a host that refused a moment ago may let the next one in. */
const PAUSE_MS = [50, 150] as const;
/** An attempt without an answer is made anew after this, milliseconds: before the system sends its SYN again. */
const ATTEMPT_MS = 900;
/** Connections of one punch: a few for each pair of addresses. Who comes beyond them is cut. */
const CONNECTIONS_MAX = 8;

/** TCP among the ways to punch. */
export function tcpWay(out: OutPort, random: () => number): PunchWay {
  const port = new PunchPort(out, random);
  return {
    scheme: "tcp",
    isSearching: false,
    run: ({ targets, isClient, signal, onConnection }) =>
      port.punch({ targets: targets.map(targetOf), isClient, signal, onConnection }),
  };
}

export interface TcpPunchOptions extends Pick<Waiting, "targets" | "isClient"> {
  /** Ends it; what was handed over lives on. */
  readonly signal: AbortSignal;
  /** A connection, maybe one of several. It has an error listener. */
  readonly onConnection: (connection: Socket, at: Address) => void;
}

interface TcpPunch extends TcpPunchOptions, Waiting {
  met: number;
}

/**
 * The port that all punches of a member have in common: all of them attempt at once, then one listener waits for the other
 * sides of all. So none holds the port while another one goes without.
 */
export class PunchPort {
  readonly #out: OutPort;
  readonly #random: () => number;
  readonly #punches = new Set<TcpPunch>();
  /** By address: attempts that have no answer yet. */
  readonly #attempts = new Map<string, () => void>();
  /** Connections of the punches that run, and where each leads. */
  readonly #handed = new Map<Socket, { readonly name: string; readonly punch: TcpPunch }>();
  #rounds: Promise<void> | undefined;
  /** Fires when nothing runs any more. */
  #over = new AbortController();

  /** `random`: 0 to 1. */
  constructor(out: OutPort, random: () => number) {
    this.#out = out;
    this.#random = random;
  }

  /** Resolves when the signal has fired, with nothing left behind. Never rejects. */
  async punch(options: TcpPunchOptions): Promise<void> {
    const { signal } = options;
    if (signal.aborted) return;
    const punch = { ...options, met: 0 };
    this.#punches.add(punch);
    if (punch.isClient) this.#free(new Set(punch.targets.map(nameOf)));
    this.#rounds ??= this.#run();
    await new Promise<void>((resolve) => onAbort(signal, resolve));
    this.#punches.delete(punch);
    for (const [socket, handed] of this.#handed) if (handed.punch === punch) this.#handed.delete(socket);
    const named = this.#named();
    for (const [name, cut] of this.#attempts) if (!named.has(name)) cut();
    if (this.#punches.size > 0) return;
    this.#over.abort();
    await this.#rounds;
  }

  async #run(): Promise<void> {
    const { signal } = this.#over;
    const port = await this.#out.port();
    const giveBack = this.#out.lend();
    try {
      while (!signal.aborted) await this.#round(port, signal);
    } finally {
      giveBack();
      this.#over = new AbortController();
      // Who came in the last turns.
      this.#rounds = this.#punches.size > 0 ? this.#run() : undefined;
    }
  }

  async #round(port: number | undefined, signal: AbortSignal): Promise<void> {
    for (const [name, target] of this.#named()) if (!this.#attempts.has(name)) void this.#attempt(name, target, port);
    // The attempts bind in the next turn, and must have done so before anybody listens there.
    await sleep(1);
    const server = port === undefined ? undefined : await this.#listen(port);
    const [least, most] = PAUSE_MS;
    await sleep(least + this.#random() * (most - least), undefined, { signal }).catch(() => {});
    if (server?.listening) await closed(server);
  }

  /** What is to be reached, each address once, whoever named it. */
  #named(): Map<string, HostPort> {
    const open = [...this.#punches].filter(({ met }) => met < CONNECTIONS_MAX);
    return new Map(open.flatMap(({ targets }) => targets).map((target) => [nameOf(target), target]));
  }

  async #attempt(name: string, { host, port }: HostPort, from: number | undefined): Promise<void> {
    const to = { scheme: "tcp", host, port };
    const late = new AbortController();
    const cut = () => late.abort();
    const timer = setTimeout(cut, ATTEMPT_MS);
    this.#attempts.set(name, cut);
    try {
      this.#hand(await dialTcp(to, { signal: late.signal }, from), to);
    } catch {
      // Refused, or nobody there yet: the next round tries again.
    } finally {
      clearTimeout(timer);
      this.#attempts.delete(name);
    }
  }

  /** Undefined when that cannot be. */
  async #listen(port: number): Promise<Server | undefined> {
    const server = createServer({ noDelay: true }, (socket) => this.#came(socket));
    const failed = once(server, "error").then(() => undefined);
    server.listen(port);
    return await Promise.race([once(server, "listening").then(() => server), failed]).catch(() => undefined);
  }

  /** Somebody has come to the port itself. Of others than punches are for nothing is taken. */
  #came(socket: Socket): void {
    socket.on("error", () => {}); // "close" follows.
    const { remoteAddress: host, remotePort: port } = socket;
    if (host === undefined || port === undefined) return void socket.destroy();
    this.#hand(socket, canonical({ scheme: "tcp", host, port }));
  }

  /**
   * The other side of a punch of mine may have come before I had its answer. Then another one has its connection, who named
   * the same address, and both ends wait for a first byte. It comes again.
   */
  #free(names: ReadonlySet<string>): void {
    for (const [socket, { name, punch }] of this.#handed)
      if (!punch.isClient && names.has(name) && socket.bytesRead === 0) resetNow(socket);
  }

  #hand(socket: Socket, at: Address): void {
    const punch = whose(this.#punches, at);
    // Reset: a connection that lingers at either end is in the way of the next attempt between the two ports.
    if (punch === undefined || punch.met >= CONNECTIONS_MAX) return void resetNow(socket);
    punch.met += 1;
    this.#handed.set(socket, { name: nameOf(at), punch });
    socket.once("close", () => this.#handed.delete(socket));
    punch.onConnection(socket, at);
  }
}

/** The system lets go of the port in the turns after; until then nothing connects from it. */
async function closed(server: Server): Promise<void> {
  server.close();
  await turn();
  await turn();
}
