/** Requests across: of members to subjects of NATS, by way of a bridge; of NATS to services of members. With a deadline both ways. */
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Client } from "../../../client/client.js";
import type { Member } from "../../../client/index.js";
import { FirefliesError, messageOf, ReplyError } from "../../../identity/index.js";
import { concatBytes } from "../../../rings/index.js";
import { isAllowed, parseAccess } from "../../access.js";
import { natsError } from "../connection/connect.js";

/** What bridges serve, and members ask. */
export const REQUEST_SERVICE = "/nats/request";
/** Milliseconds for an answer, where nothing is said. */
export const REQUEST_MS = 10_000;
const REQUEST_MS_MAX = 300_000;
/** For a request to reach a bridge and its answer to come back, beside what NATS has, milliseconds. */
const WAY_MS = 2_000;
const HEAD_BYTES_MAX = 4_096;
const LENGTH_BYTES = 2;

/** What is said before the data of a request. */
interface Head {
  readonly subject: string;
  readonly timeoutMs: number;
}

export interface NatsRequestOptions {
  /**
   * Members that are believed when they say that they bridge to NATS, as in a bridge's settings: any member may say so, and give
   * any answer. `["*"]` is every member of the network.
   */
  readonly bridges: readonly string[];
  /** Milliseconds for the answer, 1 to 300,000: 10,000 by default. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Asking = Pick<Client, "sendToAny">;

/**
 * Asks whoever answers at a subject of NATS, by way of a live bridge that is believed and lets it through. Rejects with "peer-unreachable" when
 * nobody answers there ("no responders"), "timeout", "nats-forbidden" (no bridge lets the subject through, or the server does
 * not), "nats-unreachable", "service-absent" (no live bridge that the rules name), "access-invalid", and as `client.sendToAny`;
 * with a RangeError for a timeout.
 */
export async function natsRequest(
  client: Asking,
  subject: string,
  data: Uint8Array,
  { bridges, timeout = REQUEST_MS, signal }: NatsRequestOptions,
): Promise<Uint8Array> {
  const rules = parseAccess(bridges);
  if (!(timeout >= 1 && timeout <= REQUEST_MS_MAX))
    throw new RangeError(`The timeout is a number of milliseconds from 1 to ${REQUEST_MS_MAX}, not ${timeout}.`);
  const among = (member: Member) => isAllowed(rules, member);
  const options = { timeout: timeout + WAY_MS, among, ...(signal && { signal }) };
  try {
    return await client.sendToAny(REQUEST_SERVICE, encodeRequest({ subject, timeoutMs: timeout }, data), options);
  } catch (cause) {
    throw cause instanceof ReplyError ? asFailure(cause) : cause;
  }
}

/** Codes that a bridge answers with, which mean the same at the member that asked. */
const PASSED = [
  "peer-unreachable",
  "timeout",
  "nats-forbidden",
  "nats-unreachable",
  "nats-refused",
  "message-too-large",
] as const;

function asFailure(error: ReplyError): Error {
  const code = PASSED.find((each) => each === error.code);
  return code === undefined ? error : new FirefliesError(code, error.message, { cause: error });
}

export function encodeRequest(head: Head, data: Uint8Array): Uint8Array {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(LENGTH_BYTES);
  if (json.length > HEAD_BYTES_MAX) throw new FirefliesError("nats-forbidden", "The subject is too long.");
  length.writeUInt16BE(json.length);
  return concatBytes(length, json, data);
}

/** Undefined for what is none. */
export function decodeRequest(bytes: Uint8Array): (Head & { readonly data: Uint8Array }) | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < LENGTH_BYTES) return undefined;
  const end = LENGTH_BYTES + view.readUInt16BE(0);
  if (end > LENGTH_BYTES + HEAD_BYTES_MAX || end > view.length) return undefined;
  try {
    const { subject, timeoutMs } = JSON.parse(view.toString("utf8", LENGTH_BYTES, end)) as Partial<Head>;
    if (typeof subject !== "string" || typeof timeoutMs !== "number" || !(timeoutMs >= 1)) return undefined;
    return { subject, timeoutMs: Math.min(timeoutMs, REQUEST_MS_MAX), data: bytes.subarray(end) };
  } catch {
    return undefined;
  }
}

/** A bridge's answer to a member: what NATS answers, or a ReplyError with a code. */
export async function answerMember(
  nats: NatsConnection | undefined,
  isLet: (subject: string) => boolean,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const request = decodeRequest(bytes);
  if (request === undefined || !isLet(request.subject))
    throw new ReplyError("The bridge does not let requests to this subject through.", { code: "nats-forbidden" });
  if (nats === undefined) throw new ReplyError("The bridge has no NATS server now.", { code: "nats-unreachable" });
  try {
    const { subject, data, timeoutMs } = request;
    return (await nats.request(subject, data, { timeout: timeoutMs })).data;
  } catch (cause) {
    const { code, message } = natsError(cause);
    throw new ReplyError(message, { code });
  }
}

/** Of NATS's way to say how a service failed: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md */
const ERROR_TEXT = "Nats-Service-Error";
const ERROR_CODE = "Nats-Service-Error-Code";
const NO_RESPONDERS = 503;
/** Nobody in the overlay can have handled it. */
const NOBODY: readonly string[] = [
  "service-absent",
  "peer-unreachable",
  "peer-unknown",
  "handler-missing",
  "member-stopping",
];
/** Header by which who asks says how many milliseconds it waits. */
const TIMEOUT = "Ff-Timeout";

/** A service's answer to NATS: what a member answers, "no responders", or an error as services of NATS say it. */
export async function answerNats(
  client: Asking,
  service: string,
  message: Msg,
  headers: (code?: number, description?: string) => NonNullable<Msg["headers"]>,
): Promise<void> {
  if (message.reply === undefined || message.reply === "") return;
  const said = Number(message.headers?.get(TIMEOUT) || REQUEST_MS);
  const timeout = said >= 1 && said <= REQUEST_MS_MAX ? said : REQUEST_MS;
  try {
    message.respond(await client.sendToAny(service, message.data, { timeout }));
  } catch (cause) {
    const code = (cause as { readonly code?: unknown }).code;
    if (typeof code === "string" && NOBODY.includes(code)) {
      message.respond(undefined, { headers: headers(NO_RESPONDERS, "No Responders") });
      return;
    }
    const failed = headers();
    failed.set(
      ERROR_TEXT,
      messageOf(cause)
        .replaceAll(/[\r\n]+/g, " ")
        .slice(0, 1_024),
    );
    failed.set(ERROR_CODE, typeof code === "string" ? code : "handler-failed");
    message.respond(undefined, { headers: failed });
  }
}
