/** The agent's API over its Unix socket: what commands ask and get, and what junk, hangs and crowds do to it. */
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { Agent, get } from "node:http";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as calls from "../../cli/api/caller/calls.js";
import { ask, follow, openFrames } from "../../cli/api/caller/client.js";
import type { ApiServer } from "../../cli/api/server/server.js";
import { encodeFrame, type FrameKind, frames, lines, plainJson } from "../../cli/api/wire.js";
import { failureLine } from "../../cli/failure.js";
import { LogFeed } from "../../cli/log/log-feed.js";
import { FirefliesError, ReplyError } from "../../identity/index.js";
import { FakeAgentClient, idOf, member } from "../support/fake-agent-client.js";
import { serveFake } from "../support/serve-fake.js";

let dir: string;
let client: FakeAgentClient;
let server: ApiServer;
let log: LogFeed;
let left: number[];

// The server loads it with the first request: compiled for the test it may take longer than a command waits.
beforeAll(async () => void (await import("../../cli/api/server/app.js")));

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ff-api-"));
  client = new FakeAgentClient();
  log = new LogFeed();
  left = [];
  const agent = { version: "1.2.3", dir, startedAt: 0, alarms: () => [] };
  const leave = async (drainMs: number) => void left.push(drainMs);
  server = await serveFake(dir, { client, agent, leave }, log);
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

async function raw(): Promise<Socket> {
  const socket = createConnection(server.path);
  await once(socket, "connect");
  return socket;
}

async function answerTo(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

/** Status and body of the answer to what is no command's request. */
async function answered(head: string, body = ""): Promise<{ readonly status: number; readonly code: unknown }> {
  const socket = await raw();
  socket.write(`${head}\r\n${body === "" ? "" : `content-length: ${Buffer.byteLength(body)}\r\n`}\r\n${body}`);
  socket.end();
  const text = await answerTo(socket);
  const [, status = "0"] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
  return { status: Number(status), code: JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)).code };
}

const askFor = (call: Parameters<typeof ask>[1], deadline?: number | AbortSignal) => ask({ dir }, call, deadline);
const JSON_HEAD = "host: localhost\r\ncontent-type: application/json";

