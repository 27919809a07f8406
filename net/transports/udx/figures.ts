/** What goes over reliable UDP, as figures: of a port in all, and of the connections that carry most. */
import { formatHostPort } from "../../address.js";
import type { Connection } from "./connection.js";
import type { UdxCounts } from "./counts.js";

/** Connections that are told of one by one: a page. */
export const CONNECTIONS_SHOWN_MAX = 16;

/** One connection. */
export interface UdxConnectionFigures extends UdxCounts {
  /** Of the other end, where it was last proven to be. */
  readonly address: string;
  /** Milliseconds of a round trip, smoothed; 0 until there is a measure. */
  readonly rttMs: number;
  /** The congestion window: packets that may be under way without an answer. */
  readonly congestionWindow: number;
  /** How often it went on at another address. The counts are those since then. */
  readonly moves: number;
}

/** All connections over reliable UDP of a member. */
export interface UdxFigures extends UdxCounts {
  readonly connections: number;
  /** Of them: accepted, and nothing has come yet. */
  readonly halfOpen: number;
  /** Dials that were refused, for want of room or of a listener. */
  readonly refused: number;
  /** How often a connection went on at another address. */
  readonly moves: number;
  /** The 16 connections that have carried most. */
  readonly busiest: readonly UdxConnectionFigures[];
}

/** Of those that have a stream, the ones that have carried most. */
export function busiest(connections: Iterable<Connection>): UdxConnectionFigures[] {
  const all = [...connections].flatMap(({ lane, remote, moves }) =>
    lane === undefined
      ? []
      : [
          {
            address: formatHostPort(remote.host, remote.port),
            ...{ rttMs: lane.rttMs, congestionWindow: lane.congestionWindow, moves },
            ...lane.counts,
          },
        ],
  );
  const weight = ({ bytesSent, bytesReceived }: UdxCounts) => bytesSent + bytesReceived;
  return all.sort((a, b) => weight(b) - weight(a)).slice(0, CONNECTIONS_SHOWN_MAX);
}
