/** Connections of HTTP between members over their lives: upgrades, events, time-outs, limits, drains, and ends that are killed. */
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import fastify from "fastify";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { fastifyMembers, memberAgent, memberFetch, memberOf } from "../../../services/http/index.js";
import { failureOf, fetching, httpMembers, served } from "../../support/http-members.js";
import { deferred, type TestClient } from "../../support/network.js";

/** What is promised of a way, a member or a program that is gone. */
const ENDED_MS = 2_000;
/** Requests in the middle of which it happens, half of them with an answer under way. */
const REQUESTS = 100;

let alice: TestClient;
let bob: TestClient;

beforeEach(async () => {
  const members = await httpMembers();
  ({ alice, bob } = members);
  return () => members.network[Symbol.asyncDispose]();
});

describe("a server of members", () => {
  it("takes WebSockets, whose messages arrive whole and whose ends are told, longer than a request may take", async () => {
    const server = createServer({ headersTimeout: 100, requestTimeout: 100 });
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket, request) => {
      socket.send(`${memberOf(request)?.name}`);
      socket.on("message", (data) => socket.send(data));
    });
    served(bob, server);
    const agent = memberAgent(alice);
    onTestFinished(() => agent.destroy());
    const socket = new WebSocket("ws://bob.fireflies/chat", { agent });
    expect(String((await once(socket, "message"))[0])).toBe("alice");
    const large = Buffer.alloc(3_000_000, 7);
    socket.send(large);
    expect((await once(socket, "message"))[0].equals(large)).toBe(true);
    await new Promise((later) => setTimeout(later, 1_500)); // Beyond a look at what is late.
    socket.send("still here");
    expect(String((await once(socket, "message"))[0])).toBe("still here");
    socket.close(4_000, "bye");
    const [code] = await once(socket, "close");
    expect(code).toBe(4_000);
  });

  it("sends events one by one, and sees the reader go", async () => {
    const gone = deferred<string>();
    let answer: ServerResponse | undefined;
    served(
      bob,
      createServer((_, response) => {
        answer = response;
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: 1\n\n");
        response.once("close", () => gone.resolve("gone"));
      }),
    );
    const response = await fetching(alice)("http://bob.fireflies/events");
    const reader = response.body!.getReader();
    const next = async () => Buffer.from((await reader.read()).value ?? []).toString();
    expect(await next()).toBe("data: 1\n\n");
    answer?.write("data: 2\n\n");
    expect(await next()).toBe("data: 2\n\n");
    await reader.cancel();
    expect(await gone.promise).toBe("gone");
  });

  it("answers 408 for a request that takes too long to arrive", async () => {
    served(
      bob,
      createServer({ headersTimeout: 200, requestTimeout: 300 }, (_, response) => response.end("early")),
    );
    const stream = await alice.openStream(bob.id, { protocol: "/http/1.1", raw: true });
    stream.write("GET / HTTP/1.1\r\nhost: x\r\n");
    const [first] = await once(stream, "data");
    expect(String(first)).toMatch(/^HTTP\/1\.1 408 /);
    if (!stream.closed) await new Promise((closed) => stream.once("close", closed));
  });

  it("answers who ends its side when it has asked", async () => {
    served(bob, async (request: Request) => {
      await new Promise((later) => setTimeout(later, 50));
      return new Response(new URL(request.url).pathname);
    });
    const stream = await alice.openStream(bob.id, { protocol: "/http/1.1", raw: true });
    stream.end("GET /half HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let all = "";
    for await (const chunk of stream) all += chunk;
    expect(all).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\/half/);
  });

  it("bounds the connections of one member, and of all", async () => {
    const attached = served(bob, () => new Promise<Response>(() => {}), { connectionsPerPeer: 2, connections: 3 });
    const open = (client: TestClient) => {
      const agent = memberAgent(client);
      onTestFinished(() => agent.destroy());
      return memberFetch(client, { agent });
    };
    const ask = open(alice);
    const stop = new AbortController();
    const asked = Array.from({ length: 4 }, () => failureOf(ask("http://bob.fireflies/", { signal: stop.signal })));
    await expect.poll(() => attached.figures().streams, { timeout: 10_000 }).toBe(2);
    expect(await Promise.race(asked)).toBe("fetch failed: overloaded");
    const own = open(bob);
    const mine = [1, 2].map(() => failureOf(own("http://bob.fireflies/", { signal: stop.signal })));
    expect(await Promise.race(mine)).toBe("fetch failed: overloaded");
    stop.abort(new Error("enough"));
    await Promise.all([...asked, ...mine]);
  });

  it("lets requests end that run when it is closed, and takes no other", async () => {
    const running = deferred<ServerResponse>();
    const attached = served(
      bob,
      createServer((request, response) => {
        if (request.url === "/slow") running.resolve(response);
        else response.end("quick");
      }),
    );
    const ask = fetching(alice);
    await (await ask("http://bob.fireflies/")).text(); // One connection is idle.
    const slow = ask("http://bob.fireflies/slow");
    const response = await running.promise;
    const closed = attached.close();
    response.end("done");
    const answer = await slow;
    expect([answer.headers.get("connection"), await answer.text()]).toEqual(["close", "done"]);
    await closed;
    expect(attached.figures()).toMatchObject({ streams: 0, failed: 0 });
    expect(await failureOf(ask("http://bob.fireflies/"))).toBe("fetch failed: handler-missing");
  });

  it("is drained when its member stops, which need not wait for what is idle", async () => {
    served(bob, () => new Response("hello"));
    const ask = fetching(alice);
    await (await ask("http://bob.fireflies/")).text();
    await alice.stop();
    await bob.stop();
    expect([...alice.alarms, ...bob.alarms]).toEqual([]);
  });

  it.each(["the server", "the caller"])("ends all requests with an error when %s dies in the middle", async (who) => {
    const began: IncomingMessage[] = [];
    const ended: Promise<unknown>[] = [];
    served(
      bob,
      createServer((request, response) => {
        began.push(request);
        ended.push(new Promise((over) => response.once("close", () => over("gone"))));
        if (request.url === "/body") response.write("half");
      }),
    );
    const agent = memberAgent(alice, { maxSockets: REQUESTS });
    const ask = memberFetch(alice, { agent });
    let begunBodies = 0;
    let started = 0;
    const answers = Array.from({ length: REQUESTS }, async (_, index) => {
      const answer = ask(`http://bob.fireflies${index % 2 === 0 ? "/never" : "/body"}`).then(async (response) => {
        begunBodies += 1;
        return await response.text();
      });
      return { how: await failureOf(answer), ms: performance.now() - started };
    });
    await expect.poll(() => [began.length, begunBodies], { timeout: 30_000 }).toEqual([REQUESTS, REQUESTS / 2]);
    started = performance.now();
    await (who === "the server" ? bob : alice).stop({ drain: 0 });
    const ends = await Promise.all(answers);
    for (const [index, { how, ms }] of ends.entries()) {
      const word = index % 2 === 0 ? "fetch failed" : "terminated";
      expect(how).toMatch(new RegExp(`^${word}: (link-closed|member-stopping|peer-removed)$`));
      expect(ms).toBeLessThan(ENDED_MS);
    }
    expect(new Set(await Promise.all(ended))).toEqual(new Set(["gone"]));
    expect(performance.now() - started).toBeLessThan(ENDED_MS);
  });
});

