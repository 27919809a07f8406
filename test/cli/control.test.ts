/** The control socket: what commands ask and get, and what junk, hangs and crowds do to it. */
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, request } from "../../cli/control/client.js";
import { lines } from "../../cli/control/lines.js";
import { decodeFrame, decodeRequest, encodeLine, encodeRequest, type Request } from "../../cli/control/protocol.js";
import { ControlServer } from "../../cli/control/server.js";
import { failureLine } from "../../cli/failure.js";
import { claimControlPath } from "../../client/state/control-path.js";
import { FirefliesError, ReplyError } from "../../identity/index.js";
import { FakeAgentClient, idOf, member } from "../support/fake-agent-client.js";

let dir: string;
let client: FakeAgentClient;
let server: ControlServer;
let left: number[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ff-control-"));
  client = new FakeAgentClient();
  left = [];
  const path = await claimControlPath(dir);
  server = await ControlServer.listen({
    path,
    client,
    agent: { version: "1.2.3", dir, startedAt: 0, alarms: () => [] },
    leave: async (drainMs) => {
      left.push(drainMs);
    },
  });
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

describe("requests", () => {
  it("is a socket of mode 0600", () => {
    expect(statSync(server.path).mode & 0o777).toBe(0o600);
  });

  it("members, with epochs of 64 bits unrounded", async () => {
    expect(await ask(dir, { op: "members" })).toMatchObject([
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
      const members = (await ask(dir, { op: "members", ...query })) as { name?: string; state: string }[];
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
    const [gone] = (await ask(dir, { op: "members", name: "web-3", all: true })) as object[];
    expect(gone).toMatchObject({ reason: "removed", gone: 5 });
  });

  it("members of a large network in parts, each a line that is not too long", async () => {
    // What takes most room when it is written anew.
    const metadata = { x: Array.from({ length: 800 }, () => 1e20) };
    client.list = Array.from({ length: 401 }, (_, index) => member(`${index + 4_096}`, { metadata }));
    expect(await ask(dir, { op: "members" })).toHaveLength(401);
  });

  it("info and rings", async () => {
    expect(await ask(dir, { op: "info" })).toMatchObject({ id: idOf("f"), rings: 13, epoch: "4611686018427387904" });
    expect(await ask(dir, { op: "rings" })).toEqual([
      { ring: 1, predecessor: idOf("b"), predecessorName: "bob", successor: idOf("aa1") },
      { ring: 2 },
    ]);
  });

  it.each(["B", "bob", idOf("b")])("send takes %s for a member and returns the reply", async (id) => {
    let told: unknown[] = [];
    client.answer = async (...args) => {
      told = args;
      return Buffer.from("fine");
    };
    const data = Buffer.from([0, 255, 10]);
    const value = await ask(dir, { op: "send", id, data, timeoutMs: 77 });
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
  ])("send to %j is refused with %s", async (id, code) => {
    await expect(ask(dir, { op: "send", id, data: Buffer.of(1), timeoutMs: undefined })).rejects.toMatchObject({
      code,
    });
  });

  it("an error of the client arrives with its code, any other as agent-failed", async () => {
    const send = { op: "send", id: "b", data: Buffer.of(1), timeoutMs: undefined } as const;
    client.answer = () => Promise.reject(new FirefliesError("certificate-invalid", "because"));
    await expect(ask(dir, send)).rejects.toMatchObject({ code: "certificate-invalid", message: "because" });
    client.answer = () => Promise.reject(new ReplyError("no such order", { code: "no-such-order" }));
    const error: unknown = await ask(dir, send).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ReplyError);
    expect(failureLine(error, false)).toBe("error: no such order (handler-failed, no-such-order)");
    client.answer = () => Promise.reject(new TypeError("oops"));
    await expect(ask(dir, send)).rejects.toMatchObject({ code: "agent-failed", message: "oops" });
  });

  it("gossip sets the content, leave leaves", async () => {
    await ask(dir, { op: "gossip", data: Buffer.from("news") });
    expect(Buffer.from(client.gossip!).toString()).toBe("news");
    await ask(dir, { op: "leave", drainMs: 70 });
    expect(left).toEqual([70]);
  });

  it("carries a message of 4 MiB", async () => {
    const data = Buffer.alloc(4 * 1024 * 1024, 7);
    const value = (await ask(dir, { op: "send", id: "b", data, timeoutMs: undefined })) as { reply: string };
    expect(Buffer.from(value.reply, "base64").equals(data)).toBe(true);
  });
});

describe("monitor", () => {
  it("tells changes until the command goes away, and then lets go of them", async () => {
    const connection = await request(dir, { op: "monitor" });
    const events: unknown[] = [];
    for await (const frame of connection.frames) {
      events.push(frame);
      if (events.length === 3) break;
    }
    expect(events[0]).toMatchObject({ kind: "event", value: { event: "joined", id: idOf("aa1"), at: 1 } });
    expect(client.readers).toBe(1);
    const gone = once(client.events, "reader");
    connection.close();
    await gone;
    expect(client.readers).toBe(0);
  });
});

describe("monitor with a filter", () => {
  it("tells of members that it fits only", async () => {
    const connection = await request(dir, { op: "monitor", name: "b*" });
    const { value } = await connection.frames.next();
    expect(value).toMatchObject({ kind: "event", value: { event: "joined", name: "bob", id: idOf("b") } });
    connection.close();
  });
});

describe("stream", () => {
  it("carries bytes both ways, half-closes, and ends once", async () => {
    const connection = await request(dir, { op: "stream", id: "b" });
    const frames = connection.frames;
    expect((await frames.next()).value).toEqual({ kind: "open" });
    for (const text of ["one", "two"]) await connection.send({ kind: "data", data: Buffer.from(text) });
    await connection.send({ kind: "end" });
    const got: string[] = [];
    for await (const frame of frames) got.push(frame.kind === "data" ? Buffer.from(frame.data).toString() : frame.kind);
    expect(got).toEqual(["one", "two", "end"]);
    connection.close();
  });

  it("of a command that goes away before it said end is no whole one: it ends with an error", async () => {
    const connection = await request(dir, { op: "stream", id: "b" });
    await connection.frames.next();
    await connection.send({ kind: "data", data: Buffer.from("half of it") });
    await connection.frames.next();
    const stream = client.streams[0]!;
    const broken = once(stream, "error");
    connection.close();
    expect(await broken).toMatchObject([{ code: "cancelled" }]);
    expect(stream.writableEnded).toBe(false);
  });

  it("refuses what is no data", async () => {
    const connection = await request(dir, { op: "stream", id: "b" });
    await connection.frames.next();
    await connection.send({ kind: "open" });
    await expect(connection.frames.next()).rejects.toMatchObject({ code: "control-malformed" });
    connection.close();
  });
});

describe("what does not belong there", () => {
  it.each([
    ["no JSON", "hello\n", "control-malformed"],
    ["another version", '{"v":2,"op":"members"}\n', "control-malformed"],
    ["an unknown request", '{"v":1,"op":"__proto__"}\n', "control-malformed"],
    ["a request without its fields", '{"v":1,"op":"send"}\n', "control-malformed"],
    ["a name that is none", '{"v":1,"op":"members","name":7}\n', "control-malformed"],
    ["facts that are no list", '{"v":1,"op":"members","metadata":"role=worker"}\n', "control-malformed"],
    ["a timeout out of range", '{"v":1,"op":"send","id":"b","data":"","timeoutMs":-1}\n', "control-malformed"],
    ["an address that is none", '{"v":1,"op":"join","address":7}\n', "control-malformed"],
    ["a drain out of range", '{"v":1,"op":"leave","drainMs":3600001}\n', "control-malformed"],
    ["a line without an end", "x".repeat(6 * 1024 * 1024 + 1), "control-malformed"],
  ])("%s", async (_, text, code) => {
    const socket = await raw();
    socket.write(text);
    expect(JSON.parse(await answerTo(socket))).toMatchObject({ kind: "error", code });
  });

  it("a connection that ends without asking gets nothing", async () => {
    const socket = await raw();
    socket.end();
    expect(await answerTo(socket)).toBe("");
  });

  it("the 65th command at once is told to come later", async () => {
    const held = await Promise.all(Array.from({ length: 64 }, raw));
    const late = await raw();
    expect(JSON.parse(await answerTo(late))).toMatchObject({ kind: "error", code: "control-busy" });
    for (const socket of held) socket.destroy();
  });

  it("a directory without an agent is said to be one", async () => {
    await expect(ask(join(dir, "nowhere"), { op: "info" })).rejects.toMatchObject({ code: "agent-unreachable" });
  });

  it("an agent that ends, or does not answer in time, is said to have stopped", async () => {
    client.answer = () => new Promise(() => {});
    const send = { op: "send", id: "b", data: Buffer.of(1), timeoutMs: undefined } as const;
    await expect(ask(dir, send, 50)).rejects.toMatchObject({ code: "agent-stopped" });
    const waiting = ask(dir, { ...send }, 10_000);
    const asked = new Promise<void>((resolve) => {
      client.answer = () => new Promise(() => resolve());
    });
    await asked;
    await server.close();
    await expect(waiting).rejects.toMatchObject({ code: "agent-stopped" });
  });
});

describe("codec", () => {
  const requests: Request[] = [
    { op: "members", all: false },
    { op: "members", all: true, name: "web-*", metadata: ["role=worker", "spare"] },
    { op: "monitor" },
    { op: "monitor", name: "b" },
    { op: "leave", drainMs: 0 },
    { op: "gossip", data: Buffer.from("x") },
    { op: "status" },
    { op: "ping", id: "bob", timeoutMs: 5 },
    { op: "join", address: "127.0.0.1:1" },
    { op: "stream", id: "ab" },
    { op: "send", id: "ab", data: Buffer.of(0, 1), timeoutMs: 5 },
  ];
  it.each(requests)("$op survives its line", (each) => {
    expect(decodeRequest(encodeRequest(each).trimEnd())).toEqual(each);
  });

  it("junk is an error with a code, never anything else", () => {
    const code = (decode: () => unknown) => {
      try {
        decode();
        return "fine";
      } catch (error) {
        return (error as FirefliesError).code;
      }
    };
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (junk) => {
        expect(code(() => decodeRequest(junk))).toBe("control-malformed");
        expect(code(() => decodeFrame(junk))).toBe("control-malformed");
      }),
    );
  });

  it("lines come whole, however they are cut", async () => {
    const arbitrary = fc.array(
      fc.string().filter((text) => !text.includes("\n")),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.integer({ min: 1, max: 7 }), async (texts, size) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(""));
        async function* chunks() {
          for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
        }
        const got: string[] = [];
        for await (const each of lines(Readable.from(chunks(), { objectMode: false }), 1_000)) got.push(each);
        expect(got).toEqual(texts.map((text) => Buffer.from(text).toString()));
      }),
    );
  });

  it("bytes become base64 and big numbers strings", () => {
    expect(encodeLine({ data: Buffer.of(1) })).toBe('{"data":"AQ=="}\n');
    expect(encodeLine({ epoch: 2n ** 62n })).toBe('{"epoch":"4611686018427387904"}\n');
  });
});
