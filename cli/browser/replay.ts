/**
 * A page that plays a recording, served on loopback for as long as a command runs, below a path that nobody
 * guesses. Users of this machine see it while a browser is opened (open.ts).
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { FirefliesError } from "../../identity/errors/error.js";
import { answerFailure } from "../api/http-failure.js";
import { pageProblem } from "../api/server/access.js";
import { BROWSER_HEADERS } from "../api/server/browser.js";

/** Of the path: 128 bits. */
const PATH_BYTES = 16;
/** Connections at once: one browser. */
const CONNECTIONS_MAX = 16;

export interface Served {
  readonly url: string;
  close(): void;
}

export async function servePage(page: string): Promise<Served> {
  const path = `/${randomBytes(PATH_BYTES).toString("hex")}/`;
  const server = createServer((request, response) => {
    const isPage = request.method === "GET" && request.url === path;
    const problem = pageProblem(request.headers, []) ?? (isPage ? undefined : new FirefliesError("not-found"));
    for (const [name, value] of Object.entries(BROWSER_HEADERS)) response.setHeader(name, value);
    if (problem !== undefined) return answerFailure(response, problem);
    // The page has a policy of its own, by digests of what is in it; that no other page may frame it cannot be said there.
    response.setHeader("content-security-policy", "frame-ancestors 'none'");
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
    response.end(page);
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, close };
}
