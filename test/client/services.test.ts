import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { MessageHandler, ServeOptions } from "../../client/types.js";
import { verifyMessage } from "../../client/verify-message.js";
import { certificatesToPem, ReplyError } from "../../identity/index.js";
import { codeOf, deferred, OfflineNetwork, read, type TestClient, text, until } from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let carol: TestClient;
let ending = new AbortController();

beforeAll(async () => {
  const made = await OfflineNetwork.of(3);
  network = made.network;
  [alice, bob, carol] = made.clients as [TestClient, TestClient, TestClient];
});
afterEach(() => {
  ending.abort();
  ending = new AbortController();
});
afterAll(() => network[Symbol.asyncDispose]());

/** Until the test ends. */
function serve(client: TestClient, name: string, handler: MessageHandler, options: ServeOptions = {}): void {
  client.serve(name, handler, { signal: ending.signal, ...options });
}

const says =
  (word: string): MessageHandler =>
  (data) =>
    text(`${word}: ${read(data)}`);
const offers = (client: TestClient, id: string) => client.member(id)?.services ?? [];

describe("a service", () => {
  it("has a handler of its own, beside others and the nameless one, for others and for oneself", async () => {
    bob.registerMessageHandler(says("nameless"));
    for (const name of ["inventory", "größe"]) serve(bob, name, says(name));
    for (const [from, service] of [
      [alice, "inventory"],
      [alice, undefined],
      [alice, "größe"],
      [bob, "inventory"],
    ] as const) {
      const answer = await from.sendToId(bob.id, text("hello"), { service });
      expect(read(answer)).toBe(`${service ?? "nameless"}: hello`);
    }
    expect(read(await alice.sendTo(bob.address, text("hi"), { service: "inventory" }))).toBe("inventory: hi");
  });

  it("that nobody serves is refused at once, with the nearest name", async () => {
    serve(bob, "inventory", says("inventory"));
    const refused = await alice.sendToId(bob.id, text("x"), { service: "inventry" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "handler-missing",
      message: 'It handles no service "inventry". Did you mean "inventory"?',
    });
    expect(await codeOf(alice.sendToId(bob.id, text("x"), { service: "a b" }))).toBe("name-invalid");
  });

  it("stands in what is signed: a proof says which one it was for", async () => {
    const roots = certificatesToPem(network.authority.root);
    const proofs = deferred<Uint8Array>();
    serve(bob, "inventory", (data, { proof }) => {
      proofs.resolve(proof());
      return data;
    });
    await alice.sendToId(bob.id, text("42"), { service: "inventory" });
    const proof = await proofs.promise;
    expect(verifyMessage(proof, { roots })).toMatchObject({
      ...{ kind: "message", sender: alice.id, receiver: bob.id, service: "inventory" },
      data: new Uint8Array(text("42")),
    });
    const other = Buffer.from(proof);
    other.write("Inventory", other.indexOf("inventory"));
    expect(() => verifyMessage(new Uint8Array(other), { roots })).toThrow(
      expect.objectContaining({ code: "proof-altered" }),
    );
  });

  it("refuses what is over its limit for one member, and takes more when that is answered", async () => {
    const gate = deferred();
    serve(
      bob,
      "slow",
      async (data) => {
        await gate.promise;
        return data;
      },
      { messagesPerPeer: 2 },
    );
    const two = [1, 2].map(() => alice.sendToId(bob.id, text("x"), { service: "slow" }));
    const third = await alice.sendToId(bob.id, text("x"), { service: "slow" }).catch((error: unknown) => error);
    expect(third).toMatchObject({
      code: "overloaded",
      message: '2 messages for the service "slow" are being answered, the most for one member.',
    });
    gate.resolve();
    await Promise.all(two);
    await alice.sendToId(bob.id, text("x"), { service: "slow" });
  });

  it("ends with its signal, and what it answers already is answered", async () => {
    const [began, gate] = [deferred(), deferred()];
    const mine = new AbortController();
    serve(
      bob,
      "passing",
      async () => {
        began.resolve();
        await gate.promise;
        return text("answered");
      },
      { signal: mine.signal },
    );
    const asked = alice.sendToId(bob.id, text("x"), { service: "passing" });
    await began.promise;
    mine.abort();
    expect(await codeOf(alice.sendToId(bob.id, text("x"), { service: "passing" }))).toBe("handler-missing");
    gate.resolve();
    expect(read(await asked)).toBe("answered");
  });
});

