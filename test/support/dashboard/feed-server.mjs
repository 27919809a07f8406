/**
 * An admin port without a member: the dashboard's files, and the feed of a simulated network in the forms that the page reads.
 * For tests of the page in a browser, and for its pictures.
 */
import { once } from "node:events";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { recordingOf } from "./simulated-network.mjs";

const FILES = fileURLToPath(new URL("../../../dist/dashboard/", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
/** That of the admin port. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export class FeedServer {
  /** What was sent, to resume from. */
  sent = [];
  requests = [];
  #network;
  #token;
  #streams = new Set();
  #server = createServer((request, response) => this.#answer(request, response));
  /** With `history`, events before the page was opened, the port records. */
  constructor(network, { token, history } = {}) {
    this.#network = network;
    this.#token = token;
    this.history = history;
  }

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
    return this;
  }

  send(events) {
    for (const event of events) {
      this.sent.push(event);
      for (const stream of this.#streams) write(stream, event);
    }
  }

  /** As a network would break it. */
  cut() {
    for (const stream of this.#streams) stream.destroy();
  }

  gap() {
    this.sent = [];
    for (const stream of this.#streams) stream.end('event: gap\ndata: {"missed":1}\n\n');
  }

  async close() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, "http://x");
    this.requests.push(request.url);
    response.setHeader("content-security-policy", POLICY);
    response.setHeader("x-content-type-options", "nosniff");
    if (!pathname.startsWith("/v1/")) return this.#file(pathname, response);
    if (this.#token !== undefined && request.headers.authorization !== `Bearer ${this.#token}`) {
      return json(
        response,
        { code: "agent-forbidden", message: "a token is needed", advice: "Give the agent's token." },
        401,
      );
    }
    const [, , what, id] = pathname.split("/");
    if (what === "snapshot") return json(response, this.#network.snapshot(Date.now()));
    if (what === "explain") return json(response, this.#network.explain(id));
    if (what === "graph") return json(response, this.#network.graph());
    if (what === "recording" && this.history !== undefined)
      return response.end(recordingOf(this.history.snapshot, [...this.history.events, ...this.sent]));
    if (what === "events") return this.#stream(Number(searchParams.get("since") ?? 0), request, response);
    json(response, { code: "not-found", message: "there is no such call" }, 404);
  }

  #file(pathname, response) {
    const name = pathname === "/" ? "index.html" : pathname.replace(/^\/dashboard\//, "");
    const file = join(FILES, name);
    if (!/^[\w.-]+$/.test(name) || !existsSync(file)) return json(response, { message: "no such file" }, 404);
    response.setHeader("content-type", TYPES[extname(name)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  }

  #stream(since, request, response) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": hello\n\n");
    for (const event of this.sent) if (event.sequence > since) write(response, event);
    this.#streams.add(response);
    request.on("close", () => this.#streams.delete(response));
  }
}

function write(stream, { event, ...data }) {
  const id = data.sequence === undefined ? "" : `id: ${data.sequence}\n`;
  stream.write(`${id}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function json(response, value, status = 200) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}
