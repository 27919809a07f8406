/**
 * One small JSON document over HTTPS, as an issuer's keys: with a deadline, a bound on its size, and no redirect. Addresses
 * come from the operator's policy, never from a caller.
 */
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { bytesWithin, isRecord } from "../../identity/index.js";

/** From the look-up of the name to the last byte, milliseconds: those who enrol wait for it. */
const FETCH_MS = 5_000;
/** A key takes half a kilobyte. */
const DOCUMENT_BYTES_MAX = 262_144;

export interface FetchOptions {
  /** Certificates in PEM that vouch for the server; those that Node trusts when left out. */
  readonly ca?: string | undefined;
  /** Shown to the server. */
  readonly bearer?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** Nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Rejects with an Error that says why. */
export async function fetchJson(url: string, options: FetchOptions = {}): Promise<Readonly<Record<string, unknown>>> {
  const { timeoutMs = FETCH_MS, signal } = options;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const response = await answer(url, options, signal ? AbortSignal.any([late.signal, signal]) : late.signal);
    return parsed(await read(response));
  } catch (cause) {
    if (late.signal.aborted) throw new Error(`${url} did not answer within ${timeoutMs} ms`, { cause });
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function answer(url: string, { ca, bearer }: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = { accept: "application/json", ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, headers, signal, ...(ca !== undefined && { ca }) });
    sent.on("error", reject);
    sent.on("response", (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.destroy();
      reject(new Error(`it answered with status ${response.statusCode}`));
    });
    sent.end();
  });
}

async function read(response: IncomingMessage): Promise<string> {
  const bytes = await bytesWithin(response, DOCUMENT_BYTES_MAX);
  if (bytes === undefined) throw new Error(`its answer is over ${DOCUMENT_BYTES_MAX} bytes`);
  return bytes.toString("utf8");
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error("its answer is no object");
  return value;
}
