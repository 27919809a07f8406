/**
 * What a handler throws: the other side gets what was thrown for it, in its words, and of anything else a code and a general
 * sentence. This program gets the rest, as an alarm with the stack. Over real sockets.
 */
import { type EventEmitter, once } from "node:events";
import { type ServiceError, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { HandlerFailures } from "../../client/handler-failures.js";
import type { MessageStream } from "../../client/types.js";
import { FirefliesError, REPLY_CODE_MAX, ReplyError, readReply, replyCode } from "../../identity/index.js";
import { deferred, OfflineNetwork, read, type TestClient, text } from "../support/network.js";
import { asked, ECHO, EchoClient, echo } from "../support/rpc.js";

const SECRET = "connect to postgres://app:password=hunter2@10.0.0.7 failed";
const GENERAL = new FirefliesError("handler-failed").message;

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
/** What bob's service does with a call that is answered once, and with one that is answered many times. */
let once_: (call: unknown, done: (error: never, answer?: Buffer) => void) => unknown = () => {};
let count: (call: EventEmitter) => unknown = () => {};

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
  const { missing: _, ...served } = ECHO;
  const serialize = (value: Buffer) => {
    if (value.toString() === "unwritable") throw new Error(SECRET);
    return value;
  };
  bob.addService(
    { ...served, once: { ...ECHO.once, responseSerialize: serialize } },
    {
      ...echo,
      once: ((call, done) => once_(call, done)) as typeof echo.once,
      count: ((call) => count(call)) as typeof echo.count,
    },
  );
});
afterAll(() => network[Symbol.asyncDispose]());

/** Settles with what it rejects with. */
const thrown = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("it was answered"),
    (error: unknown) => error,
  );
const errorOf = async (stream: MessageStream) => ((await once(stream, "error")) as [unknown])[0];

/** The alarm that `act` makes bob raise. */
async function alarmOf(act: () => Promise<void>): Promise<FirefliesError> {
  const { promise, resolve } = deferred<FirefliesError>();
  bob.registerAlarmHandler(resolve);
  await act();
  return await promise;
}

function secretly(): never {
  throw new Error(SECRET);
}

function transferred(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** Every look at it throws. */
function unlookable(): object {
  const refuse = () => secretly();
  return new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse });
}

function expectAlarm(alarm: FirefliesError, kind: string): void {
  expect(alarm.code).toBe("handler-failed");
  expect(alarm.message).toContain(`The ${kind} handler failed for ${alice.id}: ${SECRET}`);
  expect(alarm.cause).toMatchObject({ message: SECRET, stack: expect.stringContaining("handler-failures.test.ts") });
}

