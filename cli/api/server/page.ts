/** The dashboard's files, out of the package: read with the first request for one of them, answered under the names that they have there. */
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FirefliesError } from "../../../identity/errors/error.js";
import { sha256Hex } from "../../../identity/keys/digest.js";
import { placeOf } from "../../place.js";
import { limitTaking } from "../calls/calling.js";

/** Made by scripts/bundle-dashboard.mjs. */
export const PAGE_DIRECTORY = fileURLToPath(placeOf("../dashboard/"));
export const PAGE = "index.html";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface PageFile {
  readonly type: string;
  readonly plain: Encoded;
  readonly packed: Encoded;
}
interface Encoded {
  readonly bytes: Buffer;
  /** Strong (RFC 9110, section 8.8.3). */
  readonly etag: string;
}

/** `/`, and its files below `/dashboard/`. They hold nothing of the network, and are for everybody who may connect. */
export function addPage(app: FastifyInstance, directory = PAGE_DIRECTORY): void {
  let files: ReadonlyMap<string, PageFile> | undefined;
  const answer = (name: string) => (request: FastifyRequest, reply: FastifyReply) => {
    files ??= filesIn(directory);
    const asked = name || (request.params as { readonly file: string }).file;
    const file = files.get(asked);
    if (file === undefined) throw absent(asked);
    return send(request, reply, file);
  };
  app.get("/", answer(PAGE));
  app.get("/dashboard/:file", answer(""));
}

function send({ headers }: FastifyRequest, reply: FastifyReply, { type, plain, packed }: PageFile): FastifyReply {
  const takesGzip = /\bgzip\b/.test(String(headers["accept-encoding"] ?? ""));
  const { bytes, etag } = takesGzip ? packed : plain;
  limitTaking(reply);
  reply.header("etag", etag).header("cache-control", "no-cache").header("vary", "accept-encoding");
  if (headers["if-none-match"] === etag) return reply.code(304).send();
  if (takesGzip) reply.header("content-encoding", "gzip");
  return reply.type(type).send(bytes);
}

/** Plays recordings in files (report/player.ts); no page asks for it, and it has all the others in it. */
const REPORT = "report.html";

function filesIn(directory: string): ReadonlyMap<string, PageFile> {
  let names: readonly string[];
  try {
    names = readdirSync(directory).filter((name) => extname(name) in TYPES && name !== REPORT);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return new Map(); // A tree that was compiled and not bundled.
  }
  return new Map(names.map((name) => [name, fileOf(join(directory, name))]));
}

function fileOf(path: string): PageFile {
  const bytes = readFileSync(path);
  const digest = sha256Hex(bytes);
  const packed = { bytes: gzipSync(bytes, { level: 9 }), etag: `"${digest}-gzip"` };
  return { type: TYPES[extname(path)]!, plain: { bytes, etag: `"${digest}"` }, packed };
}

function absent(name: string): FirefliesError {
  const message = `The dashboard has no file ${JSON.stringify(name.slice(0, 100))}.`;
  const advice = "It comes with the package; in a clone, `npm run build` makes it.";
  return new FirefliesError("not-found", message, { advice });
}
