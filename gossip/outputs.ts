/**
 * Everything the machine can ask of its driver or tell it, as one closed union: a driver that forgets a kind does not
 * compile. Outputs are carried out in their order, and that is a promise: `save` is done before any later `send`.
 */
import type { Extension, MemberId } from "../rings/index.js";
import { OUTPUTS_MAX } from "./limits.js";
import type { Notice } from "./notice.js";
import type { Address } from "./records/note.js";
import type { RevocationList } from "./records/revocation.js";
import type { Check } from "./records/verified.js";

/** How a member stands in this view. The first two are live; all others are skipped on every ring. */
export type Standing =
  | "live"
  /** A valid accusation stands against its latest note. */
  | "suspected"
  /** Removed at its latest epoch after 2 Delta of accusation. */
  | "removed"
  /** Came back too often, from removals or from leaving, and must wait (rule R13). */
  | "waiting"
  | "left"
  | "revoked"
  | "expired"
  | "equivocated"
  /** A certificate is held, but no note: never heard of. */
  | "silent";

/** A member as the view knows it. */
export interface Peer {
  readonly id: MemberId;
  readonly epoch: bigint;
  readonly addresses: readonly Address[];
  readonly metadata: Uint8Array;
  /** Of its note; empty when it has none. */
  readonly extensions: readonly Extension[];
  readonly suspected: boolean;
}

/** Whom to call: the id is unknown for a contact that is only an address; then whoever proves itself there answers. */
export interface Recipient {
  readonly id: MemberId | undefined;
  /** "host:port", preferred first, never empty. */
  readonly addresses: readonly string[];
}

/** Why I am not among the others. */
export type IsolationReason = "removed" | "waiting" | "nobody" | "revoked" | "expired" | "equivocated";

export type Output =
  /** Write the mark to stable storage, and only then go on. A disk that refuses is an alarm, not a stop. */
  | { readonly kind: "save"; readonly mark: bigint }
  /** Call a member with a packet; answer with `answered` or `failed` and the call's number, in `timeoutMs` at most. */
  | {
      readonly kind: "send";
      readonly call: number;
      readonly to: Recipient;
      readonly packet: Uint8Array;
      readonly timeoutMs: number;
    }
  /** Send a ping datagram; a pong comes back through `pong`. */
  | {
      readonly kind: "probe";
      readonly to: MemberId;
      readonly addresses: readonly string[];
      readonly nonce: bigint;
    }
  /** Send a datagram that says: you stand accused in my view, at this epoch and on this ring. Nothing comes back. */
  | {
      readonly kind: "summon";
      readonly to: MemberId;
      readonly addresses: readonly string[];
      readonly epoch: bigint;
      readonly ring: number;
    }
  /** Ask the member over its main transport whether it is there; answer with `tried`. */
  | { readonly kind: "try"; readonly to: Recipient; readonly timeoutMs: number }
  /** Check these off the loop; answer with `verified`, one verdict per check, in order. */
  | { readonly kind: "verify"; readonly batch: number; readonly checks: readonly Check[] }
  /** Hand my application's gossip to this neighbour, within the application's own budget. */
  | { readonly kind: "gossip"; readonly to: Recipient & { readonly id: MemberId }; readonly content: Uint8Array }
  | { readonly kind: "joined"; readonly member: Peer }
  | { readonly kind: "suspected"; readonly member: Peer }
  | { readonly kind: "rebutted"; readonly member: Peer }
  | { readonly kind: "updated"; readonly member: Peer }
  | { readonly kind: "left"; readonly member: Peer }
  /** Out of the view and not by its own will. Its connections are to be cut. */
  | {
      readonly kind: "failed";
      readonly member: Peer;
      readonly reason: Exclude<Standing, "live" | "suspected" | "left">;
    }
  /**
   * What another member subscribes to, live or not (rule R22): `content` as it signed it, for the room topics/. Undefined: its
   * statement is held no more.
   */
  | {
      readonly kind: "interest";
      readonly id: MemberId;
      readonly version: bigint;
      readonly content: Uint8Array | undefined;
    }
  /** My interest of this version has spread: all live members have it, or enough have for Delta that they have passed it on. */
  | { readonly kind: "interest-spread"; readonly version: bigint }
  /** I joined as far as anyone could be reached. Again when I knew nobody and have asked further contacts. */
  | { readonly kind: "ready" }
  /** My leaving note has reached all neighbours that answered. Once. */
  | { readonly kind: "departed" }
  /** The others do not have me among them, or nobody else is live here any more. Once for each reason; see isolation.ts. */
  | {
      readonly kind: "isolated";
      readonly reason: IsolationReason;
      /** Monotonic milliseconds: when a wait ends (rule R13). */
      readonly until?: number;
    }
  /** That is over. */
  | { readonly kind: "back"; readonly reason: IsolationReason }
  /** A newer list is in force (rule R17): connections of those on it are to be cut. */
  | { readonly kind: "revocations"; readonly list: RevocationList }
  /** Something a partner sent was not taken. For counters; nothing needs to be done. */
  | { readonly kind: "rejected"; readonly from: MemberId | undefined; readonly what: string; readonly reason: string }
  /** Something was seen that an operator may ask for later. Nothing needs to be done, and nothing follows from it. */
  | { readonly kind: "noticed"; readonly notice: Notice }
  /** An operator should know. */
  | { readonly kind: "alarm"; readonly what: "clock-stepped" | "identity-in-use" | "epochs-exhausted" };

/** Outputs on their way to the driver, in order. */
export class Outbox {
  #outputs: Output[] = [];

  emit(output: Output): void {
    if (this.#outputs.length >= OUTPUTS_MAX) {
      throw new Error("outputs were not taken: call takeOutputs() after each input");
    }
    this.#outputs.push(output);
  }

  take(): Output[] {
    const taken = this.#outputs;
    this.#outputs = [];
    return taken;
  }
}
