/** One call of the authority's HTTP API: JSON out, JSON in, with a deadline and a bound on the answer. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import {
  ACCEPT_SIGNATURE,
  AUTHORITY_PATHS,
  bytesWithin,
  type ChallengeAnswer,
  type ErrorAnswer,
  FirefliesError,
  isErrorCode,
  isSignatureWanted,
  messageOf,
  signCall,
} from "../../identity/index.js";
import { deadlineIn, withDeadline } from "../../net/index.js";
import { type ChannelOptions, openChannel, requireAuthority, unreachable } from "./channel.js";
import type { Line } from "./line.js";
import { pause } from "./pause.js";

/** For one call, from dialling to the last byte. */
export const AUTHORITY_TIMEOUT_MS = 10_000;
/** A revocation list of 1 MiB in base64; 100 contacts with all their addresses take 400 kB. */
const ANSWER_BYTES_MAX = 1_500_000;
const MESSAGE_CHARACTERS_MAX = 500;
/** Calls while the authority says "later", with pauses of 0.5, 1, 2, 4 and 8 s, each drawn between a half and one and a half of that. */
const BUSY_ATTEMPTS = 6;
const BUSY_PAUSE_MS = 500;
const GATEWAY_FAILURES: ReadonlySet<number> = new Set([502, 503, 504]);
/** What another address of the authority may do better. */
const ELSEWHERE: ReadonlySet<string> = new Set(["authority-unreachable", "authority-untrusted"]);

export interface Call extends Omit<ChannelOptions, "url" | "signal"> {
  /** Tried in order. */
  readonly urls: readonly string[];
  readonly path: string;
  /** Posted as JSON; without one the call is a GET. */
  readonly body?: object | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Keeps the connection for the next call; without one it ends with the answer. */
  readonly line?: Line | undefined;
}

type CallOfOne = Omit<Call, "urls" | "signal"> & {
  readonly url: string;
  readonly signal: AbortSignal;
  /** What the authority asked to be signed, when it did not see our certificate in TLS. */
  readonly wanted?: string;
};

/** The authority did not see our certificate: the call is to be signed. */
class SignatureWanted extends Error {
  constructor(readonly wanted: string) {
    super("the authority asks for a signature");
  }
}

/**
 * The answer's JSON, whatever it is. An authority that says "later" is asked again, for half a minute at most. Rejects with
 * "authority-unreachable", "authority-untrusted", "authority-answer-invalid", or with the code that the authority gave.
 */
export async function callAuthority(call: Call): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await callAny(call);
    } catch (error) {
      if (attempt === BUSY_ATTEMPTS || !isBusy(error)) throw error;
      await pause(BUSY_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()), call.signal);
      if (call.signal?.aborted) throw error;
    }
  }
}

/** Many that start at once are told to wait a second or so; each waits its own time. */
function isBusy(error: unknown): boolean {
  return error instanceof FirefliesError && error.code === "overloaded";
}

async function callAny({ urls, ...call }: Call): Promise<unknown> {
  const failures: Failure[] = [];
  for (const url of urls) {
    try {
      return await callOne({ ...call, url });
    } catch (error) {
      if (!isWorthAnother(error) || call.signal?.aborted) throw error;
      failures.push({ url, error });
    }
  }
  throw failureOf(failures);
}

interface Failure {
  readonly url: string;
  readonly error: FirefliesError;
}

/** Waiting does not help. */
export function noAddress(): FirefliesError {
  return new FirefliesError("authority-unreachable", "No address of the authority is known.");
}

/** What to tell of addresses that all failed. An impostor is the graver news; of those that are not there each is named. */
function failureOf(failures: readonly Failure[]): FirefliesError {
  const last = failures.at(-1)?.error;
  if (!last) return noAddress();
  const impostor = failures.find(({ error }) => error.code === "authority-untrusted");
  if (impostor) return impostor.error;
  if (failures.length === 1 || failures.some(({ error }) => error.code !== last.code)) return last;
  if (last.code !== "authority-unreachable") return last;
  const places = failures.map(({ url, error }) => `${url} (${messageOf(error.cause)})`).join(" or ");
  return new FirefliesError(last.code, `The authority cannot be reached at ${places}.`, { cause: last.cause });
}

function isWorthAnother(error: unknown): error is FirefliesError {
  return error instanceof FirefliesError && (ELSEWHERE.has(error.code) || isBusy(error));
}

function callOne(call: Omit<Call, "urls"> & { readonly url: string }): Promise<unknown> {
  const timeoutMs = call.timeoutMs ?? AUTHORITY_TIMEOUT_MS;
  const { signal, url } = call;
  const deadline = deadlineIn(timeoutMs);
  return withDeadline({ deadline, signal }, (signal) => callWithin({ ...call, signal })).catch((error: unknown) => {
    const isOver = error instanceof FirefliesError && (error.code === "timeout" || error.code === "cancelled");
    throw isOver ? unreachable(url, error) : error;
  });
}

