/** `fireflies curl`: a request of HTTP to a member, by way of the agent, and its answer on standard output. */
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { onAbort } from "../../../net/abort.js";
import { hostOfMember } from "../../../services/host-names.js";
import { httpConnection } from "../../api/caller/calls.js";
import { FrameDuplex } from "../../api/caller/frame-duplex.js";
import { readInput, unreadable } from "../../input-file.js";
import { toJson, writeLine } from "../../output.js";
import { type AgentOption, examples, number, withAgent } from "../common.js";
import { opened, shower } from "./stream.js";

const SILENCE_SECONDS_DEFAULT = 300;
const SILENCE_SECONDS_MAX = 86_400;
/** Bytes of standard input as a body. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;

interface CurlOptions extends AgentOption {
  readonly request?: string;
  readonly header?: readonly string[];
  readonly data?: string;
  readonly include?: true;
  readonly head?: true;
  readonly fail?: true;
  readonly protocol?: string;
  readonly timeout: number;
}

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
    const body = await bodyOf(options.data);
    const connection = await opened(
      options,
      httpConnection(target.member, { port: target.port, protocol: options.protocol }),
    );
    const socket = new FrameDuplex(connection);
    try {
      await show(await ask(socket, target, body, options), socket, options);
    } finally {
      socket.destroy();
    }
  });
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
  { host, path }: Target,
  body: Buffer | undefined,
  options: CurlOptions,
): Promise<IncomingMessage> {
  const method = options.request ?? (options.head ? "HEAD" : body === undefined ? "GET" : "POST");
  const type = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
  const headers = {
    host,
    accept: "*/*",
    "user-agent": "fireflies",
    connection: "close",
    ...type,
    ...headersIn(options),
  };
  let request: ReturnType<typeof httpRequest>;
  try {
    request = httpRequest({ method, path, headers, createConnection: () => socket });
  } catch (cause) {
    throw new FirefliesError("cli-usage", `That is no request: ${(cause as Error).message}.`, { cause });
  }
  request.on("error", () => {}); // What waits is told; what comes later ends the body.
  request.end(body);
  const [response] = (await within(socket, options.timeout, once(request, "response"))) as [IncomingMessage];
  return response;
}

async function show(response: IncomingMessage, socket: Duplex, options: CurlOptions): Promise<void> {
  const { statusCode = 0, statusMessage = "", httpVersion, rawHeaders } = response;
  const out = shower(process.stdout, false);
  if (options.json)
    await writeLine(toJson({ event: "answer", status: statusCode, headers: response.headers }), process.stderr);
  if (options.include || options.head) {
    const fields = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
    await out(
      Buffer.from([`HTTP/${httpVersion} ${statusCode} ${statusMessage}`, ...fields, "", ""].join("\r\n"), "latin1"),
    );
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

async function bodyOf(data: string | undefined): Promise<Buffer | undefined> {
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