describe("calls", () => {
  it("come over a socket of mode 0600", () => {
    expect(statSync(server.path).mode & 0o777).toBe(0o600);
  });

  it("members, with epochs of 64 bits unrounded", async () => {
    expect(await askFor(calls.members())).toMatchObject([
      { id: idOf("b"), name: "bob" },
      { id: idOf("aa1"), address: "127.0.0.1:8400", epoch: "4611686018427387904", suspected: false, state: "live" },
      { id: idOf("aa2") },
    ]);
  });

  it("members whom a filter fits, by name, and those who are gone with reason and time", async () => {
    client.list = [
      member("c", { name: "web-10", metadata: { role: "worker", rack: 7 } }),
      member("a"),
      member("b", { name: "web-2", metadata: { role: "worker", spare: true } }),
    ];
    client.gone = [{ member: member("d", { name: "web-3" }), reason: "removed", at: 5 }];
    const names = async (query: object) => {
      const members = (await askFor(calls.members(query))) as { name?: string; state: string }[];
      return members.map(({ name, state }) => [name, state]);
    };
    const [web2, web10] = [
      ["web-2", "live"],
      ["web-10", "live"],
    ];
    expect(await names({})).toEqual([web2, web10, [undefined, "live"]]);
    expect(await names({ name: "web-*", all: true })).toEqual([web2, web10, ["web-3", "failed"]]);
    expect(await names({ metadata: ["role=worker"] })).toEqual([web2, web10]);
    expect(await names({ metadata: ["role=worker", "rack=7"] })).toEqual([web10]);
    expect(await names({ metadata: ["spare"] })).toEqual([web2]);
    expect(await names({ metadata: ["spare=true"], name: "*0" })).toEqual([]);
    const [gone] = (await askFor(calls.members({ name: "web-3", all: true }))) as object[];
    expect(gone).toMatchObject({ reason: "removed", gone: 5 });
  });

  it("members of a large network", async () => {
    // What takes most room when it is written anew.
    const metadata = { x: Array.from({ length: 800 }, () => 1e20) };
    client.list = Array.from({ length: 401 }, (_, index) => member(`${index + 4_096}`, { metadata }));
    expect(await askFor(calls.members())).toHaveLength(401);
  });

  it("info and rings", async () => {
    expect(await askFor(calls.INFO)).toMatchObject({ id: idOf("f"), rings: 13, epoch: "4611686018427387904" });
    expect(await askFor(calls.RINGS)).toEqual([
      { ring: 1, predecessor: idOf("b"), predecessorName: "bob", successor: idOf("aa1") },
      { ring: 2 },
    ]);
  });

  it.each(["B", "bob", idOf("b")])("send takes %s for a member and returns the reply", async (to) => {
    let told: unknown[] = [];
    client.answer = async (...args) => {
      told = args;
      return Buffer.from("fine");
    };
    const value = await askFor(calls.send({ to, data: Buffer.from([0, 255, 10]), timeoutMs: 77 }));
    expect(value).toEqual({ id: idOf("b"), name: "bob", reply: Buffer.from("fine").toString("base64") });
    expect(told[0]).toBe(idOf("b"));
    expect([...(told[1] as Uint8Array)]).toEqual([0, 255, 10]);
    expect(told[2]).toMatchObject({ timeout: 77 });
  });

  it.each([
    ["aa", "id-ambiguous"],
    ["c", "id-unknown"],
    ["", "id-unknown"],
    [`${"b".padEnd(64, "0")}0`, "id-unknown"],
  ])("send to %j is refused with %s", async (to, code) => {
    await expect(askFor(calls.send({ to, data: Buffer.of(1) }))).rejects.toMatchObject({ code });
  });

  it("an error of the client arrives with its code, any other as agent-failed", async () => {
    const send = calls.send({ to: "b", data: Buffer.of(1) });
    client.answer = () => Promise.reject(new FirefliesError("certificate-invalid", "because"));
    await expect(askFor(send)).rejects.toMatchObject({ code: "certificate-invalid", message: "because" });
    client.answer = () => Promise.reject(new ReplyError("no such order", { code: "no-such-order" }));
    const error: unknown = await askFor(send).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ReplyError);
    expect(failureLine(error, false)).toBe("error: no such order (handler-failed, no-such-order)");
    client.answer = () => Promise.reject(new TypeError("oops"));
    await expect(askFor(send)).rejects.toMatchObject({ code: "agent-failed", message: "oops" });
  });

  it("gossip sets the content, leave leaves", async () => {
    await askFor(calls.gossip(Buffer.from("news")));
    expect(Buffer.from(client.gossip!).toString()).toBe("news");
    await askFor(calls.leave(70));
    expect(left).toEqual([70]);
  });

  it("carries a message of 4 MiB", async () => {
    const data = Buffer.alloc(4 * 1024 * 1024, 7);
    const value = (await askFor(calls.send({ to: "b", data }))) as { reply: string };
    expect(Buffer.from(value.reply, "base64").equals(data)).toBe(true);
  });

  it("a deadline that passes is an answer, and what was asked for is given up", async () => {
    const given = new Promise<AbortSignal>((resolve) => {
      client.answer = (_to, _data, options) => {
        resolve(options?.signal as AbortSignal);
        return new Promise(() => {});
      };
    });
    const deadline = new AbortController();
    const asked = askFor(calls.send({ to: "b", data: Buffer.of(1) }), deadline.signal);
    const refused = expect(asked).rejects.toMatchObject({ code: "agent-stopped" });
    const signal = await given; // However long the way there takes.
    deadline.abort();
    await refused;
    await until(() => signal.aborted);
  });

  it.each([
    ["control-malformed", 400],
    ["topic-invalid", 400],
    ["name-invalid", 400],
    ["access-invalid", 400],
    ["id-unknown", 404],
    ["name-taken", 409],
    ["address-in-use", 409],
    ["peer-refused", 502],
    ["handler-missing", 502],
    ["unacknowledged", 504],
    ["state-write-failed", 500],
  ] as const)("the error %s is told with status %i", async (code, status) => {
    client.answer = () => Promise.reject(new FirefliesError(code));
    const body = plainJson(calls.send({ to: "b", data: Buffer.of(1) }).body);
    expect(await answered(`POST /v1/messages HTTP/1.1\r\n${JSON_HEAD}`, body)).toEqual({ status, code });
  });

  it("come one after the other on a connection that is kept, at once after an answer that takes many reads", async () => {
    const metadata = { x: Array.from({ length: 800 }, () => 1e20) };
    client.list = Array.from({ length: 101 }, (_, index) => member(`${index + 4_096}`, { metadata }));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    for (let count = 0; count < 50; count++) {
      const asked = get({ agent, socketPath: server.path, path: "/v1/members", headers: { host: "localhost" } });
      const [answer] = await once(asked, "response");
      sockets.add(asked.socket);
      let bytes = 0;
      for await (const chunk of answer) bytes += chunk.length;
      expect(bytes).toBeGreaterThan(1_000_000);
    }
    agent.destroy();
    expect(sockets.size).toBe(1);
  });
});

