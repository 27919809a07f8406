/** Where reading or writing fails, a command says so in one line with a code, and ends with the code for that: full devices, closed pipes, agents that are gone. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { INFO, stream } from "../../cli/api/caller/calls.js";
import { ask, openFrames } from "../../cli/api/caller/client.js";
import { encodeFrame, FRAMES, type FrameKind } from "../../cli/api/wire.js";
import { run } from "../../cli/commands/traffic/stream.js";
import { TerminalText } from "../../cli/commands/traffic/terminal-text.js";
import { asFailure } from "../../cli/failure.js";
import { claimControlPath } from "../../client/state/control-path.js";
import type { FirefliesError } from "../../identity/errors/error.js";
import { typed } from "../support/typed.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

let dir: string;
let server: Server;
let sockets: Socket[];
/** What the agent answers at once. */
let answer: string | undefined;
const OPEN = `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${FRAMES}\r\n\r\n`;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ff-broken-"));
  sockets = [];
  answer = undefined;
  server = createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    socket.once("data", () => answer && socket.write(answer));
  });
  const path = await claimControlPath(dir);
  await new Promise<void>((resolve) => server.listen(path, resolve));
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const failure = async (what: Promise<unknown>) =>
  await what.then(
    () => undefined,
    ({ code, message }: FirefliesError) => ({ code, message }),
  );

describe("standard output that takes nothing", () => {
  /** As a shell does it with `> /dev/full`. */
  function full(...args: string[]) {
    const fd = openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: dir,
      stdio: ["ignore", fd, "pipe"],
    });
    closeSync(fd);
    return { status, stderr: String(stderr) };
  }
  const ENOSPC = "The output could not be written: ENOSPC: no space left on device, write.";

  it.each([["--help"], ["plan", "--members", "10", "--byzantine", "0.1"]])("is one line after `%s`", (...args) => {
    const { status, stderr } = full(...args);
    expect(status).toBe(7);
    expect(stderr).toMatch(/^error: [ -~]+ \(output-failed\)\n$/);
    expect(stderr).toContain(ENOSPC);
  });

  it("is one document with --json", () => {
    const { status, stderr } = full("plan", "--members", "10", "--byzantine", "0.1", "--json");
    expect(status).toBe(7);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "output-failed", message: ENOSPC } });
  });
});

describe("an agent that is gone", () => {
  it("ends a command that waits for its answer", async () => {
    const asked = failure(ask({ dir }, INFO));
    server.once("connection", (socket) => socket.destroy());
    expect(await asked).toMatchObject({ code: "agent-stopped" });
  });

  it("ends a stream before it is open", async () => {
    server.once("connection", (socket) => socket.destroySoon()); // As the system does it for a process that is killed.
    expect(await failure(openFrames({ dir }, stream("b")))).toMatchObject({ code: "agent-stopped" });
  });

  it("ends a stream after it is open, though its input is silent", async () => {
    server.once("connection", (socket) => {
      socket.write(OPEN);
      socket.destroySoon();
    });
    const connection = await openFrames({ dir }, stream("b"));
    const running = failure(run(connection, new PassThrough(), new PassThrough(), { json: false }));
    expect(await running).toMatchObject({ code: "agent-stopped" });
  });
});

describe("a stream", () => {
  const open = async () => {
    answer = OPEN;
    return await openFrames({ dir }, stream("b"));
  };
  const say = (...frames: (readonly [FrameKind, Uint8Array?])[]) => {
    for (const socket of sockets) socket.write(Buffer.concat(frames.map((frame) => encodeFrame(...frame))));
  };

  it("ends with its output", async () => {
    const output = new Writable({ write: (_chunk, _encoding, done) => done(new Error("no room")) });
    output.on("error", () => {});
    const running = failure(run(await open(), new PassThrough(), output, { json: false }));
    say(["data", Buffer.from("x")]);
    expect(await running).toEqual({ code: "output-failed", message: "The output could not be written: no room." });
  });

  it("ends with its input", async () => {
    const input = new Readable({ read: () => input.destroy(new Error("is a directory")) });
    const running = failure(run(await open(), input, new PassThrough(), { json: false }));
    expect(await running).toEqual({ code: "input-failed", message: "Standard input cannot be read: is a directory." });
  });

  it("goes to a pipe as it is, and to a terminal as marked lines that do nothing", async () => {
    const bytes = Buffer.from("one\u001b[2J\r\nerror: tw");
    const frames = [["data", bytes], ["data", Buffer.from("o\n\u202e")], ["end"]] as const;
    for (const isTTY of [false, true]) {
      const output = Object.assign(new PassThrough(), { isTTY });
      const running = run(await open(), new PassThrough(), output, { json: false });
      say(...frames);
      await running;
      output.end();
      expect(await text(output)).toBe(
        isTTY ? "< one\\u001b[2J\n< error: two\n< \\u202e\n" : "one\u001b[2J\r\nerror: two\n\u202e",
      );
      for (const socket of sockets.splice(0)) socket.destroy();
    }
  });
});

it("text for a terminal is the same lines, wherever it is cut", () => {
  const bytes = Buffer.from("grüße\n\nzwei\r\ndrei");
  for (let at = 0; at <= bytes.length; at += 1) {
    const shown = new TerminalText();
    const lines = [shown.take(bytes.subarray(0, at)), shown.take(bytes.subarray(at)), shown.end()].join("");
    // Only between the two characters of a line end the first of them is seen alone.
    expect(lines.replace("\\r", "")).toBe("< grüße\n< \n< zwei\n< drei\n");
  }
});

describe("an error of the system that nobody gave a code", () => {
  it.each([
    ["open", "input-failed"],
    ["scandir", "input-failed"],
    ["write", "output-failed"],
    ["mkdir", "output-failed"],
  ])("of %s is %s", (syscall, code) => {
    const error = Object.assign(new Error("EACCES: permission denied"), { syscall, code: "EACCES" });
    expect(asFailure(error)).toMatchObject({ code, message: error.message });
  });

  it("of something else stays what it is", () => {
    const error = Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect" });
    expect(asFailure(error)).toBe(error);
    expect(asFailure(undefined)).toBeUndefined();
  });
});

it("exit codes are told in the help", async () => {
  const { stdout } = await typed(["--help"], { cwd: dir });
  expect(stdout).toMatch(/\n {2}7 +something could not be read or written/);
  expect(stdout).toMatch(/\n {2}141 +nobody read the output to its end/);
});
