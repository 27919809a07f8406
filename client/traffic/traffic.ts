/**
 * What a member and its program have said to others and heard from them, by service and protocol. One for each client; all
 * parts that talk add to it, and who shows figures reads it.
 */

import { Tallies } from "./tallies.js";
import { DURATION_BOUNDS, type Tally, type TallyInfo } from "./tally.js";

/** How many signatures were checked, by what they were on and how that ended. */
export interface SignatureChecks {
  right: number;
  wrong: number;
}

/** By the name of a service or a protocol: "none" for those without one, "other" for all that this member does not know. */
export type TrafficByName = Readonly<Record<string, TallyInfo>>;

/** Asked by this member, and by others. */
export interface TrafficBothWays {
  readonly asked: TrafficByName;
  readonly answered: TrafficByName;
}

/** What a member has said and heard since it was made. Names are at most 64 of each kind. */
export interface TrafficInfo {
  /** By service. */
  readonly messages: TrafficBothWays;
  /** The program's gossip: with the name "none". */
  readonly gossip: TrafficBothWays;
  /** By protocol: those that this member opened are `asked`. Durations are from opening to end. */
  readonly streams: TrafficBothWays;
  /** Calls of gRPC, by service; codes are gRPC's: "ok", "unavailable", ... */
  readonly rpc: TrafficBothWays;
  /** Calls of the overlay's own protocol: "exchange", "probe", "observe", "dial-back". */
  readonly calls: TrafficBothWays;
  /** Upper bounds of the classes of durations, in seconds. */
  readonly bounds: readonly number[];
  /** Checked by this member: of frames of messages, of statements of the protocol, of certificates, of batches of topics. */
  readonly signatures: Readonly<Record<"frame" | "statement" | "certificate" | "batch", Readonly<SignatureChecks>>>;
}

/** Sums of the same. */
export interface TrafficTotals {
  /** Messages of the program that were sent to others, and that came from others and were answered. */
  readonly messagesOut: number;
  readonly messagesIn: number;
  /** Bytes of messages, gossip, streams, gRPC and the overlay's own calls, without envelopes and signatures. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Open now. */
  readonly streams: number;
}

/** Both sides of one kind. */
export class Ways {
  readonly asked = new Tallies();
  readonly answered = new Tallies();

  get info(): TrafficBothWays {
    return { asked: this.asked.info, answered: this.answered.info };
  }

  sum(what: (tally: Tally) => number): number {
    return this.asked.sum(what) + this.answered.sum(what);
  }
}

export class Traffic {
  readonly messages = new Ways();
  readonly gossip = new Ways();
  readonly streams = new Ways();
  readonly rpc = new Ways();
  readonly calls = new Ways();
  readonly signatures = {
    frame: { right: 0, wrong: 0 },
    statement: { right: 0, wrong: 0 },
    certificate: { right: 0, wrong: 0 },
    batch: { right: 0, wrong: 0 },
  };

  /** `streams`: those that are open now. */
  totals(streams: number): TrafficTotals {
    const all = [this.messages, this.gossip, this.streams, this.rpc, this.calls];
    const bytes = (what: (tally: Tally) => number) => all.reduce((sum, ways) => sum + ways.sum(what), 0);
    return {
      messagesOut: this.messages.asked.sum(({ begun }) => begun),
      messagesIn: this.messages.answered.sum(({ begun }) => begun),
      bytesOut: bytes(({ bytesOut }) => bytesOut),
      bytesIn: bytes(({ bytesIn }) => bytesIn),
      streams,
    };
  }

  get info(): TrafficInfo {
    const { messages, gossip, streams, rpc, calls, signatures } = this;
    return {
      ...{ messages: messages.info, gossip: gossip.info, streams: streams.info, rpc: rpc.info, calls: calls.info },
      ...{ bounds: DURATION_BOUNDS, signatures: structuredClone(signatures) },
    };
  }
}