describe("an error that a handler throws", () => {
  it.each([
    ["throws", () => secretly()],
    ["rejects", async () => secretly()],
  ])("for a message (it %s) is a general one for its sender, and an alarm with the stack here", async (_, handler) => {
    bob.registerMessageHandler(handler);
    const alarm = await alarmOf(async () => {
      expect(await thrown(alice.sendToId(bob.id, text("x")))).toMatchObject({
        code: "handler-failed",
        message: GENERAL,
      });
    });
    expectAlarm(alarm, "message");
  });

  it.each([
    ["a text", "hunter2", "hunter2"],
    ["nothing", undefined, "undefined"],
    ["what has no text", Object.create(null), "has no text"],
    ["an error of its own call to another member", new FirefliesError("peer-removed", SECRET), SECRET],
  ])("that is %s is no other", async (_, what, told) => {
    bob.registerMessageHandler(() => {
      throw what;
    });
    const alarm = await alarmOf(async () => {
      expect(await thrown(alice.sendToId(bob.id, text("x")))).toMatchObject({
        code: "handler-failed",
        message: GENERAL,
      });
    });
    expect(alarm.message).toContain(told);
    expect(alarm.cause).toBe(what);
  });

  it("that has not answered in time is an alarm here, by whichever clock its time was over", async () => {
    bob.registerMessageHandler(() => new Promise(() => {}));
    const alarm = await alarmOf(async () => {
      await thrown(alice.sendToId(bob.id, text("x"), { timeout: 200 }));
    });
    expect(alarm).toMatchObject({
      code: "handler-timeout",
      message: expect.stringMatching(/has not answered .* in time/),
    });
  });

  it("that the caller takes back has nothing to tell", async () => {
    const [alarms, started] = [[] as FirefliesError[], deferred()];
    bob.registerAlarmHandler((alarm) => alarms.push(alarm));
    const ended = deferred<string>();
    bob.registerMessageHandler((_, { signal }) => {
      signal.addEventListener("abort", () => ended.resolve(signal.reason.code), { once: true });
      started.resolve();
      return new Promise(() => {});
    });
    const taken = new AbortController();
    const sent = thrown(alice.sendToId(bob.id, text("x"), { signal: taken.signal }));
    await started.promise;
    taken.abort();
    await sent;
    expect(await ended.promise).toBe("cancelled");
    expect(alarms).toEqual([]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ["no bytes", () => "text", /It returned a value of type string. A reply is a Uint8Array/],
    ["bytes that are somewhere else", transferred, /transferred away/],
  ])("because it returned %s is one alarm, and no wait for its sender", async (_, handler, told) => {
    const alarms: FirefliesError[] = [];
    bob.registerAlarmHandler((alarm) => alarms.push(alarm));
    bob.registerMessageHandler(handler as never);
    expect(await thrown(alice.sendToId(bob.id, text("x")))).toMatchObject({ code: "handler-failed", message: GENERAL });
    expect(alarms.map(({ message }) => message)).toEqual([expect.stringMatching(told)]);
  });

  it("that lets nobody look at it is an alarm all the same, for a message and a stream", async () => {
    const hostile = () => {
      throw unlookable();
    };
    bob.registerMessageHandler(hostile);
    const alarm = await alarmOf(async () => {
      expect(await thrown(alice.sendToId(bob.id, text("x")))).toMatchObject({ code: "handler-failed" });
    });
    expect(alarm.message).toContain("has no text");
    bob.registerStreamHandler(hostile);
    await alarmOf(async () => {
      expect(await errorOf(await alice.openStream(bob.id))).toMatchObject({ code: "handler-failed" });
    });
  });

  it("that is a ReplyError with a text and a code of another form travels as far as it can", async () => {
    const hostile = () => {
      const get = () => secretly();
      throw Object.defineProperties(new ReplyError("x"), { message: { get }, code: { value: "no code:\n" } });
    };
    bob.registerMessageHandler(hostile);
    const error = (await thrown(alice.sendToId(bob.id, text("x")))) as ReplyError;
    expect([error.constructor, error.message, error.code]).toEqual([ReplyError, "", undefined]);
    bob.registerStreamHandler(hostile);
    expect(await errorOf(await alice.openStream(bob.id))).toBeInstanceOf(ReplyError);
  });

  it("is none for a promise of the program's own kind, whose answer is waited for", async () => {
    const answer = {
      // biome-ignore lint/suspicious/noThenProperty: it is what is tried here.
      then(done: (reply: Uint8Array) => void) {
        setImmediate(() => done(text("later")));
      },
    };
    bob.registerMessageHandler(() => answer as never);
    expect(read(await alice.sendToId(bob.id, text("x")))).toBe("later");
  });

  it("because nobody waits any more is no alarm", async () => {
    const seen = deferred();
    const alarms: FirefliesError[] = [];
    bob.registerAlarmHandler((alarm) => alarms.push(alarm));
    bob.registerMessageHandler((_, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason);
          setImmediate(seen.resolve);
        });
      });
    });
    expect(await thrown(alice.sendToId(bob.id, text("x"), { timeout: 50 }))).toMatchObject({ code: "timeout" });
    await seen.promise;
    expect(alarms).toEqual([]);
  });

  it("for gossip is an alarm, and nothing for the neighbour", async () => {
    bob.registerGossipHandler(() => secretly());
    expectAlarm(await alarmOf(async () => alice.setGossipContent(text("news"))), "gossip");
    bob.registerGossipHandler(() => undefined);
  });

  it("for a stream ends it with a general one there, and is an alarm here", async () => {
    bob.registerStreamHandler(() => secretly());
    const alarm = await alarmOf(async () => {
      expect(await errorOf(await alice.openStream(bob.id))).toMatchObject({ code: "handler-failed", message: GENERAL });
    });
    expectAlarm(alarm, "stream");
  });

  it("says nothing to the other side when a program destroys a stream with it", async () => {
    bob.registerStreamHandler((stream) => void stream.destroy(new Error(SECRET)));
    expect(await errorOf(await alice.openStream(bob.id))).toMatchObject({ code: "stream-reset" });
    const own = new FirefliesError("state-write-failed", SECRET);
    bob.registerStreamHandler((stream) => void stream.destroy(own));
    const error = (await errorOf(await alice.openStream(bob.id))) as FirefliesError;
    expect([error.code, error.message]).toEqual([own.code, new FirefliesError(own.code).message]);
  });

  it("because the other side has gone is no alarm", async () => {
    const alarms: FirefliesError[] = [];
    bob.registerAlarmHandler((alarm) => alarms.push(alarm));
    const [reads, ended] = [deferred(), deferred()];
    bob.registerStreamHandler(async (stream) => {
      reads.resolve();
      try {
        for await (const _ of stream);
      } finally {
        setImmediate(ended.resolve);
      }
    });
    const stream = await alice.openStream(bob.id);
    stream.write(text("x"));
    await reads.promise;
    stream.destroy();
    await ended.promise;
    expect(alarms).toEqual([]);
  });
});

