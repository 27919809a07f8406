/** What a stream of udx-native has sent and received, as it counts. */
import type { UdxStream } from "../../udp/udx-native.js";

/** The library counts what it sent again in so many values. */
const RETRANSMITS_WRAP = 0x10000;

/** Since the start. Bytes and packets are those of the UDP datagrams of connections, with the 20 bytes of their headers. */
export interface UdxCounts {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  /** Packets that were sent again, as an answer did not come in time or others overtook it: of `packetsSent`, the share lost. */
  readonly retransmits: number;
}

const NOTHING: UdxCounts = { bytesSent: 0, bytesReceived: 0, packetsSent: 0, packetsReceived: 0, retransmits: 0 };

/** Counts of one stream of the library. To be looked at now and then, before what was sent again is counted from 0. */
export class StreamCounts {
  readonly #stream: UdxStream;
  #retransmits = 0;
  #seen = 0;

  constructor(stream: UdxStream) {
    this.#stream = stream;
  }

  look(): UdxCounts {
    const { bytesTransmitted, bytesReceived, packetsTransmitted, packetsReceived, retransmits } = this.#stream;
    this.#retransmits += (retransmits - this.#seen + RETRANSMITS_WRAP) % RETRANSMITS_WRAP;
    this.#seen = retransmits;
    const [bytesSent, packetsSent] = [bytesTransmitted, packetsTransmitted];
    return { bytesSent, bytesReceived, packetsSent, packetsReceived, retransmits: this.#retransmits };
  }
}

export function sumOf(counts: Iterable<UdxCounts>): UdxCounts {
  const sum = { ...NOTHING };
  for (const each of counts) for (const name of Object.keys(NOTHING) as (keyof UdxCounts)[]) sum[name] += each[name];
  return sum;
}