describe("who offers what", () => {
  it("is told with the signed facts: protocols, services and gRPC services, at joining and as it changes", async () => {
    serve(bob, "inventory", says("inventory"));
    bob.handle("/chat/1.0", () => {}, { signal: ending.signal });
    serve(bob, "secret", says("secret"), { announce: false });
    bob.handle("inventory", () => {}, { signal: ending.signal }); // A protocol may have the name of a service.
    await until(alice, () => offers(alice, bob.id).join(" ") === "/chat/1.0 inventory");
    expect(bob.self.services).toEqual(["/chat/1.0", "inventory"]);
    expect(alice.members({ service: "inventory" }).map(({ id }) => id)).toEqual([bob.id]);
    expect(alice.members({ service: "secret" })).toEqual([]);
    expect(read(await alice.sendToId(bob.id, text("x"), { service: "secret" }))).toBe("secret: x");
    const changes = alice.changes();
    ending.abort();
    for await (const change of changes) {
      if (change.kind === "updated" && change.member.id === bob.id && change.member.services.length === 0) break;
    }
    expect(alice.members({ service: "inventory" })).toEqual([]);
  });
});

it("a hundred handlers of one turn are one note", async () => {
  const before = bob.self.epoch;
  for (let index = 0; index < 100; index++) bob.handle(`/h${index}`, () => {}, { signal: ending.signal });
  await until(alice, () => offers(alice, bob.id).includes("/h99"));
  expect(offers(alice, bob.id).filter((name) => name.startsWith("/h")).length).toBe(100);
  // One of its own for names, and one for what an accusation on a busy machine may ask for.
  expect(bob.self.epoch - before).toBeLessThanOrEqual(2n);
});

describe("a key", () => {
  it("is found alike by all members, oneself included, and by those that offer a service", async () => {
    serve(bob, "shard", says("bob"));
    serve(carol, "shard", says("carol"));
    for (const client of [alice, bob, carol]) {
      await until(client, () => [bob, carol].every(({ id }) => offers(client, id).includes("shard")));
    }
    for (const key of ["a", "b", "c", "d", new Uint8Array([7])]) {
      const [one, two, three] = [alice, bob, carol].map((client) => client.closeTo(key, 3).map(({ id }) => id));
      expect(one!.length).toBe(3);
      expect([two, three]).toEqual([one, one]);
      const picked = alice.pick("shard", key);
      expect(bob.pick("shard", key)?.id).toBe(picked?.id);
      expect(picked?.id).toBe(one!.find((id) => id !== alice.id));
    }
    expect(alice.closeTo("a", 0)).toEqual([]);
    expect(alice.pick("nobody", "a")).toBe(undefined);
    expect(() => alice.closeTo("a", -1)).toThrow(RangeError);
    expect(() => alice.closeTo(7 as never, 1)).toThrow(TypeError);
  });
});

describe("a message for any member that offers a service", () => {
  it("goes to the one that the key belongs to, and to others without a key", async () => {
    for (const client of [alice, bob, carol]) serve(client, "any", says(client.id));
    await until(alice, () => [bob, carol].every(({ id }) => offers(alice, id).includes("any")));
    for (const key of ["a", "b", "c"]) {
      const answer = read(await alice.sendToAny("any", text("x"), { key }));
      expect(answer).toBe(`${alice.pick("any", key)!.id}: x`);
    }
    const answers = new Set<string>();
    for (let count = 0; count < 40; count++) answers.add(read(await alice.sendToAny("any", text("x"))));
    expect(answers.size).toBe(3);
  });

  it("is refused with the nearest name when nobody offers it", async () => {
    serve(alice, "inventory", says("alice"));
    const refused = await alice.sendToAny("inventry", text("x")).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "service-absent",
      message: 'No live member offers the service "inventry". Did you mean "inventory"?',
    });
  });

  it("goes on to the next when a member has withdrawn it, and not after a handler's error", async () => {
    const mine = new AbortController();
    serve(bob, "going", says("bob"), { signal: mine.signal });
    serve(carol, "going", says("carol"));
    await until(alice, () => [bob, carol].every(({ id }) => offers(alice, id).includes("going")));
    mine.abort(); // Its note follows.
    for (let count = 0; count < 10; count++) expect(read(await alice.sendToAny("going", text("x")))).toBe("carol: x");
    let calls = 0;
    const failing: MessageHandler = () => {
      calls += 1;
      throw new ReplyError("no", { code: "no" });
    };
    for (const client of [bob, carol]) serve(client, "failing", failing);
    await until(alice, () => [bob, carol].every(({ id }) => offers(alice, id).includes("failing")));
    await expect(alice.sendToAny("failing", text("x"))).rejects.toThrow(ReplyError);
    expect(calls).toBe(1);
  });
});
