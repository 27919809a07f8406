/** HTTP between two real members: what is served, who asks, and how requests and answers pass. */
import { once } from "node:events";
import { createServer, get } from "node:http";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import fastify from "fastify";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { STREAM_CHUNK_BYTES_MAX } from "../../../client/index.js";
import { memberAgent, memberFetch, memberOf } from "../../../services/http/index.js";
import { CHUNK_BYTES_MAX } from "../../../services/http/wire/limits.js";
import { bodyOf, failureOf, fetching, httpMembers, served } from "../../support/http-members.js";
import { deferred, type OfflineNetwork, type TestClient } from "../../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  ({ network, alice, bob } = await httpMembers());
});
afterAll(() => network[Symbol.asyncDispose]());

describe("a server of members", () => {
  it("is any http.Server, and knows who asks", async () => {
    const attached = served(
      bob,
      createServer((request, response) => {
        const { id, name, metadata } = memberOf(request) ?? {};
        response.end(
          JSON.stringify({ id, name, metadata, from: request.socket.remoteAddress, host: request.headers.host }),
        );
      }),
    );
    const response = await fetching(alice)("http://bob.fireflies/path?x=1");
    const from = `${alice.id}.fireflies`;
    expect(await response.json()).toEqual({ id: alice.id, name: "alice", metadata: {}, from, host: "bob.fireflies" });
    expect(response.status).toBe(200);
    expect(response.url).toBe("http://bob.fireflies/path?x=1");
    expect(attached.figures()).toMatchObject({ requests: 1, streams: 1, total: 1, refused: 0 });
  });

  it("is a fastify instance, which need not be ready", async () => {
    const app = fastify();
    onTestFinished(() => app.close());
    served(bob, app);
    app.post("/echo", async (request) => ({ got: request.body, by: memberOf(request)?.name }));
    const response = await fetching(alice)(`http://${bob.id}.fireflies/echo`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ a: 1 }),
    });
    expect(await response.json()).toEqual({ got: { a: 1 }, by: "alice" });
  });

  it("is a function of the Fetch API", async () => {
    served(bob, async (request: Request) => {
      const text = await request.text();
      const headers = new Headers({ "x-method": request.method, "x-path": new URL(request.url).pathname });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      return new Response(`${memberOf(request)?.name} says ${text}`, { status: 201, statusText: "Made", headers });
    });
    const response = await fetching(alice)("http://bob.fireflies/a", { method: "PUT", body: "hello" });
    expect([response.status, response.statusText]).toEqual([201, "Made"]);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect([response.headers.get("x-method"), response.headers.get("x-path")]).toEqual(["PUT", "/a"]);
    expect(await response.text()).toBe("alice says hello");
  });

  it("answers 500 for a function that throws or returns nothing, and tells the program", async () => {
    const errors: unknown[] = [];
    served(
      bob,
      ((request: Request) => {
        if (request.url.endsWith("/throw")) throw new Error("secret");
      }) as () => Response,
      { onError: (error) => errors.push(String(error)) },
    );
    const ask = fetching(alice);
    const thrown = await ask("http://bob.fireflies/throw");
    expect([thrown.status, await thrown.text()]).toEqual([500, ""]);
    expect((await ask("http://bob.fireflies/nothing")).status).toBe(500);
    expect(errors).toEqual(["Error: secret", "TypeError: The handler returned no Response."]);
  });

  it("has no member for a request that comes by a port", async () => {
    const server = createServer((request, response) => response.end(`${memberOf(request)?.name}`));
    served(bob, server);
    server.listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("undefined");
    expect(await (await fetching(alice)("http://bob.fireflies/")).text()).toBe("alice");
  });

  it("refuses members that may not use it, and tells who tried", async () => {
    const refused: unknown[] = [];
    served(bob, () => new Response("no"), { allow: ["carol"], onRefused: (each) => refused.push(each) });
    expect(await failureOf(fetching(alice)("http://bob.fireflies/"))).toBe("fetch failed: peer-refused");
    expect(refused).toMatchObject([{ event: "refused", member: alice.id, name: "alice", protocol: "/http/1.1" }]);
  });
});

