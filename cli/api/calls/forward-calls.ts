/**
 * Calls that have the agent carry bytes of other programs: forwards, listeners and proxies that live as long as the connection
 * of their command, and one stream of a protocol that a command takes.
 */
import type { Duplex } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { nearest } from "../../../client/nearest.js";
import type { MessageStream, Sender } from "../../../client/types.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { BENCH_NAME } from "../../../services/bench/wire.js";
import type { ControllerFigures } from "../../../services/controllers/kind.js";
import { forward, listen, proxy, type Refused } from "../../../services/forward/index.js";
import { refusedText } from "../../../services/refusals.js";
import { malformed } from "../failure.js";
import type { Held, Hosted } from "../host.js";
import { failureOf } from "../http-failure.js";
import { type AppParts, taken } from "../parts.js";
import { joinStreams } from "../stream-bridge.js";
import { FRAMES, frames, plainJson, writeFrame } from "../wire.js";
import { requestOf, schemaOf } from "./calling.js";
import { type Carried, readCarried } from "./forward-settings.js";
import { ANY_OBJECT, PROTOCOL } from "./schemas.js";
import { upgradeOf, whenClosed } from "./stream-calls.js";
import { whichMember } from "./which-member.js";

/** Between two signs of life on a connection on which nothing is said, milliseconds. */
const KEEP_ALIVE_MS = 15_000;
/** Events that a command does not read, in bytes: more are left out. */
const UNREAD_BYTES_MAX = 64 * 1024;

interface Carrying {
  /** What the command is told when it runs. */
  readonly event: object;
  readonly at: string;
  figures(): ControllerFigures;
  close(): Promise<void>;
}

export function addForwardCalls(app: FastifyInstance, parts: AppParts): void {
  const forwards = `A forward, a listener, a proxy, a server of files or measuring for as long as the connection is open, which is upgraded to ${FRAMES}.`;
  app.get("/v1/forwards", { schema: schemaOf({ summary: forwards, answer: ANY_OBJECT }) }, async (request, reply) => {
    const upgrade = upgradeOf(request, parts);
    const { member } = requestOf(request, parts);
    reply.hijack();
    const connection = taken(upgrade, reply.raw, FRAMES);
    connection.setKeepAlive(true, KEEP_ALIVE_MS);
    await carry(member, connection, whenClosed(connection, parts.closing), parts);
  });
  const accepts = `The next stream of a protocol, on a connection that is upgraded to ${FRAMES}.`;
  const schema = schemaOf({ summary: accepts, query: PROTOCOL, answer: ANY_OBJECT });
  app.get("/v1/accepts", { schema }, async (request, reply) => {
    const upgrade = upgradeOf(request, parts);
    const accepting = new Accepting(request, parts);
    accepting.begin();
    reply.hijack();
    const connection = taken(upgrade, reply.raw, FRAMES);
    connection.setKeepAlive(true, KEEP_ALIVE_MS);
    await accepting.join(connection, whenClosed(connection, parts.closing));
  });
}

async function carry(member: Hosted, connection: Duplex, signal: AbortSignal, parts: AppParts): Promise<void> {
  const said = frames(connection);
  const tell = (event: object) => {
    if (connection.writableLength <= UNREAD_BYTES_MAX)
      void writeFrame(connection, "event", Buffer.from(plainJson(event)));
  };
  let carrying: Carrying | undefined;
  let release = () => {};
  try {
    const first = await said.next();
    if (first.done || first.value.kind !== "event") throw malformed("The first frame says what is to be carried.");
    const what = readCarried(first.value.data);
    carrying = await begun(member, what, (refused) => {
      tell(refused);
      parts.host.tell?.("refused", refused, refusedText(refused));
    });
    const removed = new AbortController();
    release = member.services.hold(heldOf(what, carrying, () => removed.abort()));
    tell(carrying.event);
    const over = AbortSignal.any([signal, removed.signal]);
    const gone = new Promise<void>((resolve) => over.addEventListener("abort", () => resolve(), { once: true }));
    // A command that ends in order says so, and waits until all is closed.
    if (!over.aborted) await Promise.race([gone, said.next()]);
    if (removed.signal.aborted) throw new FirefliesError("cancelled", "Another command has removed it from the agent.");
  } catch (error) {
    await writeFrame(connection, "error", Buffer.from(plainJson(failureOf(error).body)));
  } finally {
    release();
    await carrying?.close();
    connection.end();
  }
}

