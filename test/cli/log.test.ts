/** The one log of agents and authorities: levels, two forms, lines that are safe, and bounds on what a reader leaves waiting. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Log } from "../../cli/log/log.js";
import { FileOutlet, Sink, StreamOutlet, TerminalOutlet } from "../../cli/log/sink.js";
import { LOG_LEVELS, type LogLevel } from "../../identity/logger.js";

const KIB = 1024;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ff-log-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What a log of this form and level writes. */
function logged(form: "text" | "json", level: LogLevel, tell: (log: Log) => void): string[] {
  const lines: string[] = [];
  const outlet = { write: (line: string) => lines.push(line) > 0, drained: async () => {}, problem: undefined };
  tell(new Log({ form, level, sink: new Sink(outlet, { leftOut: String, onProblem: () => {} }) }));
  return lines.join("").split("\n").slice(0, -1);
}

describe("a log", () => {
  it.each(LOG_LEVELS)("of level %s tells that and what is more", (level) => {
    const words = logged("json", level, (log) => {
      for (const each of LOG_LEVELS) log[each]({ event: each }, each);
    }).map((line) => (JSON.parse(line) as { level: string }).level);
    expect(words).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
  });

  it("as JSON begins with time, level and event, and has an error's place", () => {
    const err = new Error("no room", { cause: new Error("ENOSPC") });
    const [line = ""] = logged("json", "info", (log) =>
      log.warn({ event: "failed", at: 0, id: "ab", err }, "it failed"),
    );
    expect(Object.keys(JSON.parse(line))).toEqual(["time", "level", "event", "id", "message", "err"]);
    expect(JSON.parse(line)).toMatchObject({
      ...{ time: "1970-01-01T00:00:00.000Z", level: "warn", event: "failed", id: "ab", message: "it failed" },
      err: { message: "no room", stack: expect.stringContaining("log.test.ts"), cause: { message: "ENOSPC" } },
    });
  });

  it("as JSON has an error that is its own cause", () => {
    const err = new Error("no room");
    err.cause = err;
    const [line = ""] = logged("json", "info", (log) => log.warn({ err }, "it failed"));
    expect(JSON.parse(line)).toMatchObject({ err: { message: "no room", cause: { message: "no room" } } });
  });

  it("as text is a line with its time, and an error's place in lines that none of its words begins", () => {
    const err = new Error("x\n    at evil\nalarm: y");
    const lines = logged("text", "info", (log) => log.error({ event: "failed", at: 0, err }, "a\nb\u001b[2J"));
    expect(lines[0]).toBe("00:00:00.000  a\\nb\\u001b[2J");
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines.slice(1)) expect(line).toMatch(/^ {4}at /);
  });
});

describe("a reader that stops", () => {
  const entry = "x".repeat(KIB);
  const sinkOf = (stream: Writable) =>
    new Sink(new StreamOutlet(stream), { leftOut: (lines) => `missing ${lines}`, onProblem: () => {} });

  it("costs a bounded memory, and is told how much is missing when it reads on", async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const sink = sinkOf(stream);
    for (let index = 0; index < 100_000; index += 1) sink.write(entry);
    expect(stream.writableLength).toBeLessThan(5 * KIB * KIB);
    expect(sink.missing).toBeGreaterThan(90_000);
    const { missing } = sink;
    const all = text(stream);
    await sink.close(10_000);
    expect(sink.missing).toBe(0);
    sink.write("last");
    stream.end();
    const lines = (await all).split("\n");
    expect(lines.slice(-3)).toEqual([`missing ${missing}`, "last", ""]);
    expect(lines).toHaveLength(100_000 - missing + 3);
  });

  it("on a terminal holds nobody either, and loses nothing that there is room for", async () => {
    const path = join(dir, "terminal");
    execFileSync("mkfifo", [path]);
    // Reads and writes without waiting, as a terminal that was opened so.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const outlet = new TerminalOutlet(fd);
      const line = `${"x".repeat(KIB)}\n`;
      let taken = 0;
      while (taken < 64 * KIB && outlet.write(line)) taken += 1;
      expect(taken).toBeGreaterThan(4 * KIB);
      expect(taken).toBeLessThan(5 * KIB);
      const reader = createReadStream(path, { highWaterMark: 64 * KIB });
      let read = 0;
      reader.on("data", (chunk) => {
        read += chunk.length;
      });
      await outlet.drained();
      expect(outlet.write("end")).toBe(true);
      while (read < taken * line.length + 3) await once(reader, "data");
      reader.destroy();
    } finally {
      closeSync(fd);
    }
  });

  it("on a terminal that has gone is told as any other problem", async () => {
    const outlet = new TerminalOutlet(-1);
    expect(outlet.write("x")).toBe(false);
    expect(outlet.problem).toBeInstanceOf(Error);
    await outlet.drained();
  });

  it("for good keeps nobody from ending", async () => {
    const sink = sinkOf(new Writable({ highWaterMark: 1, write: () => {} }));
    for (let index = 0; index < 10_000; index += 1) sink.write(entry);
    await sink.close(10);
    expect(sink.missing).toBeGreaterThan(0);
  });

  it("that has gone is told once, and costs nothing", async () => {
    const problems: Error[] = [];
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const options = { leftOut: String, onProblem: (problem: Error) => problems.push(problem) };
    const sink = new Sink(new StreamOutlet(stream), options);
    sink.write("one");
    await new Promise(setImmediate);
    for (let index = 0; index < 1_000; index += 1) sink.write(entry);
    expect(problems.map(({ message }) => message)).toEqual(["EPIPE"]);
    expect(sink.missing).toBe(1_000);
    expect(stream.writableLength).toBe(0);
  });
});

describe("a file", () => {
  it("has each line at once", () => {
    const fd = openSync(join(dir, "log"), "w");
    const outlet = new FileOutlet(fd);
    for (const line of ["one\n", "two\n"]) outlet.write(line);
    expect(readFileSync(join(dir, "log"), "utf8")).toBe("one\ntwo\n");
    closeSync(fd);
  });

  it("on a full disk is told once, and goes on with the count when there is room", () => {
    const problems: string[] = [];
    const [full, log] = [openSync("/dev/full", "w"), openSync(join(dir, "log"), "w")];
    const outlets = { full: new FileOutlet(full), log: new FileOutlet(log) };
    let isFull = true;
    const outlet = {
      write: (line: string) => outlets[isFull ? "full" : "log"].write(line),
      drained: async () => {},
      get problem() {
        return outlets[isFull ? "full" : "log"].problem;
      },
    };
    const options = {
      leftOut: (lines: number) => `missing ${lines}`,
      onProblem: ({ message }: Error) => problems.push(message),
    };
    const sink = new Sink(outlet, options);
    for (const line of ["a", "b", "c"]) sink.write(line);
    isFull = false;
    sink.write("d");
    expect(readFileSync(join(dir, "log"), "utf8")).toBe("missing 3\nd\n");
    expect(problems).toEqual([expect.stringContaining("ENOSPC")]);
    for (const fd of [full, log]) closeSync(fd);
  });
});
