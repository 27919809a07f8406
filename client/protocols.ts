/** What members speak with each other over their sessions: names on the wire, sizes, and how much of each at once. */
import { PACKET_BYTES_MAX, REVOCATION_BYTES_MAX } from "../gossip/index.js";
import { FirefliesError, type MemberCertificate } from "../identity/index.js";
import { type ByteDuplex, type CallProtocol, type Limits, type Path, Protocols } from "../net/index.js";
import { FRAME_HEAD_BYTES, PACKET_BYTES_MAX as TOPIC_PACKET_BYTES_MAX } from "../topics/index.js";
import { SERVICE_CHUNK_BYTES_MAX, SERVICE_CONNECTIONS_PER_PEER_MAX, SERVICES } from "./grpc/limits.js";
import { DIAL_BACK, DIAL_BACK_BYTES_MAX, OBSERVE, OBSERVE_BYTES_MAX } from "./reach/codec.js";
import type { Tallies } from "./traffic/tallies.js";
import { countedAnswer } from "./traffic/tally.js";

/** Reconciliation and push of statements: one request, one answer. */
export const EXCHANGE = "exchange";
/** The failure detector's question when pings do not get through. */
export const PROBE = "probe";
/** Signed requests and replies of a session, in frames: two streams, small requests and large ones. */
export const MESSAGES = "messages";
/** A stream of the application. */
export const STREAM = "stream";
/** The same, where the side that takes it says so first, by an empty message. */
export const ASKED_STREAM = "stream-asked";
/** One of the connections of a stream that outlives them (client/lasting). */
export const LASTING = "stream-lasting";
/** What two members say to each other of topics (client/topics/line.ts). */
export const TOPICS = "topics";

/** Largest message of the application, in bytes: the size that gRPC deployments take as their default limit. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** What a frame may add to one message of that size: list, signature and envelope, with room for small ones beside it. */
const FRAME_OVERHEAD_BYTES = 64 * 1024;
/** Largest frame of messages, in bytes. */
export const FRAME_BYTES_MAX = MESSAGE_BYTES_MAX + FRAME_OVERHEAD_BYTES;
/** Largest message on a stream, in bytes: some of them wait at either end when the reader stops, per stream. */
export const STREAM_CHUNK_BYTES_MAX = 1024 * 1024;
/** A probe asks nothing and brings a fingerprint of 16 bytes back. */
const PROBE_BYTES_MAX = 64;

/**
 * A member of ours makes one exchange and one push at a time, a probe now and then, has two streams for messages per
 * session, and 256 of the application.
 */
export const LIMITS: Readonly<
  Record<
    "exchange" | "probe" | "observe" | "dialBack" | "messages" | "stream" | "lasting" | "topics" | "services",
    Limits
  >
> = {
  exchange: { bytesMax: PACKET_BYTES_MAX + REVOCATION_BYTES_MAX, openPerPeerMax: 16 },
  probe: { bytesMax: PROBE_BYTES_MAX, openPerPeerMax: 8 },
  messages: { bytesMax: FRAME_BYTES_MAX, openPerPeerMax: 8 },
  observe: { bytesMax: OBSERVE_BYTES_MAX, openPerPeerMax: 4 },
  dialBack: { bytesMax: DIAL_BACK_BYTES_MAX, openPerPeerMax: 2 },
  stream: { bytesMax: STREAM_CHUNK_BYTES_MAX, openPerPeerMax: 264 },
  // A byte says what it is. While streams change over there are two connections of each.
  lasting: { bytesMax: STREAM_CHUNK_BYTES_MAX + 1, openPerPeerMax: 528 },
  // One is enough; both may open one at once, and another session may take over.
  topics: { bytesMax: TOPIC_PACKET_BYTES_MAX + FRAME_HEAD_BYTES, openPerPeerMax: 4 },
  services: { bytesMax: SERVICE_CHUNK_BYTES_MAX, openPerPeerMax: SERVICE_CONNECTIONS_PER_PEER_MAX },
};

/** What answers other members, by protocol. */
export interface Answers {
  /** Throws, or rejects, what the caller is told. */
  exchange(peer: MemberCertificate, packet: Uint8Array): Promise<Uint8Array>;
  /** The fingerprint of my view. */
  probe(peer: MemberCertificate): Uint8Array;
  observe(peer: MemberCertificate, path: Path): Uint8Array;
  dialBack(peer: MemberCertificate, body: Uint8Array, signal: AbortSignal, path: Path): Promise<Uint8Array>;
  messages(peer: MemberCertificate, duplex: ByteDuplex): void;
  /**
   * `name`: of the application's protocol, as the peer says it; empty for none. `trace`: likewise, of a trace. `isAsked`: it waits for
   * a first word.
   */
  stream(peer: MemberCertificate, duplex: ByteDuplex, name: string, trace: string, isAsked: boolean): void;
  lasting(peer: MemberCertificate, duplex: ByteDuplex, name: string, trace: string): void;
  topics(peer: MemberCertificate, duplex: ByteDuplex): void;
  services(peer: MemberCertificate, duplex: ByteDuplex): void;
}

/** `calls` counts those that are answered. */
export function speak(protocols: Protocols, answers: Answers, calls: Tallies): void {
  const take = (id: string, limits: Limits, onCall: CallProtocol["onCall"]) => {
    const tally = calls.own(id);
    protocols.register({
      ...{ kind: "call", id, limits },
      onCall: (peer, body, signal, path) => countedAnswer(tally, body, () => onCall(peer, body, signal, path)),
    });
  };
  take(EXCHANGE, LIMITS.exchange, async (peer, body) => await answers.exchange(peer, body));
  take(PROBE, LIMITS.probe, async (peer) => answers.probe(peer));
  take(OBSERVE, LIMITS.observe, async (peer, _body, _signal, path) => answers.observe(peer, path));
  take(DIAL_BACK, LIMITS.dialBack, (peer, body, signal, path) => answers.dialBack(peer, body, signal, path));
  const duplexes = [
    [MESSAGES, "messages"],
    [STREAM, "stream"],
    [ASKED_STREAM, "stream"],
    [LASTING, "lasting"],
    [TOPICS, "topics"],
    [SERVICES, "services"],
  ] as const;
  for (const [id, name] of duplexes)
    protocols.register({
      kind: "duplex",
      id,
      limits: LIMITS[name],
      onDuplex: (peer, duplex, _path, what, trace) => answers[name](peer, duplex, what, trace, id === ASKED_STREAM),
    });
}

/** For a program that only asks: what it may call and open, and nobody to answer what others begin. */
export function askingOnly(): Protocols {
  const protocols = new Protocols();
  const refused = () => new FirefliesError("peer-refused", "This program answers nothing.");
  const calls = [
    [EXCHANGE, LIMITS.exchange],
    [PROBE, LIMITS.probe],
    [OBSERVE, LIMITS.observe],
    [DIAL_BACK, LIMITS.dialBack],
  ] as const;
  for (const [id, limits] of calls)
    protocols.register({ kind: "call", id, limits, onCall: () => Promise.reject(refused()) });
  for (const id of [MESSAGES, STREAM] as const)
    protocols.register({
      kind: "duplex",
      id,
      limits: LIMITS[id],
      onDuplex: (_, duplex) => void duplex.destroy(refused()),
    });
  return protocols;
}