describe("the plugin of fastify", () => {
  it("knows the member that calls, calls others, and serves nobody else", async () => {
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(fastifyMembers, { client: bob });
    app.get("/who", async ({ member }) => ({ name: member.name, id: member.id }));
    app.get("/back", async () => await (await app.memberFetch("http://alice.fireflies/")).text());
    served(alice, () => new Response("from alice"));
    const ask = fetching(alice);
    expect(await (await ask("http://bob.fireflies/who")).json()).toEqual({ name: "alice", id: alice.id });
    expect(await (await ask("http://bob.fireflies/back")).text()).toBe("from alice");
    const other = await app.inject("/who");
    expect([other.statusCode, other.json()]).toMatchObject([403, { code: "peer-refused" }]);
    await app.close();
    expect(await failureOf(ask("http://bob.fireflies/who"))).toBe("fetch failed: handler-missing");
  });

  it("serves others where it is told to", async () => {
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(fastifyMembers, { client: bob, others: true });
    app.get("/who", async (request) => `${request.member?.name}`);
    expect((await app.inject("/who")).body).toBe("undefined");
  });
});

describe("node:http with the agent", () => {
  it("is told why by a FirefliesError", async () => {
    const agent = memberAgent(alice);
    onTestFinished(() => agent.destroy());
    const request = httpRequest("http://bob.fireflies/", { agent }).end();
    expect((await once(request, "error").catch((error) => [error]))[0]).toMatchObject({ code: "handler-missing" });
  });
});
