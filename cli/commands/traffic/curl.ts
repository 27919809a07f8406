/** `fireflies curl`: a request of HTTP to a member, by way of the agent, and its answer on standard output. */
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { messageOf } from "../../../identity/files/files.js";
import { onAbort } from "../../../net/abort.js";
import { hostOfMember } from "../../../services/host-names.js";
import { httpConnection } from "../../api/caller/calls.js";
import { FrameDuplex } from "../../api/caller/frame-duplex.js";
import { readInput, unreadable } from "../../input-file.js";
import { shown, toJson, writeLine } from "../../output.js";
import { type AgentOption, examples, number, withAgent } from "../common.js";
import { opened, shower } from "./stream.js";

const SILENCE_SECONDS_DEFAULT = 300;
const SILENCE_SECONDS_MAX = 86_400;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** Redirects that are followed: more are a circle. */
const REDIRECTS_DEFAULT = 10;
const REDIRECTS_MAX = 50;
/** Bytes of standard input as a body. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;

interface CurlOptions extends AgentOption {
  readonly request?: string;
  readonly header?: readonly string[];
  readonly data?: string;
  readonly dataBinary?: string;
  readonly dataRaw?: string;
  readonly uploadFile?: string;
  readonly output?: string;
  readonly remoteName?: true;
  readonly location?: true;
  readonly maxRedirs: number;
  readonly user?: string;
  readonly userAgent?: string;
  readonly verbose?: true;
  readonly maxTime?: number;
  readonly include?: true;
  readonly head?: true;
  readonly fail?: true;
  readonly protocol?: string;
  readonly timeout: number;
}

/** A request: where it goes, and what. */
interface Asked {
  readonly target: Target;
  readonly method: string;
  readonly body: Buffer | undefined;
  /** It goes where it was typed to, and not on to another member: what proves the caller may be sent along. */
  readonly isTrusted: boolean;
}
type Answered = Pick<IncomingMessage, "statusCode" | "headers">;

/** Where a request goes. */
interface Target {
  /** As the agent takes it: "bob.fireflies" or "service:shop". */
  readonly member: string;
  /** The header Host. */
  readonly host: string;
  readonly port: string;
  readonly path: string;
}

export function addCurl(program: Command): void {
  const command = withAgent(
    program
      .command("curl <url>")
      .description("ask the HTTP server of a member, as bob/path, and print its answer")
      .option("-X, --request <method>", "instead of GET, or POST with --data")
      .option(
        "-H, --header <line>",
        '"Name: value"; may be repeated',
        (line: string, before: readonly string[] = []) => [...before, line],
      )
      .option("-d, --data <text>", "the body; @FILE reads a file, @- standard input")
      .option("--data-binary <text>", "as --data")
      .option("--data-raw <text>", "the body as it is, also with @ before it")
      .option("-T, --upload-file <file>", "PUT a file; - is standard input")
      .option("-o, --output <file>", "write the body there; - is standard output")
      .option("-O, --remote-name", "write the body to a file here, named as the last part of the path")
      .option("-L, --location", "follow redirects to members")
      .option("--max-redirs <number>", "how many", number(0, REDIRECTS_MAX, true), REDIRECTS_DEFAULT)
      .option("-u, --user <name:password>", "Basic authentication")
      .option("-A, --user-agent <text>", "instead of fireflies")
      .option("-v, --verbose", "tell the heads of request and answer on standard error")
      .option("-s, --silent", "nothing: there is no progress to hide")
      .option("-S, --show-error", "nothing: errors are always told")
      .option("-m, --max-time <seconds>", "for all of it, then it fails", number(0.001, SILENCE_SECONDS_MAX, false))
      .option("-i, --include", "print the status and the headers before the body")
      .option("-I, --head", "ask for the headers alone, and print them")
      .option("-f, --fail", "a status from 400 on is an error")
      .option("--protocol <name>", "what the member is asked for, instead of /http/1.1")
      .option(
        "--timeout <seconds>",
        "without a byte of the answer, then it fails",
        number(0.001, SILENCE_SECONDS_MAX, false),
        SILENCE_SECONDS_DEFAULT,
      ),
  );
  examples(
    command,
    "curl bob/index.html",
    "curl service:shop/orders -d '{\"item\":1}' -H 'content-type: application/json'",
    "curl bob:8000/ --head       # what bob forwards as /tcp/8000",
  );
  command.addHelpText(
    "after",
    "\nThe member is its name, its id or the beginning of that, or service:NAME. With --json a line on standard error has\nstatus and headers; standard output has the body alone.",
  );
  command.action(async (url: string, options: CurlOptions) => {
    const target = targetOf(url);
    const body = await bodyOf(options);
    const method = options.request ?? methodFor(options, body);
    const ends = options.maxTime === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.maxTime * 1_000;
    let next: Asked | undefined = { target, method, body, isTrusted: true };
    for (let left = options.maxRedirs; next !== undefined; left--) next = await one(next, left, ends, options);
  });
}