async function callWithin(call: CallOfOne): Promise<unknown> {
  const isUnseen = call.proxyRoots !== undefined && call.identity !== undefined;
  if (isUnseen) return await callOnce({ ...call, wanted: await wantedBy(call) });
  try {
    return await callOnce(call);
  } catch (error) {
    if (!(error instanceof SignatureWanted)) throw error;
    return await callOnce({ ...call, wanted: error.wanted });
  }
}

/** What the authority wants to be signed. */
async function wantedBy({ body: _, identity: __, ...call }: CallOfOne): Promise<string> {
  const answer = await callOnce({ ...call, path: AUTHORITY_PATHS.challenge });
  const { signatureInput } = (answer ?? {}) as Partial<ChallengeAnswer>;
  if (isSignatureWanted(signatureInput)) return signatureInput;
  throw new FirefliesError(
    "authority-answer-invalid",
    "The authority asks for a signature in a form that is unknown here.",
  );
}

async function callOnce(call: CallOfOne): Promise<unknown> {
  const { line, url, signal } = call;
  const kept = line?.idle(url);
  if (kept !== undefined) {
    try {
      requireAuthority(kept, call);
      return await callOver(kept, call);
    } catch (error) {
      if (error instanceof SignatureWanted) throw error;
      kept.destroy();
      // The authority may have closed it just as we asked: that says nothing of the authority.
      if (signal.aborted || !isWorthAnother(error) || isBusy(error)) throw error;
    }
  }
  return await callOver(await openChannel(call), call);
}

async function callOver(socket: TLSSocket, call: CallOfOne): Promise<unknown> {
  let isKept = call.line !== undefined;
  try {
    const { status, accepts, json } = await exchange(socket, call);
    const answer = await json.catch((cause: unknown) => {
      // Of whatever stands in front of an authority that is away.
      throw GATEWAY_FAILURES.has(status) ? unreachable(call.url, new Error(`status ${status}`)) : cause;
    });
    const isUnsigned = call.identity !== undefined && call.wanted === undefined;
    if (status === 401 && isUnsigned && isSignatureWanted(accepts)) throw new SignatureWanted(accepts);
    return answerOf(call.url, status, answer);
  } catch (error) {
    isKept &&= error instanceof SignatureWanted;
    throw error;
  } finally {
    if (!isKept) socket.destroy();
  }
}

interface Response {
  readonly status: number;
  /** Its header Accept-Signature. */
  readonly accepts: unknown;
  readonly json: Promise<unknown>;
}

function exchange(socket: TLSSocket, call: CallOfOne): Promise<Response> {
  const { url, path, body, signal, line } = call;
  const method = body === undefined ? "GET" : "POST";
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const content = payload && { "content-type": "application/json", "content-length": payload.length };
  const headers = { host: new URL(url).host, ...content, ...proofOf(call, method, payload) };
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(unreachable(url, cause));
    const request = httpRequest({
      method,
      path,
      headers,
      ...(line ? { agent: line.over(socket, url) } : { createConnection: () => socket }),
      signal,
    });
    request.on("error", fail);
    request.on("response", (response) => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, accepts: headers[ACCEPT_SIGNATURE], json: readJson(response, url) });
    });
    request.end(payload);
  });
}

function proofOf({ identity, wanted, path }: CallOfOne, method: string, body: Uint8Array = new Uint8Array()): object {
  if (identity === undefined || wanted === undefined) return {};
  const { certificate, privateKey } = identity;
  return signCall({ method, path, body }, { wanted, leaf: certificate.leaf, privateKey });
}

async function readJson(response: IncomingMessage, url: string): Promise<unknown> {
  const bytes = await bytesWithin(response, ANSWER_BYTES_MAX).catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  if (bytes === undefined)
    throw new FirefliesError("authority-answer-invalid", `The answer is over ${ANSWER_BYTES_MAX} bytes.`);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new FirefliesError("authority-answer-invalid", "The authority's answer is not JSON.", { cause });
  }
}

function answerOf(url: string, status: number, json: unknown): unknown {
  if (status === 200) return json;
  const { code, message, advice }: Partial<Record<keyof ErrorAnswer, unknown>> =
    typeof json === "object" && json ? json : {};
  if (!isErrorCode(code) && GATEWAY_FAILURES.has(status)) throw unreachable(url, new Error(`status ${status}`));
  if (!isErrorCode(code))
    throw new FirefliesError("authority-answer-invalid", `The authority answered with status ${status}.`);
  throw new FirefliesError(code, saidText(message), { advice: saidText(advice) });
}

function saidText(text: unknown): string | undefined {
  return typeof text === "string" ? text.slice(0, MESSAGE_CHARACTERS_MAX) : undefined;
}
