/** What is spoken over sessions: each protocol has an id, limits, and a handler for what the other side begins. */
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { Path } from "./path.js";
import type { ByteDuplex } from "./session.js";

export interface Limits {
  /**
   * Bytes of one message, either way. A longer one is refused when its length is read, before any of it is held:
   * "message-too-large".
   */
  readonly bytesMax: number;
  /** Calls or duplexes that one member may have open here, over all its sessions; the next is refused with "overloaded". */
  readonly openPerPeerMax: number;
}

/** One request and one answer. */
export interface CallProtocol {
  readonly kind: "call";
  readonly id: string;
  readonly limits: Limits;
  /**
   * `signal` fires when the caller no longer waits, or the session is lost. A FirefliesError reaches the caller with its
   * code, anything else as "handler-failed". `path` is the way that the call came.
   */
  onCall(peer: MemberCertificate, body: Uint8Array, signal: AbortSignal, path: Path): Promise<Uint8Array>;
}

/** Messages both ways for as long as both like. */
export interface DuplexProtocol {
  readonly kind: "duplex";
  readonly id: string;
  readonly limits: Limits;
  /**
   * What it throws ends this duplex and nothing else. `path` is the way that it came; `name` is what the other side opened, as
   * it says so: unchecked, at most 8 KiB. So is `trace`; empty for none.
   */
  onDuplex(peer: MemberCertificate, duplex: ByteDuplex, path: Path, name: string, trace: string): void;
}

export type Protocol = CallProtocol | DuplexProtocol;

/** Before each id in the path of a gRPC call. */
export const SERVICE_PATH = "/fireflies.v1.Overlay/";
/** Ids stand in paths and in errors: short, and without anything to escape. */
const ID = /^[a-z][a-z0-9.-]{0,63}$/;
/** Reserved for the spare call that carries calls back (session/spares.ts). */
export const BACK_ID = "back";

/** The protocols of one member. They may come and go while sessions are open. */
export class Protocols {
  readonly #byId = new Map<string, Protocol>();

  /** Returns the way to take it out again; what is open then goes on. Throws "protocol-invalid". */
  register(protocol: Protocol): () => void {
    const { id } = protocol;
    if (!ID.test(id) || id === BACK_ID)
      throw invalid(id, "it is not a to z, 0 to 9, dots and dashes, or it is reserved");
    if (this.#byId.has(id)) throw invalid(id, "another one has this id");
    this.#byId.set(id, protocol);
    return () => {
      if (this.#byId.get(id) === protocol) this.#byId.delete(id);
    };
  }

  get(id: string): Protocol | undefined {
    return this.#byId.get(id);
  }
}

function invalid(id: string, why: string): FirefliesError {
  return new FirefliesError("protocol-invalid", `The protocol "${id.slice(0, 64)}" cannot be registered: ${why}.`);
}
