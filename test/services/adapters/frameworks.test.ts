/** A member that lives as long as a server of fastify, or an application of NestJS: begun, ready, drained and ended with it. */
import { Inject, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import fastify from "fastify";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Client, decodeText, encodeText } from "../../../client/index.js";
import { fastifyMembers, memberFetch } from "../../../services/http/index.js";
import { FirefliesModule } from "../../../services/nest/index.js";
import { startTestNetwork, type TestNetwork } from "../../../testing/index.js";
import { deferred } from "../../support/network.js";

let network: TestNetwork;
let first: Client;
beforeAll(async () => {
  network = await startTestNetwork({ members: 1 });
  [first] = network.members as [Client];
});
afterAll(() => network.stop());

describe("a server of fastify", () => {
  it("starts its member, tells its readiness to everybody, serves members, and stops it when it closes", async () => {
    const client = await network.member({ name: "shop" });
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(fastifyMembers, { client, lifecycle: true, health: "/readyz", drain: 1_000 });
    app.get("/who", async (request) => ({
      by: request.member.name,
      at: request.server.fireflies.self.name,
      sees: request.server.fireflies.members().length,
    }));
    expect(() => client.id).toThrow(expect.objectContaining({ code: "not-started" }));
    await app.listen({ port: 0, host: "127.0.0.1" });
    await network.whole();
    const { port } = app.server.address() as { port: number };
    const health = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([health.status, await health.json()]).toEqual([200, { ok: true, reasons: [] }]);
    expect((await fetch(`http://127.0.0.1:${port}/who`)).status).toBe(403);
    const asking = memberFetch(first);
    expect(await (await asking("http://shop.fireflies/who")).json()).toEqual({ by: "member-1", at: "shop", sees: 1 });
    await app.close();
    expect(client.stopping.aborted).toBe(true);
    await network.gone(client, [first]);
  });

  it("is not ready, and says why, before its member has started and when it stops", async () => {
    const client = await network.member({ name: "later" });
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(fastifyMembers, { client, health: "/readyz" });
    const before = await app.inject("/readyz");
    expect([before.statusCode, before.json()]).toEqual([
      503,
      { ok: false, reasons: ["The member has not started yet."] },
    ]);
    await client.start();
    expect((await app.inject("/readyz")).statusCode).toBe(200);
    await client.stop({ drain: 0 });
    const after = await app.inject("/readyz");
    expect([after.statusCode, after.json().reasons]).toEqual([503, ["The member is stopping."]]);
  });

  it("does not listen when its member cannot start", async () => {
    const client = new Client({ config: false, identity: { certificate: "", privateKey: "", root: "" } });
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(fastifyMembers, { client, lifecycle: true });
    await expect(app.listen({ port: 0, host: "127.0.0.1" })).rejects.toMatchObject({ code: "identity-corrupt" });
  });

  it("finishes the request that runs before its member is gone", async () => {
    const client = await network.member({ name: "slow" });
    const app = fastify();
    await app.register(fastifyMembers, { client, lifecycle: true });
    const begun = deferred<void>();
    const going = deferred<void>();
    app.get("/", async () => {
      begun.resolve();
      await going.promise;
      return { stillThere: !client.stopping.aborted };
    });
    await app.ready();
    await network.whole();
    const answer = memberFetch(first)("http://slow.fireflies/");
    await begun.promise;
    const closed = app.close();
    going.resolve();
    expect(await (await answer).json()).toEqual({ stillThere: true });
    await closed;
  });
});

describe("an application of NestJS", () => {
  /** As a decorated class becomes, without a compiler that knows decorators. */
  class Orders {
    readonly #client: Client;
    readonly told: string[] = [];
    constructor(client: Client) {
      this.#client = client;
    }
    onModuleInit() {
      this.told.push("registers");
      this.#client.serve("orders", (data) => encodeText(`ordered ${decodeText(data)}`));
    }
    onApplicationBootstrap() {
      this.told.push(this.#client.self.name ?? ""); // Throws before the client has started.
    }
    beforeApplicationShutdown() {
      this.told.push(this.#client.stopping.aborted ? "too late" : "still there");
    }
  }
  Reflect.defineMetadata("design:paramtypes", [Client], Orders);
  Inject(Client)(Orders, undefined, 0);

  class App {}

  it("injects the client, starts it when all have registered, and stops it after them", async () => {
    const client = await network.member({ name: "nest" });
    Module({ imports: [FirefliesModule.forRoot({ client, drain: 500 })], providers: [Orders] })(App);
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    await network.whole();
    expect(app.get(Client)).toBe(client);
    expect(decodeText(await first.sendToAny("orders", encodeText("a lantern")))).toBe("ordered a lantern");
    const orders = app.get(Orders);
    await app.close();
    expect(orders.told).toEqual(["registers", "nest", "still there"]);
    expect(client.stopping.aborted).toBe(true);
  });

  it("takes its options from other providers, and fails to begin when the member does", async () => {
    const CONFIG = Symbol("config");
    class Config {}
    Module({ providers: [{ provide: CONFIG, useValue: "from elsewhere" }], exports: [CONFIG] })(Config);
    class Other {}
    const told: string[] = [];
    const module = FirefliesModule.forRootAsync({
      imports: [Config],
      inject: [CONFIG],
      useFactory: async (text: string) => ({
        client: { config: false, identity: { certificate: "", privateKey: "", root: "" } },
        prepare: () => void told.push(text),
      }),
    });
    Module({ imports: [module] })(Other);
    await expect(
      NestFactory.createApplicationContext(Other, { logger: false, abortOnError: false }),
    ).rejects.toMatchObject({ code: "identity-corrupt" });
    expect(told).toEqual(["from elsewhere"]);
  });

  it("refuses a drain that is none, at once", async () => {
    class Wrong {}
    Module({ imports: [FirefliesModule.forRoot({ drain: -1 })] })(Wrong);
    const making = NestFactory.createApplicationContext(Wrong, { logger: false, abortOnError: false });
    await expect(making).rejects.toThrow(RangeError);
  });
});
