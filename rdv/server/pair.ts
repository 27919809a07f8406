/** Two clients that met, as a server's handler has them. */
import { RdvError } from "../errors.js";
import { waitMs } from "../limits.js";
import { formatIpPort, type IpPort, sortedIpPorts } from "../wire/addresses.js";
import { formatMeeting } from "../wire/answer.js";
import { CONTINUE_LINE, parseCommand } from "../wire/lines.js";
import { readLine } from "../wire/pieces.js";
import type { Guest, RdvRequest } from "./guests.js";
import { closeSoon, refuse } from "./last-word.js";
import { type Relayed, relayBytes, type Tap } from "./relaying.js";

/** Headers of an application's own, for the answer with which a meeting begins. */
export interface ContinueOptions {
  readonly dialerHeaders?: Readonly<Record<string, string>> | undefined;
  readonly accepterHeaders?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds for the dialler's decision; the server's idle time-out when it is left out. */
  readonly timeoutMs?: number | undefined;
}

export interface RelayOptions {
  readonly tapDialer?: Tap | undefined;
  readonly tapAccepter?: Tap | undefined;
  readonly idleTimeoutMs?: number | undefined;
  readonly bufferBytes?: number | undefined;
}

/** What the pair's server has set. */
export interface PairSettings {
  readonly idleTimeoutMs: number | undefined;
  readonly bufferBytes: number;
  readonly signal: AbortSignal;
  readonly onDirect: (address: IpPort | undefined) => void;
  readonly onBytes: (side: "dialer" | "accepter", bytes: number) => void;
  readonly onRelayed: () => void;
}

type State = "met" | "continued" | "over";

/**
 * A handler calls `reject`, or `continue` and then `relay`. When it has returned and called neither, both connections
 * are cut.
 */
export class Pair {
  readonly #dialer: Guest;
  readonly #accepter: Guest;
  readonly #settings: PairSettings;
  #state: State = "met";

  constructor(dialer: Guest, accepter: Guest, settings: PairSettings) {
    this.#dialer = dialer;
    this.#accepter = accepter;
    this.#settings = settings;
  }

  get token(): string {
    return this.#dialer.request.token;
  }

  get dialer(): RdvRequest {
    return this.#dialer.request;
  }

  get accepter(): RdvRequest {
    return this.#accepter.request;
  }

  /** Fires at the server's shutdown. */
  get signal(): AbortSignal {
    return this.#settings.signal;
  }

  /**
   * Lets both try to reach each other, and resolves when the dialler wants the relay instead. Rejects with an RdvError,
   * and both connections are closed then: "rdv-other" when they met directly, which is what everybody hopes for;
   * "rdv-closed", "rdv-timeout" or "rdv-protocol".
   */
  async continue({ dialerHeaders, accepterHeaders, timeoutMs }: ContinueOptions = {}): Promise<void> {
    this.#enter("met", "continued");
    const { socket } = this.#dialer;
    const timer = new AbortController();
    const onShutdown = () => timer.abort(new RdvError("rdv-closed", "The server is shutting down."));
    const late = () => timer.abort(new RdvError("rdv-timeout", "The dialler did not decide in time."));
    const timeout = setTimeout(late, waitMs(timeoutMs ?? this.#settings.idleTimeoutMs));
    if (this.signal.aborted) onShutdown();
    this.signal.addEventListener("abort", onShutdown, { once: true });
    try {
      socket.write(meetingOf(this.#dialer, this.#accepter, dialerHeaders), "latin1");
      this.#accepter.socket.write(meetingOf(this.#accepter, this.#dialer, accepterHeaders), "latin1");
      this.#obey(await readLine(socket, timer.signal));
    } catch (error) {
      this.end();
      throw error;
    } finally {
      clearTimeout(timeout);
      this.signal.removeEventListener("abort", onShutdown);
    }
  }

  /** Passes bytes both ways until a side ends. Call it behind `continue`. */
  async relay(options: RelayOptions = {}): Promise<Relayed> {
    this.#enter("continued", "over");
    const { idleTimeoutMs, bufferBytes, signal, onBytes, onRelayed } = this.#settings;
    const relayed = await relayBytes(this.#dialer.socket, this.#accepter.socket, {
      ...{ signal, onBytes },
      tapDialer: options.tapDialer,
      tapAccepter: options.tapAccepter,
      idleTimeoutMs: options.idleTimeoutMs ?? idleTimeoutMs,
      bufferBytes: options.bufferBytes ?? bufferBytes,
    });
    onRelayed();
    return relayed;
  }

  /** Refuses both, with a status of 400 to 599 and a line for people. Instead of `continue`. */
  reject(status: number, reason: string, headers?: Readonly<Record<string, string>>): void {
    this.#enter("met", "over");
    for (const { socket } of [this.#dialer, this.#accepter]) refuse(socket, { status, reason, headers });
  }

  /** For this room: cuts what the handler left. */
  end(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    for (const { socket } of [this.#dialer, this.#accepter]) closeSoon(socket);
  }

  #obey(line: string): void {
    const command = parseCommand(line);
    if (command === undefined) throw new RdvError("rdv-protocol", "The dialler sent no command of rdv/1.");
    if (command.kind === "other") {
      this.#settings.onDirect(command.address);
      const address = command.address && formatIpPort(command.address);
      throw new RdvError("rdv-other", `The peers met directly, at ${address ?? "an address unknown"}.`, { address });
    }
    const { socket } = this.#accepter;
    if (socket.destroyed) throw new RdvError("rdv-closed", "The accepter is gone.");
    socket.write(CONTINUE_LINE);
  }

  #enter(from: State, to: State): void {
    if (this.#state !== from)
      throw new RdvError("rdv-invalid", "Each pair is continued, then relayed, or rejected, once.");
    this.#state = to;
  }
}

function meetingOf(guest: Guest, peer: Guest, headers: Readonly<Record<string, string>> = {}): string {
  const { observedAddress: observed } = peer;
  const peerAddresses = sortedIpPorts([...peer.selfAddresses, ...(observed ? [observed] : [])]);
  return formatMeeting({ observedAddress: guest.observedAddress, peerAddresses }, Object.entries(headers));
}
