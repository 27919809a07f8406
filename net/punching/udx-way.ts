/**
 * Punches over UDP, for connections of reliable UDP (RFC 5128, section 3.3). Each side sends to the other one from the
 * member's one port, which opens its own NAT, and one of them dials. Where the NAT of one side takes another port for each
 * destination, that side opens many sockets, each with a port of its own outside, and the other one tries ports at random:
 * 256 sockets among 64,512 ports are met by 500 tries with seven of eight, by 1,500 with 997 of 1,000.
 */
import type { Duplex } from "node:stream";
import { concatBytes, equalBytes } from "../../rings/index.js";
import { pause } from "../abort.js";
import type { Address, HostPort } from "../address.js";
import { dialUdx } from "../transports/udx/dial.js";
import { UdxEndpoint } from "../transports/udx/endpoint.js";
import { firstByteOf, UdpPort } from "../udp/port.js";
import type { Candidate } from "./offer.js";
import { Places } from "./places.js";
import type { PunchRun, PunchWay } from "./punches.js";

/** Between two probes to one address, milliseconds. */
const PROBE_MS = 75;
/** Sockets of a side whose NAT takes another port for each destination. */
const SOCKETS = 256;
/** Punches that open them at once: half of the descriptors that a process often has. The others wait for theirs. */
const FANS_MAX = 2;
/** Punches that try ports at once. */
const SEARCHES_MAX = 4;
/** Ports that the other side tries in each turn, and how long a turn is, milliseconds: 1,280 in a second. */
const GUESSES_PER_TURN = 64;
const GUESS_TURN_MS = 50;
/** NATs choose among the ports that need no privilege. */
const PORT_MIN = 1_024;
const PORT_MAX = 65_535;
/** A dial that failed is tried again after this, milliseconds: a router may have refused the first packets. */
const DIAL_AGAIN_MS = 100;

export interface UdxWayOptions {
  /** The member's UDP port; undefined, or without streams: then it does not punch over UDP. */
  readonly port: () => UdpPort | undefined;
  /** In [0, 1). */
  readonly random: () => number;
}

export function udxWay(options: UdxWayOptions): PunchWay {
  return new UdxWay(options);
}

class UdxWay implements PunchWay {
  readonly scheme = "udx";
  readonly isSearching = true;
  readonly #options: UdxWayOptions;
  readonly #fans = new Places(FANS_MAX);
  readonly #searches = new Places(SEARCHES_MAX);

  constructor(options: UdxWayOptions) {
    this.#options = options;
  }

  async run(run: PunchRun): Promise<void> {
    const port = this.#options.port();
    const endpoint = port && UdxEndpoint.of(port);
    if (!port || !endpoint) return;
    const mine = run.mine.candidates.find(({ address }) => address.scheme === this.scheme)?.mapping;
    await Promise.all(run.targets.map((target) => this.#meet(run, port, endpoint, target, mine)));
  }

  async #meet(
    run: PunchRun,
    port: UdpPort,
    endpoint: UdxEndpoint,
    target: Candidate,
    mine: Candidate["mapping"] | undefined,
  ): Promise<void> {
    const isTheirsHidden = target.mapping === "destination";
    if (mine === "destination" && isTheirsHidden) return; // Neither can name a port.
    const probe = probeOf(run);
    const opening = this.#open(run.signal, port, probe, target.address);
    if (mine === "destination") await this.#fans.take(run.signal, () => fanOut(run, probe, target.address));
    else if (isTheirsHidden)
      await this.#searches.take(run.signal, () => this.#guess(run.signal, port, probe, target.address));
    else if (run.isClient) await dialUntil(run, endpoint, target.address);
    await opening;
  }

  /** Keeps my NAT open for the other side. */
  async #open(signal: AbortSignal, port: UdpPort, probe: Uint8Array, to: HostPort): Promise<void> {
    const carrier = port.carrier("punch");
    while (!signal.aborted) {
      carrier.send(probe, to);
      await pause(PROBE_MS, signal);
    }
  }

  async #guess(signal: AbortSignal, port: UdpPort, probe: Uint8Array, { host }: HostPort): Promise<void> {
    const carrier = port.carrier("punch");
    while (!signal.aborted) {
      for (let count = 0; count < GUESSES_PER_TURN; count++) {
        const guess = PORT_MIN + Math.floor(this.#options.random() * (PORT_MAX - PORT_MIN + 1));
        carrier.send(probe, { host, port: guess });
      }
      await pause(GUESS_TURN_MS, signal);
    }
  }
}

/** From many sockets to the one port that the other side has; the first that is met dials. */
async function fanOut(run: PunchRun, probe: Uint8Array, target: Address): Promise<void> {
  const host = target.host.includes(":") ? "::" : "0.0.0.0";
  const sockets: UdpPort[] = [];
  const met = new AbortController();
  const over = AbortSignal.any([run.signal, met.signal]);
  let used: UdpPort | undefined;
  try {
    while (sockets.length < SOCKETS && !over.aborted) {
      const socket = await UdpPort.bind({ host, port: 0 }, { streams: true }).catch(() => undefined);
      if (!socket?.native) break; // No descriptors left: what there is must do.
      sockets.push(socket);
      socket.carrier("punch").onDatagram((bytes, from) => {
        if (used !== undefined || !equalBytes(bytes, probe) || from.host !== target.host) return;
        used = socket;
        met.abort();
      });
      socket.carrier("punch").send(probe, target);
    }
    while (!over.aborted) {
      for (const socket of sockets) socket.carrier("punch").send(probe, target);
      await pause(4 * PROBE_MS, over);
    }
    const endpoint = used && UdxEndpoint.of(used);
    if (used && endpoint) await dialUntil(run, endpoint, target, used);
  } finally {
    await Promise.all(sockets.filter((socket) => socket !== used).map((socket) => socket.close()));
  }
}

/** `own`: a port that nothing but this connection uses: it goes with it. */
async function dialUntil(run: PunchRun, endpoint: UdxEndpoint, to: Address, own?: UdpPort): Promise<void> {
  const { signal, onConnection } = run;
  while (!signal.aborted) {
    const connection: Duplex | undefined = await dialUdx(endpoint, to, { signal }).catch(() => undefined);
    if (connection !== undefined) {
      connection.on("error", () => {}); // "close" follows.
      if (own) connection.once("close", () => void own.close());
      onConnection(connection, to);
      return;
    }
    await pause(DIAL_AGAIN_MS, signal);
  }
  await own?.close();
}

/** Both sides know both nonces, and nobody else does: who sends this is the other side, or has seen it on the way. */
function probeOf({ isClient, mine, theirs }: PunchRun): Uint8Array {
  const [first, second] = isClient ? [mine, theirs] : [theirs, mine];
  return concatBytes(Uint8Array.of(firstByteOf("punch")), first.nonce, second.nonce);
}
