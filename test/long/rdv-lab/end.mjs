/**
 * One end in the lab, `RdvClient` as a program has it. Takes {"number", "method", "token", "word"} as lines, answers each
 * with {"number", "relay", "ms", "wordMs", "heard"}: until a connection was chosen, until the peer's word came, and that word.
 *
 *   node end.mjs SERVER-HOST SERVER-PORT
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { RdvClient } from "../../../dist/rdv/index.js";

const PATIENCE_MS = 15_000;
const [host, port] = process.argv.slice(2);
const logger = process.env.RDV_LOG
  ? Object.fromEntries(
      ["debug", "info", "warn", "error"].map((level) => [
        level,
        (fields, message) => console.error(level, performance.now().toFixed(1), message, JSON.stringify(fields)),
      ]),
    )
  : undefined;
const client = new RdvClient({ timeoutMs: PATIENCE_MS, ...(logger && { logger }) });

for await (const line of createInterface(process.stdin)) {
  const { number, method, token, word } = JSON.parse(line);
  const answer = await meet(method, token, word).catch((error) => ({ error: `${error.code}: ${error.message}` }));
  console.log(JSON.stringify({ number, ...answer }));
}

async function meet(method, token, word) {
  const began = performance.now();
  const conn = await client.do(method, `http://${host}:${port}/rdv/`, token);
  const ms = performance.now() - began;
  conn.on("error", () => {});
  conn.write(`${word}\n`);
  const [heard] = await once(conn, "data");
  const wordMs = performance.now() - began;
  setTimeout(() => conn.destroy(), 200);
  return { relay: conn.isRelay, ms, wordMs, heard: String(heard).trim(), remote: conn.remoteAddress };
}
