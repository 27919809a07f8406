/** A request as the Fetch API takes it, read for `node:http`; and the next one, when the answer leads elsewhere. */
import { FirefliesError } from "../../../identity/index.js";

export interface Asked {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stream can be sent once. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly redirect: Request["redirect"];
  readonly signal: AbortSignal;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Of the body that a redirect drops. */
const OF_BODY: ReadonlySet<string> = new Set([
  ...["content-type", "content-length", "content-encoding", "content-language", "content-location"],
]);
/** What another host must not be told. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** Throws a TypeError, as `fetch`, and "address-forbidden". */
export async function askedOf(input: string | URL | Request, init: RequestInit = {}): Promise<Asked> {
  const request = new Request(input, init);
  const { method, redirect, signal } = request;
  const body = bodyOf(request, init.body);
  const length = lengthOf(body, init.body);
  return {
    ...{ method, redirect, signal, body, url: new URL(request.url) },
    headers: {
      accept: "*/*",
      ...Object.fromEntries(request.headers),
      ...(length !== undefined && { "content-length": String(length) }),
    },
  };
}

/** Where the answer leads; undefined when it is one. Throws a TypeError for a body that cannot be sent twice. */
export function redirected(asked: Asked, { status, headers }: Response): Asked | undefined {
  const location = headers.get("location");
  if (!REDIRECTS.has(status) || location === null || asked.redirect === "manual") return undefined;
  if (!URL.canParse(location, asked.url.href)) throw new TypeError(`The answer leads to ${JSON.stringify(location)}.`);
  const url = new URL(location, asked.url);
  const dropsBody = status === 303 ? asked.method !== "HEAD" : status < 303 && asked.method === "POST";
  if (!dropsBody && asked.body instanceof ReadableStream) throw new TypeError("A stream cannot be sent twice.");
  const isElsewhere = url.host !== asked.url.host;
  const isKept = (name: string) => !(dropsBody && OF_BODY.has(name)) && !(isElsewhere && SECRET.has(name));
  return {
    ...asked,
    url,
    headers: Object.fromEntries(Object.entries(asked.headers).filter(([name]) => isKept(name))),
    ...(dropsBody && { method: "GET", body: undefined }),
  };
}

/** Throws "address-forbidden". */
export function requireScheme({ protocol }: URL): void {
  if (protocol === "http:") return;
  throw new FirefliesError("address-forbidden", `Members are reached by http:, and not by ${protocol}.`, {
    advice: "Write http://: the connection between two members is sealed and proven in any case.",
  });
}

/** Bytes where they are at hand, so that they have a length and can be sent again. */
function bodyOf(request: Request, given: unknown): Asked["body"] {
  if (typeof given === "string" || given instanceof URLSearchParams) return Buffer.from(String(given));
  if (given instanceof ArrayBuffer) return new Uint8Array(given);
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  return (request.body as ReadableStream<Uint8Array> | null) ?? undefined;
}

function lengthOf(body: Asked["body"], given: unknown): number | undefined {
  if (body instanceof Uint8Array) return body.length;
  return given instanceof Blob ? given.size : undefined;
}