describe("an error of a service", () => {
  const call = async () => (await thrown(asked((done) => stub.once(Buffer.of(1), done)))) as ServiceError;
  let stub: EchoClient;
  beforeAll(async () => {
    stub = await alice.stub(bob.id, EchoClient);
  });

  it.each<[string, typeof once_]>([
    ["thrown", () => secretly()],
    ["a rejection", async () => secretly()],
    ["what it calls back with", (_, done) => done(new Error(SECRET) as never)],
    [
      "one with a code but no details for the caller",
      (_, done) => done(Object.assign(new Error(SECRET), { code: 13 }) as never),
    ],
    ["what its serializer throws", (_, done) => done(null as never, Buffer.from("unwritable"))],
  ])("(%s) is a general one for its caller, and an alarm here", async (_, handler) => {
    once_ = handler;
    let error: ServiceError | undefined;
    const alarm = await alarmOf(async () => {
      error = await call();
    });
    expectAlarm(alarm, "service");
    expect(error?.code).not.toBe(status.OK);
    expect(`${error?.details} ${error?.message}`).not.toContain("hunter2");
    expect([GENERAL, "Error serializing response"]).toContain(error?.details);
  });

  it.each<[string, typeof count]>([
    ["emits", (running) => running.emit("error", new Error(SECRET))],
    ["throws", () => secretly()],
  ])("that answers many times (it %s) is a general one for its caller, and an alarm here", async (_, handler) => {
    count = handler;
    let error: ServiceError | undefined;
    const alarm = await alarmOf(async () => {
      [error] = (await once(stub.count(Buffer.of(1)).resume(), "error")) as [ServiceError];
    });
    expectAlarm(alarm, "service");
    expect([error?.code, error?.details]).toEqual([status.UNKNOWN, GENERAL]);
  });

  it("that is a status is the caller's, in its words", async () => {
    once_ = (_, done) => done({ code: status.NOT_FOUND, details: "no such order" } as never);
    expect(await call()).toMatchObject({ code: status.NOT_FOUND, details: "no such order" });
    once_ = (_, done) => done({ code: status.ABORTED, message: "try again" } as never);
    expect(await call()).toMatchObject({ code: status.ABORTED, details: "try again" });
  });

  it("that was thrown for the caller is the caller's, with its code in the metadata", async () => {
    once_ = async () => {
      throw new ReplyError("no such order", { code: "no-such-order" });
    };
    const error = await call();
    expect(error).toMatchObject({ code: status.UNKNOWN, details: "no such order" });
    expect(error.metadata.get("fireflies-code")).toEqual(["no-such-order"]);
  });
});