/** One request, and its answer shown; or where it is redirected to. */
async function one(asked: Asked, left: number, ends: number, options: CurlOptions): Promise<Asked | undefined> {
  const { target } = asked;
  const call = httpConnection(target.member, { port: target.port, protocol: options.protocol });
  const socket = new FrameDuplex(await opened(options, call));
  const late = () => socket.destroy(new FirefliesError("timeout", `It took longer than ${options.maxTime} s.`));
  const timer = Number.isFinite(ends) ? setTimeout(late, Math.max(0, ends - performance.now())) : undefined;
  try {
    const response = await ask(socket, asked, options);
    if (options.verbose) await tellHead("<", answerHead(response));
    const next = options.location ? redirected(asked, response) : undefined;
    if (next === undefined) await show(response, socket, target, options);
    else if (left <= 0)
      throw new FirefliesError("http-status", `It was redirected more than ${options.maxRedirs} times.`);
    return next;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** The next request (RFC 9110, section 15.4); undefined if the answer is not a redirect. Throws if it leads to no member. */
export function redirected({ target, method, body, isTrusted }: Asked, response: Answered): Asked | undefined {
  const { statusCode = 0, headers } = response;
  if (!REDIRECTS.includes(statusCode) || headers.location === undefined) return undefined;
  const from = `http://${target.host}${target.path}`;
  const to = URL.canParse(headers.location, from) ? new URL(headers.location, from) : undefined;
  if (to?.protocol !== "http:" || !/\.fireflies$/i.test(to.hostname)) {
    throw new FirefliesError("address-forbidden", `It is redirected to ${headers.location}, which is no member.`, {
      advice: "Ask there without this command.",
    });
  }
  const isSame = to.host.toLowerCase() === target.host.toLowerCase();
  const path = `${to.pathname}${to.search}`;
  const there = isSame ? { ...target, path } : targetOf(`${to.hostname}:${to.port || "80"}${path}`);
  const becomesGet = statusCode === 303 ? method !== "HEAD" : statusCode < 303 && method === "POST";
  return {
    ...{ target: there, method: becomesGet ? "GET" : method, body: becomesGet ? undefined : body },
    isTrusted: isTrusted && isSame,
  };
}

function methodFor({ head, uploadFile }: CurlOptions, body: Buffer | undefined): string {
  if (head) return "HEAD";
  if (uploadFile !== undefined) return "PUT";
  return body === undefined ? "GET" : "POST";
}

/** Throws "cli-usage". */
export function targetOf(text: string): Target {
  const [, member, port = "80", rest = ""] =
    /^(?:http:\/\/)?((?:service:)?[^/:?#]+)(?::(\d{1,5}))?([/?].*)?$/s.exec(text) ?? [];
  if (member === undefined) {
    throw new FirefliesError(
      "cli-usage",
      `${JSON.stringify(text)} leads to no member: write bob/path or service:NAME/path.`,
    );
  }
  const name = member.replace(/^service:/, "");
  const host = /\.fireflies$/i.test(name) ? name : hostOfMember(name);
  const path = encodeURI(rest.startsWith("/") ? rest : `/${rest}`)
    .replaceAll("%25", "%")
    .replace(/#.*$/s, "");
  return { member, host: port === "80" ? host : `${host}:${port}`, port, path };
}

async function ask(
  socket: Duplex,
  { target: { host, path }, method, body, isTrusted }: Asked,
  options: CurlOptions,
): Promise<IncomingMessage> {
  const isForm = body !== undefined && options.uploadFile === undefined;
  const { user, userAgent = "fireflies" } = options;
  const headers: Record<string, string | string[]> = {
    host,
    accept: "*/*",
    "user-agent": userAgent,
    connection: "close",
    ...(isForm && { "content-type": "application/x-www-form-urlencoded" }),
    ...(user !== undefined && { authorization: `Basic ${Buffer.from(user).toString("base64")}` }),
    ...headersIn(options),
  };
  // What proves the caller to one server is not shown to the next.
  if (!isTrusted) for (const name of ["authorization", "cookie"]) delete headers[name];
  let request: ReturnType<typeof httpRequest>;
  try {
    request = httpRequest({ method, path, headers, createConnection: () => socket });
  } catch (cause) {
    throw new FirefliesError("cli-usage", `That is no request: ${(cause as Error).message}.`, { cause });
  }
  request.on("error", () => {}); // What waits is told; what comes later ends the body.
  if (options.verbose)
    await tellHead(">", [
      `${method} ${path} HTTP/1.1`,
      ...request.getRawHeaderNames().map((name) => `${name}: ${request.getHeader(name)}`),
    ]);
  request.end(body);
  const [response] = (await within(socket, options.timeout, once(request, "response"))) as [IncomingMessage];
  return response;
}

async function show(response: IncomingMessage, socket: Duplex, target: Target, options: CurlOptions): Promise<void> {
  const { statusCode = 0, statusMessage = "" } = response;
  const file = fileFor(target, options);
  const out = file === undefined ? shower(process.stdout, false) : fileWriter(file);
  if (options.json)
    await writeLine(toJson({ event: "answer", status: statusCode, headers: response.headers }), process.stderr);
  if (options.include || options.head) {
    await out(Buffer.from([...answerHead(response), "", ""].join("\r\n"), "latin1"));
  }
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const { done, value } = await within(socket, options.timeout, chunks.next());
    if (done) break;
    await out(value);
  }
  await out(undefined);
  if (options.fail && statusCode >= 400) {
    throw new FirefliesError("http-status", `The server answered with status ${statusCode} ${statusMessage}.`);
  }
}

function answerHead({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage): readonly string[] {
  const fields = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
  return [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`, ...fields];
}

async function tellHead(mark: string, lines: readonly string[]): Promise<void> {
  for (const line of lines) await writeLine(`${mark} ${shown(line)}`, process.stderr);
}

/** Undefined for standard output. Throws "cli-usage" for a path that names no file. */
function fileFor({ path }: Target, { output, remoteName }: CurlOptions): string | undefined {
  if (output !== undefined) return output === "-" ? undefined : output;
  if (!remoteName) return undefined;
  const name = /([^/]*)$/.exec(path.replace(/[?].*$/s, ""))?.[1] ?? "";
  if (/^[^.\0][^\0]*$/.test(name)) return name;
  throw new FirefliesError("cli-usage", `${path} has no last part that could name a file.`, {
    advice: "Give --output.",
  });
}

/** Writes a file anew, as it comes. Rejects with "output-failed". */
function fileWriter(path: string): (data: Uint8Array | undefined) => Promise<void> {
  let opening: Promise<FileHandle> | undefined;
  const failed = (cause: unknown) => {
    throw new FirefliesError("output-failed", `${path} cannot be written: ${messageOf(cause)}.`, { cause });
  };
  return async (data) => {
    opening ??= open(path, "w");
    const file = await opening.catch(failed);
    await (data === undefined ? file.close() : file.writeFile(data)).catch(failed);
  };
}

/** Rejects with what the network says, or "timeout". */
async function within<T>(socket: Duplex, seconds: number, step: Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(seconds * 1_000);
  const unwatch = onAbort(late, () =>
    socket.destroy(new FirefliesError("timeout", `No byte of the answer came within ${seconds} s.`)),
  );
  try {
    return await step;
  } catch (cause) {
    if (socket.errored instanceof FirefliesError) throw socket.errored;
    throw (
      socket.errored ??
      new FirefliesError("link-closed", `The answer broke off: ${(cause as Error).message}.`, { cause })
    );
  } finally {
    unwatch();
  }
}

/** Throws "cli-usage". */
function headersIn({ header = [] }: CurlOptions): Record<string, string | string[]> {
  const headers: Record<string, string[]> = {};
  for (const line of header) {
    const [, name, value = ""] = /^([^:\s]+):\s*(.*)$/s.exec(line) ?? [];
    if (name === undefined)
      throw new FirefliesError("cli-usage", `${JSON.stringify(line)} is no header: write "Name: value".`);
    headers[name.toLowerCase()] = [...(headers[name.toLowerCase()] ?? []), value];
  }
  return Object.fromEntries(Object.entries(headers).map(([name, all]) => [name, all.length === 1 ? all.join() : all]));
}

async function bodyOf({ data: text, dataBinary, dataRaw, uploadFile }: CurlOptions): Promise<Buffer | undefined> {
  if (dataRaw !== undefined) return Buffer.from(dataRaw);
  const data = uploadFile === undefined ? (text ?? dataBinary) : `@${uploadFile}`;
  if (data === undefined || !data.startsWith("@")) return data === undefined ? undefined : Buffer.from(data);
  return data === "@-" ? await standardInput() : await readInput(data.slice(1));
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > INPUT_BYTES_MAX)
      throw unreadable("Standard input", new Error(`it has more than ${INPUT_BYTES_MAX} bytes`));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
