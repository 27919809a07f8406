/** What the metrics of a member are read from. A `Client` is one; this room imports nothing of it. */

/** As `ClientInfo` has it. */
export interface MemberInfo {
  readonly rings: number;
  readonly tolerance: number;
  readonly disabledRings: readonly number[];
  readonly members: number;
  readonly suspected: number;
  readonly isolated: { readonly reason: string } | undefined;
  readonly links: number;
  readonly paths: Readonly<Record<string, number>>;
  /** Unix milliseconds. */
  readonly certificateEnds: number;
  readonly clock: string;
  /** By "what: reason". */
  readonly rejected: Readonly<Record<string, number>>;
  readonly datagrams: {
    readonly sentByUdp: number;
    readonly sentInSession: number;
    readonly received: number;
    readonly dropped: Readonly<Record<string, number>>;
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly relay: {
    readonly mine: readonly unknown[];
    readonly wanted: number;
    readonly reservations: number;
    readonly connections: number;
    readonly delayed: number;
    readonly passed: number;
    readonly bytes: number;
    readonly refused: number;
  };
  readonly discovery: readonly DiscoveryState[];
  readonly punches: { readonly tried: number; readonly succeeded: number };
  readonly udx:
    | {
        readonly connections: number;
        readonly bytesSent: number;
        readonly bytesReceived: number;
        readonly packetsSent: number;
        readonly packetsReceived: number;
        readonly retransmits: number;
      }
    | undefined;
}

/** As `DiscoveryInfo` has it. */
export interface DiscoveryState {
  /** "authority", "list", or the source's name, which begins with its kind: "dns:members.example:7000". */
  readonly source: string;
  readonly contacts: number;
  /** Unix milliseconds. */
  readonly answeredAt: number | undefined;
  readonly failures: number;
}

/** Of one service or protocol, as `TallyInfo` has it. */
export interface Tally {
  readonly begun: number;
  /** By code. */
  readonly ended: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Seconds. */
  readonly durations: { readonly sum: number; readonly counts: readonly number[] };
}

export type TallyByName = Readonly<Record<string, Tally>>;

/** Asked by the member, and by others. */
export interface Ways {
  readonly asked: TallyByName;
  readonly answered: TallyByName;
}

/** As `TrafficInfo` has it. */
export interface TrafficState {
  readonly messages: Ways;
  readonly gossip: Ways;
  readonly streams: Ways;
  readonly rpc: Ways;
  readonly calls: Ways;
  /** Of the classes of durations, seconds. */
  readonly bounds: readonly number[];
  readonly signatures: Readonly<Record<string, { readonly right: number; readonly wrong: number }>>;
}

/** As `TopicInfo` has it. */
export interface TopicState {
  readonly topic: string;
  readonly subscribers: number;
  readonly published: number;
  readonly settled: number;
  readonly backlog: number;
  readonly heldBytes: number;
}

/** As `Change` has it. */
export interface MemberChange {
  readonly kind: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** Of "failed" and "isolated". */
  readonly reason?: string;
  /** Of "dropped": changes that this reader did not see. */
  readonly count?: number;
}

export interface MemberSource {
  info(): MemberInfo;
  topics(): readonly TopicState[];
  traffic(): TrafficState;
  changes(options: { readonly signal: AbortSignal }): AsyncIterable<MemberChange>;
}