describe("an error that was thrown for the other side", () => {
  const reply = new ReplyError("no such order", { code: "no-such-order", cause: new Error(SECRET) });

  it("reaches the sender of a message as it is, without its cause, and is no alarm", async () => {
    const alarms: FirefliesError[] = [];
    bob.registerAlarmHandler((alarm) => alarms.push(alarm));
    bob.registerMessageHandler(async () => {
      throw reply;
    });
    const error = await thrown(alice.sendToId(bob.id, text("x")));
    expect(error).toBeInstanceOf(ReplyError);
    expect(error).toMatchObject({ message: "no such order", code: "no-such-order" });
    expect((error as ReplyError).cause).toBeUndefined();
    bob.registerMessageHandler(() => {
      throw new ReplyError("just a text");
    });
    expect(await thrown(alice.sendToId(bob.id, text("x")))).toMatchObject({ message: "just a text", code: undefined });
    expect(alarms).toEqual([]);
  });

  it("reaches the response handler of the neighbour whose gossip it was", async () => {
    const answered = deferred<unknown>();
    alice.registerResponseHandler((data, { from, error }) => answered.resolve([data.length, from.id, error]));
    bob.registerGossipHandler(() => {
      throw reply;
    });
    alice.setGossipContent(text("news"));
    expect(await answered.promise).toEqual([0, bob.id, expect.any(ReplyError)]);
    bob.registerGossipHandler(() => undefined);
  });

  it("ends a stream at both ends, from the side that opened it as well", async () => {
    bob.registerStreamHandler(async () => {
      throw reply;
    });
    expect(await errorOf(await alice.openStream(bob.id))).toMatchObject({ name: "ReplyError", code: "no-such-order" });
    const got = deferred<unknown>();
    bob.registerStreamHandler(async (stream) => got.resolve(await errorOf(stream)));
    (await alice.openStream(bob.id)).destroy(reply);
    expect(await got.promise).toMatchObject({ name: "ReplyError", message: "no such order", code: "no-such-order" });
  });

  it("that a liar made up is one safe line here", () => {
    expect(readReply("reply:x", "\u001b[2J\nalarm: x")).toMatchObject({ code: "x", message: "\\u001b[2J\\nalarm: x" });
    for (const code of ["reply:\n", `reply:${"x".repeat(REPLY_CODE_MAX + 1)}`, "handler-failed", "answer:x"]) {
      expect(readReply(code, "x")).toBeUndefined();
    }
  });

  it("keeps every code that may be given, and refuses others when it is made", () => {
    const characters = [..."ABCabc019._/-"];
    const codes = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: REPLY_CODE_MAX });
    fc.assert(
      fc.property(codes, (code) => {
        expect(readReply(replyCode(new ReplyError("text", { code })), "text")).toMatchObject({ code, message: "text" });
      }),
    );
    for (const code of ["", "two words", "reply:x", "é", "x".repeat(REPLY_CODE_MAX + 1)]) {
      expect(() => new ReplyError("x", { code })).toThrow(TypeError);
    }
  });

  it("answers a message that echoes", async () => {
    bob.registerMessageHandler((data) => data);
    expect(read(await alice.sendToId(bob.id, text("still there")))).toBe("still there");
  });
});

it("alarms of handlers are bounded: of a flood the first are told one by one, the rest as a number", () => {
  vi.useFakeTimers();
  const alarms: string[] = [];
  const failures = new HandlerFailures(
    (alarm) => alarms.push(alarm.message),
    () => Date.now(),
  );
  const from = { id: alice.id, name: undefined, address: "" };
  for (let index = 0; index < 10_000; index += 1) failures.tell("message", new Error(`${index}`), from);
  const told = alarms.length;
  expect(told).toBeLessThan(100);
  vi.runAllTimers();
  expect(alarms.slice(told)).toEqual([`Handlers failed ${10_000 - told} more times, which are not told one by one.`]);
  failures.tell("message", new Error("later"), from);
  expect(alarms.at(-1)).toContain("later");
  vi.useRealTimers(); // The network of this file is to be closed yet.
});