/** A password is nobody's to see. */
function heldOf({ kind, settings }: Carried, { at, figures }: Carrying, end: () => void): Held {
  const { password: _, ...shown } = settings as { readonly password?: string };
  return { kind, at, settings: shown, figures, end };
}

async function begun({ client }: Hosted, what: Carried, onRefused: (refused: Refused) => void): Promise<Carrying> {
  if (what.kind === "forward") {
    const running = forward(client, { ...what.settings, onRefused });
    const { protocol, target } = running;
    return { event: { event: "forwarding", protocol, target }, at: `${protocol} to ${target}`, ...ofRunning(running) };
  }
  if (what.kind === "http") {
    const { serveFiles } = await import("../../../services/http/files.js");
    const running = await serveFiles(client, { ...what.settings, onRefused });
    const { protocol, root } = running;
    const { id, name } = client.self;
    return {
      event: { event: "serving", protocol, root, id, name },
      at: `${protocol} from ${root}`,
      ...ofRunning(running),
    };
  }
  if (what.kind === "bench") {
    const { serveBench } = await import("../../../services/bench/serve.js");
    const { id, name } = client.self;
    const running = serveBench(client, { ...what.settings, onRefused });
    return { event: { event: "measurable", id, name }, at: BENCH_NAME, ...ofRunning(running) };
  }
  const running = await (what.kind === "listen" ? listen(client, what.settings) : proxy(client, what.settings));
  const missing = what.kind === "listen" ? missingOf(client, what.settings.to) : undefined;
  const event = { event: "listening", address: running.address, ...(missing !== undefined && { missing }) };
  return { event, at: running.address, ...ofRunning(running) };
}

/** Connections come to nothing until the member is there: who has misspelt its name is told now. */
function missingOf(client: Hosted["client"], to: string): string | undefined {
  const service = /^service:(.*)$/s.exec(to)?.[1];
  if (service !== undefined) return absenceOf(client, service);
  try {
    whichMember(to, [client.self, ...client.members()], client.departed());
    return undefined;
  } catch (error) {
    const { message, advice } = error as FirefliesError;
    return `${message} ${advice}`;
  }
}

function absenceOf(client: Hosted["client"], service: string): string | undefined {
  if (client.members({ service }).length > 0) return undefined;
  const near = nearest(service, [...new Set(client.members().flatMap(({ services }) => services))]);
  return `No live member offers ${JSON.stringify(service)}.${near === undefined ? "" : ` Did you mean ${near}?`}`;
}

function ofRunning(running: Pick<Carrying, "figures" | "close">): Pick<Carrying, "figures" | "close"> {
  return { figures: () => running.figures(), close: () => running.close() };
}

/** The first stream of a protocol goes to the command; the others find no handler any more. */
class Accepting {
  readonly #member: Hosted;
  readonly #protocol: string;
  readonly #over = new AbortController();
  readonly #opened: Promise<{ readonly stream: MessageStream; readonly from: Sender }>;
  #open: (opened: { readonly stream: MessageStream; readonly from: Sender }) => void = () => {};

  constructor(request: FastifyRequest, parts: AppParts) {
    const { member, query } = requestOf(request, parts);
    this.#member = member;
    this.#protocol = String(query.protocol ?? "");
    this.#opened = new Promise((open) => {
      this.#open = open;
    });
  }

  /** Throws "name-invalid" or "name-taken". */
  begin(): void {
    const { signal } = this.#over;
    this.#member.client.handle(
      this.#protocol,
      async (stream, { from, signal: ended }) => {
        this.#over.abort(); // There is one standard input.
        this.#open({ stream, from });
        if (!ended.aborted) await new Promise<void>((over) => ended.addEventListener("abort", () => over()));
      },
      { signal, streamsPerPeer: 1 },
    );
  }

  async join(connection: Duplex, gone: AbortSignal): Promise<void> {
    gone.addEventListener("abort", () => this.#over.abort());
    const left = new Promise<undefined>((leave) => gone.addEventListener("abort", () => leave(undefined)));
    const opened = await Promise.race([this.#opened, left]);
    if (opened === undefined) {
      connection.destroy();
      return;
    }
    const { stream, from } = opened;
    const event = { event: "open", id: from.id, name: from.name, protocol: this.#protocol };
    await writeFrame(connection, "event", Buffer.from(plainJson(event)));
    await joinStreams(stream, connection, gone);
  }
}
