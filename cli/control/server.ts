/** The control socket of a running agent, on the agent's side: one request per connection, answered from its Client. */
import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import type { Member } from "../../client/types.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { ReplyError, replyCode } from "../../identity/errors/reply-error.js";
import { asFirefliesError } from "../../net/index.js";
import type { AgentClient } from "../agent-client.js";
import { drained } from "../drained.js";
import { changeView, memberView, ringViews, roundTripView } from "../views.js";
import { lines } from "./lines.js";
import { type MemberQuery, matching, queryMembers } from "./member-query.js";
import { decodeRequest, encodeLine, type Frame, LINE_BYTES_MAX, type Request } from "./protocol.js";
import { type AgentProcess, statusOf } from "./status.js";
import { joinStreams } from "./stream-bridge.js";
import { whichMember } from "./which-member.js";

/** Commands at once; a monitor holds its connection for as long as it runs. */
const CONNECTIONS_MAX = 64;
/** Milliseconds for the first line: whoever connects has something to ask. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Milliseconds that commands under way have when the agent ends. */
const CLOSE_GRACE_MS = 1_000;
/** Members in one line: each has 4 KiB of metadata, up to five times that when it is written anew (1e20), and 2 KiB of addresses. */
const PART_MAX = 200;
/** Only the user that runs the agent may command it. */
const SOCKET_MODE = 0o600;
const PRIVATE_UMASK = 0o177;

export interface ControlOptions {
  readonly path: string;
  readonly client: AgentClient;
  readonly agent: AgentProcess;
  /** Leaves the network once everything open has ended, at most `drainMs` milliseconds from now. Resolves when it has left. */
  readonly leave: (drainMs: number) => Promise<void>;
}

export class ControlServer {
  readonly path: string;
  readonly #client: AgentClient;
  readonly #agent: AgentProcess;
  readonly #leave: ControlOptions["leave"];
  readonly #server: Server;
  readonly #connections = new Map<Socket, AbortController>();
  readonly #serving = new Set<Promise<void>>();