describe("a fetch", () => {
  it.each([
    ["http://nobody.fireflies/", "fetch failed: peer-unknown"],
    ["http://example.com/", "fetch failed: address-forbidden"],
    ["https://bob.fireflies/", "fetch failed: address-forbidden"],
    ["http://bob.fireflies/", "fetch failed: handler-missing"],
    ["http://bob.fireflies:8000/", "fetch failed: handler-missing"],
  ])("of %s says why it fails: %s", async (url, failure) => {
    expect(await failureOf(fetching(alice)(url))).toBe(failure);
  });

  it("brings bodies whole, however they are cut", async () => {
    served(
      bob,
      (request: Request) =>
        new Response(request.body, { headers: { "x-length": `${request.headers.get("content-length")}` } }),
    );
    const ask = fetching(alice);
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 70_000 });
    const property = fc.asyncProperty(fc.array(bytes, { maxLength: 6 }), fc.boolean(), async (parts, isStream) => {
      const all = Buffer.concat(parts);
      const stream = new ReadableStream({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
      const init = isStream ? { body: stream, duplex: "half" as const } : { body: all };
      const response = await ask("http://bob.fireflies/", { method: "POST", ...init });
      expect(response.headers.get("x-length")).toBe(isStream && all.length > 0 ? "null" : `${all.length}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(all)).toBe(true);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it("may be read in part, and left there", async () => {
    served(bob, () => new Response(Buffer.alloc(300_000, "x")));
    const ask = fetching(alice);
    for (let times = 0; times < 10; times++) {
      const response = await ask("http://bob.fireflies/");
      const reader = response.body!.getReader({ mode: "byob" });
      const { value } = await reader.read(new Uint8Array(10 + times));
      expect(Buffer.from(value!).toString()).toMatch(/^x+$/);
      await reader.cancel();
      await (await ask("http://bob.fireflies/")).body?.cancel();
    }
  });

  it("undoes what the server compresses", async () => {
    served(bob, () => new Response(gzipSync("hello"), { headers: { "content-encoding": "gzip" } }));
    expect(await (await fetching(alice)("http://bob.fireflies/")).text()).toBe("hello");
  });

  it("follows redirects, and drops the body where the standard says so", async () => {
    served(bob, async (request: Request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/away") return Response.redirect("http://example.com/", 302);
      if (pathname === "/loop") return Response.redirect("http://bob.fireflies/loop", 302);
      const to = { "/303": 303, "/307": 307, "/302": 302 }[pathname];
      if (to !== undefined) return new Response(null, { status: to, headers: { location: "/end" } });
      return new Response(`${request.method} ${await request.text()}`);
    });
    const ask = fetching(alice);
    const post = async (path: string, more: RequestInit = {}) =>
      await ask(`http://bob.fireflies${path}`, { method: "POST", body: "hello", ...more });
    expect(await (await post("/303")).text()).toBe("GET ");
    expect(await (await post("/302")).text()).toBe("GET ");
    const kept = await post("/307");
    expect([await kept.text(), kept.url, kept.redirected]).toEqual(["POST hello", "http://bob.fireflies/end", true]);
    expect((await post("/302", { redirect: "manual" })).status).toBe(302);
    await expect(post("/302", { redirect: "error" })).rejects.toThrow(TypeError);
    await expect(post("/loop")).rejects.toThrow(TypeError);
    expect(await failureOf(post("/away"))).toBe("fetch failed: address-forbidden");
  });

  it("ends by its signal, before an answer and within it", async () => {
    const seen: string[] = [];
    const came = deferred();
    served(bob, (request: Request): Response | Promise<Response> => {
      const { pathname } = new URL(request.url);
      request.signal.addEventListener("abort", () => seen.push(pathname));
      came.resolve();
      if (pathname === "/never") return new Promise(() => {});
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("first")) }));
    });
    const ask = fetching(alice);
    const early = new AbortController();
    const asked = ask("http://bob.fireflies/never", { signal: early.signal });
    await came.promise;
    early.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    const late = new AbortController();
    const response = await ask("http://bob.fireflies/stream", { signal: late.signal });
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe("first");
    late.abort(new Error("enough"));
    await expect(reader.read()).rejects.toThrow("enough");
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(["/never", "/stream"]);
  });

  it("keeps its connections, few of them", async () => {
    const sockets = new Set<unknown>();
    const attached = served(
      bob,
      createServer((request, response) => {
        sockets.add(request.socket);
        setTimeout(() => response.end("x"), 1);
      }),
    );
    const agent = memberAgent(alice, { maxSockets: 3 });
    onTestFinished(() => agent.destroy());
    const ask = memberFetch(alice, { agent });
    const answers = await Promise.all(
      Array.from({ length: 30 }, async () => (await ask("http://bob.fireflies/")).text()),
    );
    expect(answers.join("")).toBe("x".repeat(30));
    expect(sockets.size).toBe(3);
    agent.destroy();
    await expect.poll(() => attached.figures().streams, { timeout: 10_000 }).toBe(0);
    expect(attached.figures()).toMatchObject({ total: 3, requests: 30, failed: 0, lastError: undefined });
  });
});

it("a message of a stream is as large here as there", () => {
  expect(CHUNK_BYTES_MAX).toBe(STREAM_CHUNK_BYTES_MAX);
});

describe("an agent for node:http", () => {
  it("brings requests to members", async () => {
    served(bob, () => new Response("hello"));
    const agent = memberAgent(alice);
    onTestFinished(() => agent.destroy());
    const request = get("http://bob.fireflies/", { agent });
    const [response] = await once(request, "response");
    expect(String(await bodyOf(response))).toBe("hello");
  });
});
