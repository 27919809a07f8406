/** Programs' gRPC services and stubs between whole clients, over real sockets. */
import { once } from "node:events";
import { Metadata, type ServerUnaryCall, type ServiceError, type sendUnaryData, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callerOf, type Sender } from "../../client/index.js";
import { codeOf, deferred, nextChange, OfflineNetwork, type TestClient, whole } from "../support/network.js";
import { asked, ECHO, EchoClient, echo } from "../support/rpc.js";

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let stub: EchoClient;
/** What bob does with a unary call. */
let handler: Unary = echo.once;

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
  const { missing: _, ...served } = ECHO;
  bob.addService(served, { ...echo, once: ((call, done) => handler(call, done)) satisfies Unary });
  stub = await alice.stub(bob.id, EchoClient);
});
afterAll(() => network[Symbol.asyncDispose]());

const failure = (call: Promise<unknown>) =>
  call.then(
    () => status.OK,
    (error: ServiceError) => error.code,
  );
const say = (words: string) => asked((done) => stub.once(Buffer.from(words), done));

describe("a stub", () => {
  it("asks and is answered", async () => {
    expect(String(await say("hello"))).toBe("hello");
  });

  it("reads a stream of answers", async () => {
    const bytes: number[] = [];
    for await (const chunk of stub.count(Buffer.of(1, 2, 3))) bytes.push(...chunk);
    expect(bytes).toEqual([1, 2, 3]);
  });

  it("writes a stream of requests", async () => {
    const sum = await asked((done) => {
      const call = stub.sum(done);
      for (let index = 0; index < 100; index++) call.write(Buffer.alloc(1000));
      call.end();
    });
    expect(String(sum)).toBe("100000");
  });

  it("talks both ways", async () => {
    const call = stub.talk();
    for (const word of ["one", "two"]) {
      call.write(Buffer.from(word));
      expect(String(((await once(call, "data")) as [Buffer])[0])).toBe(word);
    }
    call.end();
    await once(call, "end");
  });

  it("carries 3 MB both ways, and 50 calls at once", async () => {
    const large = Buffer.alloc(3_000_000, "ab");
    expect((await asked((done) => stub.once(large, done))).equals(large)).toBe(true);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => say(`call ${index}`)));
    expect(answers.map(String)).toEqual(Array.from({ length: 50 }, (_, index) => `call ${index}`));
  });

  it("fills the path both ways with many large calls, and none of them waits for ever", async () => {
    const large = Buffer.alloc(1_000_000, "cd");
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => asked((done) => stub.once(large, done))),
    );
    expect(answers.every((answer) => answer.equals(large))).toBe(true);
  });

  it("refuses a message over 4 MiB", async () => {
    const call = asked((done) => stub.once(Buffer.alloc(4 * 1024 * 1024 + 1), done));
    expect(await failure(call)).toBe(status.RESOURCE_EXHAUSTED);
  });

  it("carries metadata both ways", async () => {
    handler = (call, done) => {
      call.sendMetadata(call.metadata);
      done(null, call.request);
    };
    const metadata = new Metadata();
    metadata.set("colour", "green");
    const call = stub.once(Buffer.of(1), metadata, () => {});
    const [answered] = (await once(call, "metadata")) as [Metadata];
    expect(answered.get("colour")).toEqual(["green"]);
  });

  it("ends at its deadline, and when it is cancelled; the handler learns of both", async () => {
    const [late, cancelled] = [deferred(), deferred()];
    for (const [seen, code] of [[late, status.DEADLINE_EXCEEDED], [cancelled, status.CANCELLED]] as const) {
      handler = (call) => void call.once("cancelled", () => seen.resolve());
      const begun = asked((done) => {
        const options = seen === late ? { deadline: Date.now() + 300 } : {};
        const call = stub.once(Buffer.of(1), new Metadata(), options, done);
        if (seen === cancelled) handler = (running) => {
          running.once("cancelled", () => seen.resolve());
          call.cancel();
        };
      });
      expect(await failure(begun)).toBe(code);
      await seen.promise;
    }
  });

  it("is told UNIMPLEMENTED of a method that nobody serves, and UNKNOWN of a handler that fails", async () => {
    expect(await failure(asked((done) => stub.missing(Buffer.of(1), done)))).toBe(status.UNIMPLEMENTED);
    handler = async () => {
      throw new Error("no more tea");
    };
    const error: ServiceError = await say("tea").then(() => undefined, (thrown) => thrown);
    expect([error.code, error.details]).toEqual([status.UNKNOWN, "no more tea"]);
  });

  it("is named to the handler by its proven id", async () => {
    const seen: Sender[] = [];
    handler = (call, done) => {
      seen.push(callerOf(call));
      done(null, call.request);
    };
    await say("who am I");
    expect(seen).toEqual([{ id: alice.id, address: alice.address }]);
    expect(() => callerOf({})).toThrow(TypeError);
  });

  it("is refused for a member that is not there", async () => {
    expect(await codeOf(alice.stub("00".repeat(32), EchoClient))).toBe("peer-unknown");
  });
});
