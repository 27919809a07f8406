/** Files of a directory, for members: no path leads out of it, no dotfile is there, and byte ranges are answered. */
import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { resolve, sep } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FirefliesError, messageOf, missing } from "../../identity/index.js";
import type { MemberClient } from "../member-client.js";
import { attachHttp } from "./attach.js";
import type { AttachedHttp } from "./serving/attached.js";
import type { AttachOptions } from "./serving/options.js";

export interface FilesSettings extends Omit<AttachOptions, "onError"> {
  /** The directory. */
  readonly root: string;
}

/** Files that are served. */
export interface ServedFiles extends AttachedHttp {
  /** The directory, absolute, without links. */
  readonly root: string;
}

/** Of @fastify/send, as far as it is used. */
type Send = (
  request: IncomingMessage,
  path: string,
  options: {
    readonly root: string;
    readonly dotfiles: "ignore";
    readonly onFile: (path: string, stats: Stats) => Promise<void>;
  },
) => Promise<{ statusCode: number; headers: Record<string, string>; stream: Readable }>;

/** Where the library looks for nothing but what it is asked for. */
const FIELDS = { "x-content-type-options": "nosniff" };
/** What is not to be shown is as if it were not there. */
const NOT_FOUND = "There is no such file.\n";

/**
 * Serves the files of a directory to members: `serveFiles(client, { root: "public" })`. GET and HEAD, index.html for a
 * directory, ranges and conditions of RFC 9110, types by extension. Names that begin with a dot, links that lead out of the
 * directory, and what is no file are not found. Rejects with "input-failed" for a directory that cannot be read,
 * "package-missing" without the package @fastify/send, and as `attachHttp` throws.
 */
export async function serveFiles(client: MemberClient, settings: FilesSettings): Promise<ServedFiles> {
  const { root: directory, ...options } = settings;
  const root = await directoryAt(directory);
  const send = await loadSend();
  const server = createServer((request, response) => {
    answer(send, root, request, response).catch(() => response.destroy()); // The reader has gone, or the file has.
  });
  return Object.assign(attachHttp(client, server, options), { root });
}

async function answer(send: Send, root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  const [path = "/"] = (request.url ?? "/").split("?", 1);
  const onFile = (file: string, stats: Stats) => requireInside(root, file, stats);
  const found = await send(request, path, { root, dotfiles: "ignore", onFile }).catch(() => undefined);
  if (found === undefined) {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8", ...FIELDS }).end(NOT_FOUND);
    return;
  }
  response.writeHead(found.statusCode, { ...found.headers, ...FIELDS });
  await pipeline(found.stream, response);
}

/** A pipe would never end, and a link may lead anywhere. */
async function requireInside(root: string, file: string, stats: Stats): Promise<void> {
  const real = await realpath(file);
  const isHidden = real
    .slice(root.length)
    .split(sep)
    .some((part) => part.startsWith("."));
  if (!stats.isFile() || !real.startsWith(root.endsWith(sep) ? root : root + sep) || isHidden)
    throw new Error(NOT_FOUND);
}

async function directoryAt(directory: string): Promise<string> {
  try {
    const root = await realpath(resolve(directory));
    if ((await stat(root)).isDirectory()) return root;
  } catch (cause) {
    throw unreadable(directory, messageOf(cause));
  }
  throw unreadable(directory, "it is no directory");
}

function unreadable(directory: string, why: string): FirefliesError {
  return new FirefliesError("input-failed", `The directory ${directory} cannot be served: ${why.replace(/\.$/, "")}.`);
}

async function loadSend(): Promise<Send> {
  const { send } = await import("@fastify/send").catch(missing("@fastify/send", "Serving files"));
  return send as unknown as Send;
}