  private constructor({ path, client, agent, leave }: ControlOptions) {
    this.path = path;
    this.#client = client;
    this.#agent = agent;
    this.#leave = leave;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Listens at once with mode 0600: there is no moment at which others could connect. */
  static async listen(options: ControlOptions): Promise<ControlServer> {
    const control = new ControlServer(options);
    const umask = process.umask(PRIVATE_UMASK);
    try {
      control.#server.listen(options.path);
    } finally {
      process.umask(umask);
    }
    await once(control.#server, "listening");
    control.#server.on("error", () => {}); // Failing to accept one connection (no descriptors) is no reason to end.
    await chmod(options.path, SOCKET_MODE);
    return control;
  }

  /** Takes no new command and removes the socket; those under way go on. */
  stopListening(): void {
    this.#server.close();
  }

  /** Ends monitors and streams, and everything else once its answer is written. */
  async close(): Promise<void> {
    this.#server.close();
    for (const controller of this.#connections.values()) controller.abort();
    const grace = new Promise((resolve) => setTimeout(resolve, CLOSE_GRACE_MS).unref());
    await Promise.race([Promise.all(this.#serving), grace]);
    for (const socket of this.#connections.keys()) socket.destroySoon();
  }

  #accept(socket: Socket): void {
    const controller = new AbortController();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#connections.delete(socket);
      controller.abort();
    });
    if (this.#connections.size >= CONNECTIONS_MAX) {
      socket.write(encodeLine(errorFrame(new FirefliesError("control-busy"))));
      endSoon(socket);
      return;
    }
    this.#connections.set(socket, controller);
    const serving = this.#serve(socket, controller.signal);
    this.#serving.add(serving);
    void serving.then(() => this.#serving.delete(serving));
  }

  async #serve(socket: Socket, signal: AbortSignal): Promise<void> {
    const send = (frame: Frame) => writeFrame(socket, frame);
    const timer = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
    try {
      const input = lines(socket, LINE_BYTES_MAX);
      const first = await input.next();
      clearTimeout(timer);
      if (!first.done) await this.#answer(decodeRequest(first.value), input, send, signal);
    } catch (error) {
      await send(errorFrame(error)).catch(() => {});
    } finally {
      clearTimeout(timer);
      endSoon(socket);
    }
  }

  async #answer(request: Request, input: AsyncIterator<string>, send: Send, signal: AbortSignal): Promise<void> {
    switch (request.op) {
      case "monitor":
        return await this.#monitor(request, input, send, signal);
      case "members":
        return await sendList(queryMembers(this.#client, request), send);
      case "stream": {
        const stream = await this.#client.openStream(this.#which(request.id).id, { signal });
        await send({ kind: "open" });
        return await joinStreams(stream, input, send, signal);
      }
      default:
        return await send({ kind: "result", value: await this.#result(request, signal) });
    }
  }

  async #monitor(query: MemberQuery, input: AsyncIterator<string>, send: Send, signal: AbortSignal): Promise<void> {
    const gone = new AbortController();
    // Nothing more is asked on this connection: its end is that of the command.
    input.next().then(
      () => gone.abort(),
      () => gone.abort(),
    );
    const either = AbortSignal.any([signal, gone.signal]);
    const isAskedFor = matching(query);
    for await (const change of this.#client.changes({ signal: either, paths: query.paths })) {
      if (!("member" in change) || isAskedFor(change.member)) await send({ kind: "event", value: changeView(change) });
    }
  }

  async #result(
    request: Exclude<Request, { op: "members" | "monitor" | "stream" }>,
    signal: AbortSignal,
  ): Promise<object> {
    switch (request.op) {
      case "info":
        return this.#client.info();
      case "doctor":
        return await this.#client.doctor();
      case "rings":
        return ringViews(this.#client.rings(), this.#client.members());
      case "renew":
        await this.#client.renew();
        return { certificateEnds: this.#client.info().certificateEnds };
      case "leave":
        await this.#leave(request.drainMs);
        return { left: true };
      case "gossip":
        this.#client.setGossipContent(request.data);
        return { bytes: request.data.length };
      case "status":
        return statusOf(this.#client, this.#agent);
      case "send":
        return await this.#sendMessage(request, signal);
      case "ping": {
        const member = this.#which(request.id);
        const timeout = request.timeoutMs === undefined ? {} : { timeout: request.timeoutMs };
        return roundTripView(member, await this.#client.ping(member.id, { signal, ...timeout }));
      }
      case "join": {
        const member = await this.#client.join(request.address, { signal });
        return { member: memberView(member), members: this.#client.members().length };
      }
    }
  }

  async #sendMessage({ id: text, data, timeoutMs }: Extract<Request, { op: "send" }>, signal: AbortSignal) {
    const { id, name } = this.#which(text);
    const timeout = timeoutMs === undefined ? {} : { timeout: timeoutMs };
    const reply = await this.#client.sendToId(id, data, { signal, ...timeout });
    return { id, name, reply: Buffer.from(reply).toString("base64") };
  }

  /** Oneself too: what is sent there runs one's own handlers. */
  #which(argument: string): Member {
    const { self } = this.#client;
    return whichMember(argument, [self, ...this.#client.members()], this.#client.departed());
  }
}

export type Send = (frame: Frame) => Promise<void>;

/** In parts that stay below the limit of a line, whatever the metadata of members are. */
async function sendList(values: readonly unknown[], send: Send): Promise<void> {
  let start = 0;
  for (; start + PART_MAX < values.length; start += PART_MAX) {
    await send({ kind: "part", value: values.slice(start, start + PART_MAX) });
  }
  await send({ kind: "result", value: values.slice(start) });
}

/** What was written may still be read, for a while: who reads nothing must not keep the place of another command. */
function endSoon(socket: Socket): void {
  socket.destroySoon();
  setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref();
}

/** Waits while the other side does not read, but not for one that has gone. */
async function writeFrame(socket: Socket, frame: Frame): Promise<void> {
  if (socket.writable && !socket.write(encodeLine(frame))) await drained(socket);
}

function errorFrame(error: unknown): Frame {
  if (error instanceof ReplyError) return { kind: "error", code: replyCode(error), message: error.message, advice: "" };
  const { code, message, advice } = asFirefliesError(error, "agent-failed");
  return { kind: "error", code, message, advice };
}
