/**
 * Three addresses open 700 connections each to an authority in a process of its own, and neither finish nor read nor close: what it
 * holds, second by second, and what somebody else is answered meanwhile. Needs a build.
 *
 *   node test/long/silent-callers.mjs [--kind half-head|no-byte|asks-once|reads-nothing] [--port members|probes] [--count 2100]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { get } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";

const KINDS = {
  "half-head": "GET /v1/network HTTP/1.1\r\nhost: x\r\nx",
  "no-byte": "",
  "asks-once": "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
  "reads-nothing": "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200),
};
const ADDRESSES = 3;
/** The wait of 10 s, its grace of 1 s, as long again for who has asked once, and a little for a busy machine. */
const SECONDS = 25;

if (process.send === undefined) await attack();
else await serve(process.argv[2]);

async function serve(directory) {
  const authority = await CertificateAuthority.open({ directory });
  const { port, adminPort } = await serveAuthority(authority, { port: 0, admin: { port: 0 } });
  process.send({ members: port, probes: adminPort });
}

async function attack() {
  const { values } = parseArgs({
    options: {
      kind: { type: "string", default: "half-head" },
      port: { type: "string", default: "members" },
      count: { type: "string", default: "2100" },
    },
  });
  const directory = mkdtempSync(join(tmpdir(), "fireflies-silent-"));
  const child = fork(fileURLToPath(import.meta.url), [directory]);
  try {
    const [ports] = await once(child, "message");
    const before = socketsOf(child.pid);
    const isPlain = values.port === "probes" || values.kind === "no-byte";
    await hold({ port: ports[values.port], count: Number(values.count), text: KINDS[values.kind], isPlain });
    for (let second = 0; second <= SECONDS; second += 5) {
      const held = socketsOf(child.pid) - before;
      console.log(`${second} s after the last: ${held} held, others are answered ${await healthOf(ports.members)}`);
      if (second < SECONDS) await new Promise((resolve) => setTimeout(resolve, 5_000));
    }
  } finally {
    child.kill();
    rmSync(directory, { recursive: true, force: true });
  }
  process.exit(0);
}

/** Ten at a time, each from one of the three addresses. */
async function hold({ port, count, text, isPlain }) {
  for (let done = 0; done < count; done += 10) {
    const opening = Array.from({ length: 10 }, (_, index) => {
      const at = { host: "127.0.0.1", port, localAddress: `127.0.0.${2 + ((done + index) % ADDRESSES)}` };
      return opened({ ...at, allowHalfOpen: true, rejectUnauthorized: false }, isPlain, text);
    });
    await Promise.all(opening);
  }
}

function opened(options, isPlain, text) {
  const socket = isPlain ? connect(options) : connectTls(options);
  socket.on("error", () => {});
  return new Promise((resolve) => {
    socket.once("close", resolve);
    socket.once(isPlain ? "connect" : "secureConnect", () => {
      socket.pause();
      socket.write(text);
      resolve();
    });
  });
}

/** As the system counts them. */
function socketsOf(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function healthOf(port) {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path: "/healthz", rejectUnauthorized: false, agent: false };
    get(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", (error) => resolve(error.code));
  });
}
