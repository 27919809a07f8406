/** A proxy between real members: by SOCKS as curl speaks it, by CONNECT, and what it refuses. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { forward, type ProxySettings, proxy } from "../../services/forward/index.js";
import { destinationOf } from "../../services/forward/proxy/destinations.js";
import { echo, Target, Visitor } from "../support/local-programs.js";
import { OfflineNetwork, Stage, type TestClient } from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let stage: Stage;
let target: Target;

beforeAll(async () => {
  network = await OfflineNetwork.create();
  alice = await network.start({}, await network.authority.member({ name: "alice" }));
  const entryAddrs = [alice.address];
  bob = await network.start({ entryAddrs }, await network.authority.member({ name: "Bob" }));
  while (alice.ids.length === 0) await new Promise((done) => setImmediate(done));
  stage = new Stage();
  target = await Target.of(stage, echo);
  forward(bob, { target: target.address });
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
});

async function opened(settings: Partial<ProxySettings> = {}) {
  const running = await proxy(alice, { listen: "127.0.0.1:0", ...settings });
  onTestFinished(() => running.close());
  return running;
}

async function said(address: string, ...parts: readonly (string | readonly number[])[]): Promise<Visitor> {
  const visitor = await Visitor.to(stage, address);
  for (const part of parts) visitor.socket.write(typeof part === "string" ? part : Uint8Array.from(part));
  return visitor;
}

const name = (host: string, port: number) => [5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255];
const REPLY = 10;

describe("a proxy", () => {
  it.each([
    () => "bob.fireflies",
    () => "BOB.Fireflies.",
    () => `${bob.id}.fireflies`,
    () => `${bob.id.slice(0, 12)}.fireflies`,
  ])("leads by SOCKS to a member by its name and its id: %s", async (host) => {
    const { address } = await opened();
    const visitor = await said(address, [5, 1, 0], name(host(), target.port), "hello");
    visitor.socket.end();
    const all = await visitor.whole;
    expect([...Buffer.from(all.slice(0, 4), "latin1")]).toEqual([5, 0, 5, 0]);
    expect(all.slice(2 + REPLY)).toBe("hello");
  });

  it("leads by CONNECT there, too, and a map says what a port asks for", async () => {
    const { address } = await opened({ ports: { 80: `/tcp/${target.port}` } });
    const visitor = await said(address, "CONNECT bob.fireflies:80 HTTP/1.1\r\n\r\nhello");
    visitor.socket.end();
    expect(await visitor.whole).toBe("HTTP/1.1 200 Connection established\r\n\r\nhello");
  });

  it("leads nowhere else, and says so", async () => {
    const { address } = await opened();
    const byte = async (host: string) => (await (await said(address, [5, 1, 0], name(host, 80))).whole).charCodeAt(3);
    expect(await byte("example.com")).toBe(2);
    expect(await byte("127.0.0.1")).toBe(2);
    expect(await byte("nobody.fireflies")).toBe(4);
    const direct = await said(address, [5, 1, 0], [5, 1, 0, 1, 127, 0, 0, 1, 0, 80]);
    expect((await direct.whole).charCodeAt(3)).toBe(2);
    const http = await said(address, "CONNECT example.com:443 HTTP/1.1\r\n\r\n");
    expect(await http.whole).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n.*leads to \*\.fireflies alone/s);
    const get = await said(address, "GET http://bob.fireflies/ HTTP/1.1\r\n\r\n");
    expect(await get.whole).toMatch(/^HTTP\/1\.1 405 /);
  });

  it("resets what is neither", async () => {
    const { address } = await opened();
    expect(await (await said(address, "\u0016\u0003\u0001")).ended).not.toBe("end");
  });

  it("asks for its password when it has one", async () => {
    const { address } = await opened({ user: "bob", password: "secret" });
    const signedIn = (password: string) => [1, 3, ...Buffer.from("bob"), password.length, ...Buffer.from(password)];
    const right = await said(address, [5, 1, 2], signedIn("secret"), name("bob.fireflies", target.port), "hi");
    right.socket.end();
    expect((await right.whole).slice(4 + REPLY)).toBe("hi");
    expect(await (await said(address, [5, 1, 2], signedIn("guess!"))).whole).toBe("\u0005\u0002\u0001\u0001");
    expect(await (await said(address, [5, 1, 0])).whole).toBe("\u0005\u00ff");
    const http = (field: string) => said(address, `CONNECT bob.fireflies:${target.port} HTTP/1.1\r\n${field}\r\n`);
    expect(await (await http("")).whole).toMatch(/^HTTP\/1\.1 407 .*proxy-authenticate: Basic/s);
    const basic = Buffer.from("bob:secret").toString("base64");
    const through = await http(`Proxy-Authorization: Basic ${basic}\r\n`);
    through.socket.end("hi");
    expect(await through.whole).toMatch(/\r\n\r\nhi$/);
  });

  it("answers when the far side has: who refuses is told by the code that SOCKS and HTTP have for it", async () => {
    const gone = await Target.of(stage, echo);
    const { address: nowhere } = gone;
    gone.kill();
    const closing = new AbortController();
    onTestFinished(() => closing.abort());
    const there = [
      forward(bob, { target: nowhere, protocol: "/gone" }),
      forward(bob, { target: target.address, protocol: "/closed", allow: ["nobody"] }),
      forward(bob, { target: target.address, protocol: "/full", connectionsPerPeer: 1 }),
    ];
    onTestFinished(async () => void (await Promise.all(there.map((each) => each.close()))));
    bob.handle("/mine", (stream) => void stream.end(new TextEncoder().encode("mine")), { signal: closing.signal });
    const ports = { 1: "/gone", 2: "/closed", 3: "/nothing", 4: "/full", 5: "/mine" };
    const { address } = await opened({ ports });
    const first = await said(address, "CONNECT bob.fireflies:4 HTTP/1.1\r\n\r\n");
    await first.got(10);
    const socks = async (port: number) => {
      const visitor = await said(address, [5, 1, 0], name("bob.fireflies", port));
      await visitor.got(4);
      return visitor.text.charCodeAt(3);
    };
    const http = async (port: number) => {
      const { whole } = await said(address, `CONNECT bob.fireflies:${port} HTTP/1.1\r\n\r\n`);
      return (await whole).split("\r\n");
    };
    expect(await Promise.all([1, 2, 3, 4].map(socks))).toEqual([5, 2, 5, 1]);
    const answers = await Promise.all([1, 2, 3, 4].map(http));
    expect(answers.map(([status]) => status?.slice(9, 12))).toEqual(["502", "403", "502", "503"]);
    expect(answers[0]?.at(-1)).toMatch(/does not accept connections/);
    expect(answers[2]?.at(-1)).toMatch(/handles no protocol "\/nothing"/);
    expect((await http(5)).at(-1)).toBe("mine");
  });

  it.each([
    ["is not open to other machines without a password", { listen: "0.0.0.0:0" }, "access-invalid"],
    ["has no user without a password", { user: "bob" }, "access-invalid"],
    ["has no password without a user", { password: "secret" }, "access-invalid"],
    ["has no empty password", { user: "bob", password: "" }, "access-invalid"],
    ["has no password that SOCKS cannot say", { user: "bob", password: "x".repeat(256) }, "access-invalid"],
    ["takes no datagrams", { listen: "udp://127.0.0.1:0" }, "address-invalid"],
    ["maps no port that is none", { ports: { 65536: "/x" } }, "address-invalid"],
    ["maps to no name that is none", { ports: { 80: "a b" } }, "name-invalid"],
  ])("%s", async (_, settings, code) => {
    await expect(proxy(alice, { listen: "127.0.0.1:0", ...settings })).rejects.toMatchObject({ code });
  });

  it("tries a few of the members that offer a service, and not all", () => {
    const members = Array.from({ length: 100 }, (_, index) => ({ id: `${index}`.padStart(64, "0") }));
    const crowd = { self: alice.self, member: () => undefined, members: () => members } as unknown as TestClient;
    const found = destinationOf(crowd, { host: "shop.fireflies", port: 80 }, {}, 98);
    expect(found).toMatchObject({ members: [98, 99, 0, 1].map((index) => members[index]?.id) });
  });

  it("serves curl", async () => {
    const page = await Target.of(stage, (socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"));
    });
    const there = forward(bob, { target: page.address });
    onTestFinished(() => there.close());
    const { address } = await opened();
    const curl = (...args: string[]) => promisify(execFile)("curl", ["-sS", "--max-time", "20", ...args]);
    const found = await curl("--proxy", `socks5h://${address}`, `http://bob.fireflies:${page.port}/`).catch(
      (error: NodeJS.ErrnoException & { stdout?: string }) => error,
    );
    if ("code" in found && found.code === "ENOENT") return; // No curl here.
    expect(found.stdout).toBe("hello");
    const { stdout } = await curl("-p", "--proxy", `http://${address}`, `http://bob.fireflies:${page.port}/`);
    expect(stdout).toBe("hello");
  });
});
