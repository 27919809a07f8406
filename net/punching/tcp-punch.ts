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
import { type Address, formatAddress, type HostPort } from "../address.js";
import { canonical } from "../ranges.js";
import type { OutPort } from "../transports/out-port.js";
import { dialTcp } from "../transports/tcp.js";
import type { PunchWay } from "./punches.js";

/** Between two rounds of attempts, milliseconds: a NAT or a host that refused a moment ago may let the next one in. */
const PAUSE_MS = [50, 150] as const;
/** An attempt without an answer is made anew after this, milliseconds: before the system sends its SYN again. */
const ATTEMPT_MS = 900;
/** Connections of one punch: a few for each pair of addresses. Who comes beyond them is cut. */
const CONNECTIONS_MAX = 8;

export interface TcpPunchOptions {
  readonly out: OutPort;
  /** Where the other side may come from, and be reached. IP addresses. */
  readonly targets: readonly HostPort[];
  /** Ends it; what was handed over lives on. */
  readonly signal: AbortSignal;
  /** 0 to 1. */
  readonly random: () => number;
  /** A connection, maybe one of several. It has an error listener. */
  readonly onConnection: (connection: Socket, at: Address) => void;
}

/** TCP among the ways to punch. */
export function tcpWay(out: OutPort, random: () => number): PunchWay {
  return {
    scheme: "tcp",
    run: ({ targets, signal, onConnection }) =>
      punchTcp({ out, random, targets: targets.map(({ address }) => address), signal, onConnection }),
  };
}

/** Resolves when the signal has fired, with nothing left behind. Never rejects. */
export async function punchTcp(options: TcpPunchOptions): Promise<void> {
  const { out, signal, random } = options;
  const port = await out.port();
  const punch = new TcpPunch(options, port);
  const giveBack = out.lend();
  try {
    while (!signal.aborted) {
      punch.attempt();
      // The attempts bind in the next turn, and must have done so before anybody listens there.
      await sleep(1);
      const server = port === undefined ? undefined : await punch.listen(port);
      const [least, most] = PAUSE_MS;
      await sleep(least + random() * (most - least), undefined, { signal }).catch(() => {});
      if (server?.listening) await closed(server);
    }
  } finally {
    giveBack();
    punch.end();
  }
}

class TcpPunch {
  readonly #options: TcpPunchOptions;
  readonly #port: number | undefined;
  readonly #hosts: ReadonlySet<string>;
  /** By address: attempts that have no answer yet. */
  readonly #running = new Map<string, () => void>();
  #made = 0;

  constructor(options: TcpPunchOptions, port: number | undefined) {
    this.#options = options;
    this.#port = port;
    this.#hosts = new Set(options.targets.map(({ host }) => host));
  }

  /** One for each target that none is under way to. */
  attempt(): void {
    if (this.#made >= CONNECTIONS_MAX) return;
    for (const { host, port } of this.#options.targets) {
      const to = { scheme: "tcp", host, port };
      const key = formatAddress(to);
      if (!this.#running.has(key)) void this.#try(key, to);
    }
  }

  /** Undefined when that cannot be. */
  async listen(port: number): Promise<Server | undefined> {
    const server = createServer({ noDelay: true }, (socket) => this.#came(socket));
    const failed = once(server, "error").then(() => undefined);
    server.listen(port);
    return await Promise.race([once(server, "listening").then(() => server), failed]).catch(() => undefined);
  }

  end(): void {
    for (const cut of this.#running.values()) cut();
  }

  async #try(key: string, to: Address): Promise<void> {
    const { signal } = this.#options;
    const late = new AbortController();
    const cut = () => late.abort();
    const timer = setTimeout(cut, ATTEMPT_MS);
    const unwatch = onAbort(signal, cut);
    this.#running.set(key, cut);
    try {
      const socket = await dialTcp(to, { signal: late.signal }, this.#port);
      this.#hand(socket, to);
    } catch {
      // Refused, or nobody there yet: the next round tries again.
    } finally {
      clearTimeout(timer);
      unwatch();
      this.#running.delete(key);
    }
  }

  /** Somebody has come to the port itself. Of others than the punch is for nothing is taken. */
  #came(socket: Socket): void {
    socket.on("error", () => {}); // "close" follows.
    const { remoteAddress: host, remotePort: port } = socket;
    if (host === undefined || port === undefined) return void socket.destroy();
    const from = canonical({ scheme: "tcp", host, port });
    if (this.#hosts.has(from.host)) this.#hand(socket, from);
    else socket.destroy();
  }

  #hand(socket: Socket, at: Address): void {
    this.#made += 1;
    if (this.#options.signal.aborted || this.#made > CONNECTIONS_MAX) socket.destroy();
    else this.#options.onConnection(socket, at);
  }
}

/** The system lets go of the port in the turns after; until then nothing connects from it. */
async function closed(server: Server): Promise<void> {
  server.close();
  await turn();
  await turn();
}
