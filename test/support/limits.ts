/** The limits that a program meets, as the table of docs/client.md and docs/api/fireflies.md: from the constants of the code. */

import { ADVERTISED_MAX } from "../../client/config/endpoints.js";
import { SERVICE_CALLS_MAX, SERVICE_MESSAGE_BYTES_MAX } from "../../client/grpc/limits.js";
import {
  MESSAGE_BYTES_MAX,
  SEND_TIMEOUT_MS,
  STREAM_CHUNK_BYTES_MAX,
  STREAMS_OF_PEER_MAX,
  STREAMS_PER_PEER_MAX,
} from "../../client/index.js";
import { CONCURRENT_MESSAGES } from "../../client/messages/budget.js";
import { REQUESTER_LIMITS } from "../../client/messages/requester.js";
import { HANDLER_TIMEOUT_MS } from "../../client/messages/responder.js";
import { CHANGES_MAX } from "../../client/program/changes.js";
import { DRAIN_MS } from "../../client/talk/drain-deadline.js";
import { DEPARTED_MAX } from "../../client/view/directory.js";
import { METADATA_BYTES_MAX } from "../../gossip/index.js";

const mib = (bytes: number) => `${bytes / 1024 / 1024} MiB`;
const seconds = (ms: number) => `${ms / 1000} s`;
const count = (number: number) => number.toLocaleString("en-US");
const { inFlight, inFlightBytes, waiting, waitingBytes } = REQUESTER_LIMITS;

const ROWS: readonly (readonly [what: string, limit: string, beyond: string])[] = [
  ["a message, its reply, gossip content", mib(MESSAGE_BYTES_MAX), "`message-too-large`: use a stream"],
  ["a message on a stream", mib(STREAM_CHUNK_BYTES_MAX), "the stream ends with `message-too-large`"],
  ["streams without a protocol, with one member, of both sides", count(STREAMS_PER_PEER_MAX), "`overloaded`"],
  ["streams of one protocol that a member opens", `${STREAMS_PER_PEER_MAX} (\`streamsPerPeer\`)`, "`overloaded`"],
  ["streams with one member, of all protocols and both sides", count(STREAMS_OF_PEER_MAX), "`overloaded`"],
  ["messages to one member without an answer", `${count(inFlight)} or ${mib(inFlightBytes)}`, "more wait here"],
  ["messages that wait for it", `${count(waiting)} or ${mib(waitingBytes)}`, "`overloaded`"],
  ["message handlers at once", `${CONCURRENT_MESSAGES} (\`max_concurrent_messages\`)`, "more wait"],
  ["time of a handler", seconds(HANDLER_TIMEOUT_MS), "its sender gets `handler-timeout`"],
  ["time of a message and its answer", `${seconds(SEND_TIMEOUT_MS)} (\`timeout\`)`, "`timeout`"],
  ["what runs at a stop", `${seconds(DRAIN_MS)} (\`drain\`)`, "is cut, with the alarm `drain-expired`"],
  ["metadata, as JSON", `${count(METADATA_BYTES_MAX)} bytes`, "`metadata-too-large`"],
  ["addresses advertised", String(ADVERTISED_MAX), "`address-invalid`"],
  ["changes that a reader has not taken", count(CHANGES_MAX), "the oldest go, and the change `dropped` says how many"],
  ["members that left or failed, remembered", count(DEPARTED_MAX), "the oldest go"],
  ["a gRPC message of a service", mib(SERVICE_MESSAGE_BYTES_MAX), "RESOURCE_EXHAUSTED"],
  ["gRPC calls at once to one member", count(SERVICE_CALLS_MAX), "more wait"],
];

export function limitsTable(): string {
  const rows = ROWS.map(([what, limit, beyond]) => `| ${what} | ${limit} | ${beyond} |`);
  return ["| what | limit | beyond it |", "|---|---|---|", ...rows].join("\n");
}
