/** Services of HTTP that several members have: who is asked, and who next when one fails. */
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { attachHttp, memberAgent, memberFetch } from "../../../services/http/index.js";
import { whither } from "../../../services/http/wire/whom.js";
import { failureOf } from "../../support/http-members.js";
import { OfflineNetwork, type TestClient, until } from "../../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let carol: TestClient;

beforeAll(async () => {
  network = await OfflineNetwork.create();
  const start = async (name: string, ...entryAddrs: string[]) =>
    await network.start({ entryAddrs }, await network.authority.member({ name }));
  alice = await start("alice");
  [bob, carol] = await Promise.all([start("bob", alice.address), start("carol", alice.address)]);
  await until(alice, () => alice.ids.length === 2);
});
afterAll(() => network[Symbol.asyncDispose]());

/** Both serve it until the test has ended; alice has heard of it. */
async function both(service: string, answer: (name: string) => Response | Promise<Response>) {
  const servers = [bob, carol].map((member) => attachHttp(member, () => answer(member.self.name ?? ""), { service }));
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.close({ drain: 0 })))));
  await until(alice, () => alice.members({ service: `/http/${service}` }).length === 2);
  const agent = memberAgent(alice);
  onTestFinished(() => agent.destroy());
  return { servers, ask: memberFetch(alice, { agent }) };
}

describe("a service of HTTP", () => {
  it("is asked of its members in turns", async () => {
    const { ask } = await both("turns", (name) => new Response(name));
    const answers = Array.from({ length: 4 }, async () => await (await ask("http://turns.fireflies/")).text());
    expect((await Promise.all(answers)).toSorted()).toEqual(["bob", "bob", "carol", "carol"]);
  });

  it("goes on to the next member, where the request can be made again", async () => {
    let cuts = 0;
    const server = (member: TestClient) =>
      attachHttp(
        member,
        createServer((request) => {
          cuts += 1;
          request.socket.destroy();
        }),
        { service: "broken" },
      );
    const servers = [server(bob), server(carol)];
    onTestFinished(async () => void (await Promise.all(servers.map((each) => each.close({ drain: 0 })))));
    await until(alice, () => alice.members({ service: "/http/broken" }).length === 2);
    const agent = memberAgent(alice);
    onTestFinished(() => agent.destroy());
    const ask = memberFetch(alice, { agent });
    expect(await failureOf(ask("http://broken.fireflies/", { method: "POST", body: "x" }))).toMatch(/^fetch failed/);
    expect(cuts).toBe(1); // It may have been handled.
    expect(await failureOf(ask("http://broken.fireflies/"))).toMatch(/^fetch failed/);
    expect(cuts).toBe(5); // Four tries.
  });

  it("leaves out a member that handles it no more, before the others have heard", async () => {
    const { ask, servers } = await both("fading", (name) => new Response(name));
    await servers[0]!.close({ drain: 0 });
    const answers = Array.from({ length: 4 }, async () => {
      return await (await ask("http://fading.fireflies/", { method: "POST", body: "x" })).text();
    });
    expect(await Promise.all(answers)).toEqual(["carol", "carol", "carol", "carol"]);
  });

  it("may be one's own", async () => {
    const own = attachHttp(alice, () => new Response("mine"), { service: "own" });
    onTestFinished(() => own.close({ drain: 0 }));
    expect(await (await memberFetch(alice)("http://own.fireflies/")).text()).toBe("mine");
  });
});

it("a URL leads to members and a protocol", () => {
  const to = (host: string, port = 80, more = {}) => {
    try {
      return whither(alice, host, port, more);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  alice.handle("chat", () => {});
  const there = { members: [bob.id], protocol: "/http/1.1" };
  expect(to("bob.fireflies")).toEqual(there);
  expect(to("BOB.Fireflies.")).toEqual(there);
  expect(to(`${bob.id}.fireflies`)).toEqual(there);
  expect(to(`${bob.id.slice(0, 32)}.${bob.id.slice(32)}.fireflies`)).toEqual(there);
  expect(to(`${bob.id.slice(0, 12)}.fireflies`)).toEqual(there);
  expect(to("bob.fireflies", 8000)).toEqual({ ...there, protocol: "/tcp/8000" });
  expect(to("bob.fireflies", 80, { protocol: "/x/http" })).toEqual({ ...there, protocol: "/x/http" });
  expect(to("chat.fireflies")).toEqual({ members: [alice.id], protocol: "/http/1.1" });
  expect(to("bob.fireflies", 80, { isService: true })).toBe("peer-unknown");
  for (const host of ["bob", "bob.fireflies.example.com", "127.0.0.1", "", ".fireflies"]) {
    expect(to(host)).toBe("address-forbidden");
  }
});