/** The command has gone: its agent hears of it a turn of the loop later. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

describe("changes", () => {
  it("are told until the command goes away, and then let go of", async () => {
    const following = await follow({ dir }, calls.changes());
    const events: unknown[] = [];
    for await (const value of following.values) {
      events.push(value);
      if (events.length === 3) break;
    }
    expect(events[0]).toMatchObject({ event: "joined", id: idOf("aa1"), at: 1 });
    following.close();
    await until(() => client.readers === 0);
  });

  it("with a filter are of members that it fits only", async () => {
    const following = await follow({ dir }, calls.changes({ name: "b*" }));
    expect((await following.values.next()).value).toMatchObject({ event: "joined", name: "bob", id: idOf("b") });
    following.close();
  });
});

describe("the log", () => {
  it("is what the agent tells from now on", async () => {
    const following = await follow({ dir }, calls.LOG);
    await until(() => !log.isIdle);
    log.publish({ event: "ready", level: "info" });
    expect((await following.values.next()).value).toEqual({ event: "ready", level: "info" });
    following.close();
    await until(() => log.isIdle);
  });

  it("costs no more than a thousand lines for a reader that has stopped, and says what it left out", async () => {
    const gone = new AbortController();
    const read = log.follow(gone.signal);
    const first = read.next();
    for (let number = 0; number < 1_500; number++) log.publish({ number });
    expect((await first).value).toMatchObject({ event: "left-out", lines: 500 });
    expect((await read.next()).value).toEqual({ number: 500 });
    gone.abort();
  });
});

describe("a stream", () => {
  const open = () => openFrames({ dir }, calls.stream("b"));

  it("carries bytes both ways, half-closes, and ends once", async () => {
    const connection = await open();
    for (const text of ["one", "two"]) await connection.send("data", Buffer.from(text));
    await connection.send("end");
    const got: string[] = [];
    for await (const { kind, data } of connection.frames) got.push(kind === "data" ? String(Buffer.from(data)) : kind);
    expect(got).toEqual(["one", "two", "end"]);
    connection.close();
  });

  it("of a command that goes away before it said end is no whole one: it ends with an error", async () => {
    const connection = await open();
    await connection.send("data", Buffer.from("half of it"));
    await connection.frames.next();
    const stream = client.streams[0]!;
    const broken = once(stream, "error");
    connection.close();
    expect(await broken).toMatchObject([{ code: "cancelled" }]);
    expect(stream.writableEnded).toBe(false);
  });

  it("refuses what is no data", async () => {
    const connection = await open();
    await connection.send("event", Buffer.from("{}"));
    await expect(connection.frames.next()).rejects.toMatchObject({ code: "control-malformed" });
    connection.close();
  });

  it("to nobody is refused before the connection is upgraded, and without an upgrade", async () => {
    await expect(openFrames({ dir }, calls.stream("nobody"))).rejects.toMatchObject({ code: "id-unknown" });
    await expect(askFor(calls.stream("b"))).rejects.toMatchObject({ code: "control-malformed" });
  });
});

describe("what does not belong there", () => {
  const json = JSON_HEAD;
  it.each([
    ["no HTTP", "hello", "", 400, "control-malformed"],
    ["an unknown call", "GET /v2/members HTTP/1.1\r\nhost: localhost", "", 404, "not-found"],
    ["another method", `DELETE /v1/members HTTP/1.1\r\nhost: localhost`, "", 404, "not-found"],
    ["no JSON", `POST /v1/messages HTTP/1.1\r\n${json}`, "{", 400, "control-malformed"],
    ["a body without its fields", `POST /v1/messages HTTP/1.1\r\n${json}`, "{}", 400, "control-malformed"],
    ["a field that is none", `POST /v1/joins HTTP/1.1\r\n${json}`, '{"address":"a:1","x":1}', 400, "control-malformed"],
    ["a query that is none", "GET /v1/members?nmae=x HTTP/1.1\r\nhost: localhost", "", 400, "control-malformed"],
    [
      "too many facts",
      `GET /v1/members?${"metadata=a&".repeat(17)} HTTP/1.1\r\nhost: localhost`,
      "",
      400,
      "control-malformed",
    ],
    [
      "a time-out out of range",
      `POST /v1/pings HTTP/1.1\r\n${json}`,
      '{"to":"b","timeoutMs":-1}',
      400,
      "control-malformed",
    ],
    ["a drain out of range", `POST /v1/leave HTTP/1.1\r\n${json}`, '{"drainMs":3600001}', 400, "control-malformed"],
    [
      "another content type",
      "POST /v1/leave HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain",
      "{}",
      400,
      "control-malformed",
    ],
    [
      "a body that is too large",
      `POST /v1/leave HTTP/1.1\r\n${json}`,
      `"${"x".repeat(70_000)}"`,
      413,
      "body-too-large",
    ],
    ["no Host", "GET /v1/info HTTP/1.1", "", 400, "control-malformed"],
    ["another's name", "GET /v1/info HTTP/1.1\r\nhost: evil.example", "", 403, "agent-forbidden"],
    ["a page", "GET /v1/info HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example", "", 403, "agent-forbidden"],
    ["a page without a site", "GET /v1/info HTTP/1.1\r\nhost: localhost\r\norigin: null", "", 403, "agent-forbidden"],
    [
      "a head without end",
      `GET /v1/info HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(20_000)}`,
      "",
      413,
      "body-too-large",
    ],
  ])("%s", async (_, head, body, status, code) => {
    expect(await answered(head, body)).toEqual({ status, code });
  });

  it("a connection that ends without asking gets nothing", async () => {
    const socket = await raw();
    socket.end();
    expect(await answerTo(socket)).toBe("");
  });

  it("a second request before the first is answered ends the connection: nobody holds bodies without bound", async () => {
    client.answer = () => new Promise(() => {});
    const body = plainJson(calls.send({ to: "b", data: Buffer.of(1) }).body);
    const request = `POST /v1/messages HTTP/1.1\r\n${json}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const socket = await raw();
    socket.write(request + request);
    await answerTo(socket).catch(() => {});
    expect(socket.destroyed).toBe(true);
  });

  it("the 65th command at once is told to come later", async () => {
    const held = await Promise.all(Array.from({ length: 64 }, raw));
    await expect(askFor(calls.INFO)).rejects.toMatchObject({ code: "control-busy" });
    for (const socket of held) socket.destroy();
  });

  it("a reader that has stopped holds what its own queue holds, and nobody else up", async () => {
    const socket = await raw();
    socket.pause();
    socket.write("GET /v1/log HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await until(() => !log.isIdle);
    const line = { text: "x".repeat(10_000) };
    for (let number = 0; number < 3_000; number++) log.publish(line);
    const before = process.memoryUsage().arrayBuffers;
    for (let number = 0; number < 3_000; number++) log.publish(line);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
    expect(await askFor(calls.INFO)).toMatchObject({ rings: 13 });
    socket.destroy();
  });

  it("a directory without an agent is said to be one", async () => {
    await expect(ask({ dir: join(dir, "nowhere") }, calls.INFO)).rejects.toMatchObject({ code: "agent-unreachable" });
  });

  it("an agent that ends, or does not answer in time, is said to have stopped", async () => {
    client.answer = () => new Promise(() => {});
    const send = calls.send({ to: "b", data: Buffer.of(1) });
    await expect(askFor(send, 50)).rejects.toMatchObject({ code: "agent-stopped" });
    const waiting = askFor(send, 10_000);
    const asked = new Promise<void>((resolve) => {
      client.answer = () => new Promise(() => resolve());
    });
    await asked;
    await Promise.all([server.close(), expect(waiting).rejects.toMatchObject({ code: "agent-stopped" })]);
  });
});

describe("the wire", () => {
  it("has frames whole, however they are cut", async () => {
    const kinds: FrameKind[] = ["data", "end", "error", "event"];
    const arbitrary = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 20 })), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.integer({ min: 1, max: 7 }), async (sent, size) => {
        const bytes = Buffer.concat(sent.map(([kind, data]) => encodeFrame(kind, data)));
        const got: unknown[] = [];
        for await (const { kind, data } of frames(cut(bytes, size))) got.push([kind, new Uint8Array(data)]);
        expect(got).toEqual(sent);
      }),
    );
  });

  it.each([
    ["another kind", Buffer.from([9, 0, 0, 0, 0])],
    ["a length over the limit", Buffer.from([0, 0xff, 0, 0, 0])],
  ])("refuses a frame of %s before it is held", async (_, bytes) => {
    const stream = new PassThrough();
    stream.write(bytes);
    await expect(frames(stream).next()).rejects.toMatchObject({ code: "control-malformed" });
  });

  it("has lines whole, however they are cut, and none without end", async () => {
    const arbitrary = fc.array(
      fc.string().filter((text) => !text.includes("\n")),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.integer({ min: 1, max: 7 }), async (texts, size) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(""));
        const got: string[] = [];
        for await (const each of lines(cut(bytes, size), 1_000)) got.push(each);
        expect(got).toEqual(texts.map((text) => Buffer.from(text).toString()));
      }),
    );
    await expect(lines(cut(Buffer.alloc(2_000, "x"), 100), 1_000).next()).rejects.toMatchObject({
      code: "control-malformed",
    });
  });

  it("has big numbers as strings", () => {
    expect(plainJson({ epoch: 2n ** 62n })).toBe('{"epoch":"4611686018427387904"}');
  });
});

function cut(bytes: Buffer, size: number): Readable {
  async function* chunks() {
    for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
  }
  return Readable.from(chunks(), { objectMode: false });
}
