/** Datagrams one way: the end that sends, and the end that receives, each over one duplex of a session. */
import type { MemberId } from "../../rings/index.js";
import type { HostPort } from "../address.js";
import type { ByteDuplex, Session } from "../session/session.js";
import { type FlowKeys, type Header, openDatagram, sealDatagram } from "./codec.js";
import { DATAGRAM_PAYLOAD_MAX, FORGERIES_MAX, QUEUED_BYTES_PER_PEER_MAX, REPLAY_WINDOW } from "./limits.js";
import { ReplayWindow } from "./replay-window.js";
import { UdpPath } from "./udp-path.js";

/** A probe shows that datagrams of full size arrive. */
const PROBE_PAYLOAD = new Uint8Array(DATAGRAM_PAYLOAD_MAX);
const NOTHING = new Uint8Array(0);

export type Send = (bytes: Uint8Array, to: HostPort) => void;

/** How a datagram went; "full": the session takes none now. */
export type Went = "udp" | "session" | "full";

export interface OutFlowOptions {
  readonly to: MemberId;
  readonly session: Session;
  readonly duplex: ByteDuplex;
  /** Undefined without TLS. */
  readonly keys: FlowKeys | undefined;
  readonly send: Send;
  /** Where the other end may take UDP. */
  readonly places: () => readonly HostPort[];
  /** Bytes more or fewer that wait in the session; false when all together are too many. */
  readonly queue: (bytes: number) => boolean;
}

export class OutFlow {
  readonly to: MemberId;
  readonly session: Session;
  readonly keys: FlowKeys | undefined;
  usedAt = 0;
  readonly #options: OutFlowOptions;
  readonly #path = new UdpPath();
  #counter = 0;
  #queued = 0;

  constructor(options: OutFlowOptions) {
    this.#options = options;
    this.to = options.to;
    this.session = options.session;
    this.keys = options.keys;
  }

  /** `payload` is not kept. */
  send(payload: Uint8Array, now: number): Went {
    this.usedAt = now;
    this.#probe(now);
    const place = this.keys && this.#path.place(now);
    if (place === undefined) return this.#inside(payload);
    this.#options.send(sealDatagram(this.keys!, "data", this.#counter++, payload), place);
    return "udp";
  }

  /** An answer that names this flow. False when it is forged. */
  answered(header: Header, bytes: Uint8Array, now: number): boolean {
    if (this.keys === undefined || openDatagram(this.keys, header, bytes) === undefined) return false;
    this.#path.answered(header.counter, now);
    return true;
  }

  end(): void {
    this.#options.duplex.end();
  }

  #probe(now: number): void {
    if (this.keys === undefined) return;
    for (const place of this.#path.due(now, this.#options.places)) {
      const counter = this.#counter++;
      this.#path.probed(counter, place, now);
      this.#options.send(sealDatagram(this.keys, "probe", counter, PROBE_PAYLOAD), place);
    }
  }

  #inside(payload: Uint8Array): Went {
    const { duplex, queue } = this.#options;
    const bytes = payload.length;
    if (this.#queued + bytes > QUEUED_BYTES_PER_PEER_MAX || !queue(bytes)) return "full";
    this.#queued += bytes;
    duplex.write(payload.slice(), () => {
      this.#queued -= bytes;
      queue(-bytes);
    });
    return "session";
  }
}

/** What came of a datagram at its receiver. */
export type Verdict = "data" | "probe" | "replayed" | "forged";

export class InFlow {
  readonly from: MemberId;
  readonly keys: FlowKeys;
  /** Where the last authentic datagram came from. */
  place: HostPort | undefined;
  readonly #window = new ReplayWindow(REPLAY_WINDOW);
  #forgeries = 0;

  constructor(from: MemberId, keys: FlowKeys) {
    this.from = from;
    this.keys = keys;
  }

  /** The payload of data; of a probe the answer has been sent. */
  take(header: Header, bytes: Uint8Array, at: HostPort, send: Send): { verdict: Verdict; payload?: Uint8Array } {
    if (!this.#window.mayTake(header.counter)) return { verdict: "replayed" };
    const payload = this.#forgeries < FORGERIES_MAX ? openDatagram(this.keys, header, bytes) : undefined;
    if (payload === undefined) {
      this.#forgeries += 1;
      return { verdict: "forged" };
    }
    this.#window.take(header.counter);
    this.place = at;
    if (header.type === "data") return { verdict: "data", payload };
    send(sealDatagram(this.keys, "answer", header.counter, NOTHING), at);
    return { verdict: "probe" };
  }
}
