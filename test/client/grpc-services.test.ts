/** Programs' gRPC services and stubs between whole clients, over real sockets. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { Metadata, type ServerUnaryCall, type ServiceError, type sendUnaryData, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, callerOf } from "../../client/index.js";
import { FirefliesError } from "../../identity/index.js";
import { MemoryNetwork } from "../../net/index.js";
import { codeOf, deferred, nextChange, OfflineNetwork, type TestClient } from "../support/network.js";
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
    const answers = await Promise.all(Array.from({ length: 20 }, () => asked((done) => stub.once(large, done))));
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
    for (const [seen, code] of [
      [late, status.DEADLINE_EXCEEDED],
      [cancelled, status.CANCELLED],
    ] as const) {
      handler = (call) => void call.once("cancelled", () => seen.resolve());
      const begun = asked((done) => {
        const options = seen === late ? { deadline: Date.now() + 300 } : {};
        const call = stub.once(Buffer.of(1), new Metadata(), options, done);
        if (seen === cancelled)
          handler = (running) => {
            running.once("cancelled", () => seen.resolve());
            call.cancel();
          };
      });
      expect(await failure(begun)).toBe(code);
      await seen.promise;
    }
  });

  it("gives its place back however soon it is cancelled: 150 talks in the turn that begins them, and then a call", async () => {
    handler = echo.once;
    for (let round = 0; round < 15; round++) {
      const talks = Array.from({ length: 10 }, async () => {
        const talk = stub.talk();
        const ended = once(talk, "close").catch(() => {});
        talk.write(Buffer.of(1));
        talk.cancel();
        talk.resume();
        await ended;
      });
      await Promise.all(talks);
      expect(String(await say("still there"))).toBe("still there");
    }
  });

  it("is told UNIMPLEMENTED of a method that nobody serves, and UNKNOWN of a handler that fails", async () => {
    expect(await failure(asked((done) => stub.missing(Buffer.of(1), done)))).toBe(status.UNIMPLEMENTED);
    handler = async () => {
      throw new Error("no more tea");
    };
    const error: ServiceError = await say("tea").then(
      () => undefined,
      (thrown) => thrown,
    );
    expect([error.code, error.details]).toEqual([status.UNKNOWN, new FirefliesError("handler-failed").message]);
  });

  it("is named to the handler by its proven id", async () => {
    const seen: Caller[] = [];
    handler = (call, done) => {
      seen.push(callerOf(call));
      done(null, call.request);
    };
    await say("who am I");
    const [caller] = seen as [Caller];
    expect(caller).toMatchObject({ id: alice.id, name: undefined, address: alice.address });
    expect(caller.certificate).toMatchObject({ serial: expect.stringMatching(/^[0-9a-f]{32,}$/) });
    const { leaf, issuer, fingerprint, notAfter } = caller.certificate;
    const read = new X509Certificate(leaf);
    expect(read.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(fingerprint);
    expect(Date.parse(read.validTo)).toBe(notAfter);
    expect(read.checkIssued(new X509Certificate(issuer))).toBe(true);
    expect(bob.identify(leaf, issuer)).toMatchObject({ id: alice.id });
    expect(caller.member).toEqual(bob.member(alice.id));
    await alice.setMetadata({ role: "asker" });
    while (caller.member?.metadata.role !== "asker") await new Promise((done) => setImmediate(done));
    expect(() => callerOf({})).toThrow(TypeError);
  });

  it("is refused for a member that is not there", async () => {
    expect(await codeOf(alice.stub("00".repeat(32), EchoClient))).toBe("peer-unknown");
  });
});

describe("a member that serves nothing", () => {
  it("is unavailable", async () => {
    const toAlice = await bob.stub(alice.id, EchoClient);
    const error: ServiceError = await asked((done) => toAlice.once(Buffer.of(1), done)).then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toContain("registered no handler");
  });
});

describe("a member that goes", () => {
  /** Two members, of which the second serves; `begun` resolves when its handler has a call. */
  async function serving(options: { wires?: MemoryNetwork } = {}) {
    const made = await OfflineNetwork.of(2, options);
    const [carol, dave] = made.clients as [TestClient, TestClient];
    const begun = deferred<sendUnaryData<Buffer>>();
    const hang: Unary = (_, done) => begun.resolve(done);
    dave.addService(ECHO, { ...echo, missing: hang });
    return { made, carol, dave, begun: begun.promise, toDave: await carol.stub(dave.id, EchoClient) };
  }
  const ask = (to: EchoClient) => asked((done) => to.once(Buffer.of(1), done));
  const hanging = (to: EchoClient) => failure(asked((done) => to.missing(Buffer.of(1), done)));

  it("leaves: its calls and later ones are UNAVAILABLE", async () => {
    const { made, carol, dave, begun, toDave } = await serving();
    const call = hanging(toDave);
    await begun;
    const left = nextChange(carol, "left", dave.id);
    await dave.stop({ drain: 0 });
    expect(await call).toBe(status.UNAVAILABLE);
    await left;
    expect(await failure(ask(toDave))).toBe(status.UNAVAILABLE);
    expect(await codeOf(carol.stub(dave.id, EchoClient))).toBe("peer-unknown");
    await made[Symbol.asyncDispose]();
  });

  it("comes back over a new connection, and the same stub goes on", async () => {
    const wires = new MemoryNetwork();
    const { made, begun, toDave } = await serving({ wires });
    const call = hanging(toDave);
    await begun;
    wires.cut("m0", "m1");
    wires.healAll();
    expect(await call).toBe(status.UNAVAILABLE);
    await new Promise<void>((resolve, reject) =>
      toDave.waitForReady(Date.now() + 20_000, (error) => (error ? reject(error) : resolve())),
    );
    expect(await ask(toDave)).toEqual(Buffer.of(1));
    await made[Symbol.asyncDispose]();
  });

  it("stops in order: a call that runs is answered first, and new ones are refused", async () => {
    const { made, carol, dave, begun, toDave } = await serving();
    const call = asked((done) => toDave.missing(Buffer.of(1), done));
    const answer = await begun;
    const stopped = dave.stop({ drain: 20_000 });
    expect(await codeOf(dave.stub(carol.id, EchoClient))).toBe("member-stopping");
    answer(null, Buffer.from("last"));
    expect(String(await call)).toBe("last");
    await stopped;
    expect(dave.alarms).toEqual([]);
    await made[Symbol.asyncDispose]();
  });

  it("stops at its deadline, and says what it cut", async () => {
    const { made, dave, begun, toDave } = await serving();
    const call = hanging(toDave);
    await begun;
    await dave.stop({ drain: 50 });
    expect(await call).toBe(status.UNAVAILABLE);
    expect(dave.alarms).toMatchObject([{ code: "drain-expired", message: expect.stringContaining(": 1 call.") }]);
    await made[Symbol.asyncDispose]();
  });
});

it("a service without methods and a method served twice are refused", () => {
  expect(() => bob.addService({}, {})).toThrow(TypeError);
  expect(() => bob.addService({ once: ECHO.once }, echo)).toThrow("/test.Echo/once is served already");
});
