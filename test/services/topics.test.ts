/** The service of kind `topics`: messages go to an HTTP server, and what it does not take comes again, or goes to another topic. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { text as bodyOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServiceEntry } from "../../client/config/service-entries.js";
import type { RunningController } from "../../services/controllers/kind.js";
import { kindOf, parseService } from "../../services/controllers/kinds.js";
import { OfflineNetwork, read, type TestClient, text } from "../support/network.js";

let network: OfflineNetwork;
let ann: TestClient;
let bob: TestClient;
let server: Server;
let url: string;
/** What the server was posted, and what it answers. */
const posted: { readonly headers: IncomingMessage["headers"]; readonly body: string }[] = [];
let answers: number[] = [];

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [ann, bob] = made.clients as [TestClient, TestClient];
  server = createServer(async (request, response) => {
    posted.push({ headers: request.headers, body: await bodyOf(request) });
    response.writeHead(answers.shift() ?? 204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/orders`;
});
afterAll(async () => {
  server.close();
  await network[Symbol.asyncDispose]();
});

async function start(settings: Record<string, unknown>): Promise<RunningController> {
  const said = Object.entries(settings).map(([key, value]) => ({ key, value, where: "test" }));
  const entry: ServiceEntry = { id: "billing", kind: "topics", settings: said, where: "test" };
  return await kindOf("topics").start(bob, parseService(entry), { event: () => {}, failed: () => {} });
}

describe("a service of kind topics", () => {
  it("posts each message with its publisher and number, in order, and acknowledges what is answered with 2xx", async () => {
    const running = await start({ topic: "orders.*", post: url });
    for (const each of ["one", "two"]) await ann.publish("orders.eu", text(each), { ack: "all" });
    expect(posted.splice(0)).toMatchObject([
      { body: "one", headers: { "fireflies-topic": "orders.eu", "fireflies-from": ann.id, "fireflies-sequence": "1" } },
      { body: "two", headers: { "fireflies-sequence": "2", "fireflies-redelivered": "0" } },
    ]);
    expect(running.figures()).toMatchObject({ streams: 0, bytesOut: 6 });
    expect(running.at).toBe(`orders.* to ${url}`);
    await running.stop();
  });

  it("posts again what the server did not take, and says why it did not", async () => {
    const running = await start({ topic: "again.eu", post: url });
    answers = [503];
    await ann.publish("again.eu", text("x"), { ack: "all" });
    expect(posted.splice(0).map(({ headers }) => headers["fireflies-redelivered"])).toEqual(["0", "1"]);
    expect(running.figures().lastError).toMatchObject({ code: "http-status" });
    await running.stop();
    bob.alarms.splice(0);
  });

  it("publishes on another topic what the server does not take at all", async () => {
    const dead = new Promise<string>((resolve) => {
      void ann.subscribe("dead.letters", { handler: ({ data }) => resolve(read(data)) });
    });
    while (bob.subscribers("dead.letters").length === 0) await new Promise((next) => setTimeout(next, 10));
    const running = await start({ topic: "bad.eu", post: url, attempts: 2, dead_letter: "dead.letters" });
    answers = [500, 500];
    await ann.publish("bad.eu", text("x"), { ack: "all" });
    expect(await dead).toBe("x");
    await running.stop();
    bob.alarms.splice(0);
  });
});
