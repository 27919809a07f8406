/** Names in the notes of liars, over a DNS server and sockets on loopback, and what a member still does. */
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { type DialError, Dialler, deadlineIn, NameResolver, tcpTransport } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { FakeDns, type Question, type Reply } from "./fake-dns.js";
import { soon } from "./waiting.js";

const NO_FILES = { hosts: "/nonexistent/hosts" };
/** Far longer than it takes, for machines that are busy. */
const DIAL_MS = 10_000;
const memberId = (digit: number) => digit.toString(16).padStart(64, "0") as MemberId;

describe("two liars whose 64 notes have 38 names that nobody answers for", () => {
  it("keep no name of others waiting, and get no thread for theirs", async () => {
    const answer = ({ name, type }: Question): Reply =>
      name.startsWith("silent") ? "silent" : type === "A" ? ["203.0.113.1"] : [];
    await using dns = await FakeDns.start(answer);
    const bySystem: string[] = [];
    const system = async (name: string) => {
      bySystem.push(name);
      return [];
    };
    const resolver = new NameResolver({ now: () => performance.now(), servers: dns.servers, files: NO_FILES, system });
    const note = (at: number) => Array.from({ length: 8 }, (_, index) => `silent-${(at * 8 + index) % 38}.example`);
    for (let at = 0; at < 64; at++) {
      for (const name of note(at)) expect(resolver.known(name, memberId(at % 2))).toBeUndefined();
      // Each honest member's name is new: nothing of it is remembered.
      const found = resolver.addresses(`honest-${at}.example`, {
        deadline: deadlineIn(DIAL_MS),
        asker: memberId(100 + at),
      });
      expect(await found).toEqual(["203.0.113.1"]);
    }
    await soon(() => expect(resolver.figures.running).toBe(4)); // Two of each liar's.
    expect(bySystem).toEqual([]);
    expect(new Set(dns.asked.filter((each) => each.startsWith("silent"))).size).toBeLessThanOrEqual(8);
    resolver.close();
  });
});

describe("a name that first says nothing or something harmless, and then 127.0.0.1", () => {
  it.each<[string, readonly Reply[]]>([
    ["no answer", ["no such name"]],
    ["a failure", ["server failure"]],
    ["another address", [["203.0.113.1"]]],
    ["nothing", []],
  ])("after %s: brings no connection to a local service", async (_, first) => {
    const local = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    let connections = 0;
    local.on("connection", () => connections++);
    await once(local, "listening");
    const { port } = local.address() as { port: number };
    let question = 0;
    await using dns = await FakeDns.start(({ type }) => (type === "A" ? (first[question++] ?? ["127.0.0.1"]) : []));
    dns.ttlSeconds = 0;
    const clock = { now: 0 };
    const now = () => clock.now;
    const resolver = new NameResolver({
      now,
      servers: dns.servers,
      files: NO_FILES,
      system: async () => ["127.0.0.1"],
    });
    const tcp = tcpTransport();
    const dialled: string[] = [];
    const transport = {
      ...tcp,
      dial: (...[to, target]: Parameters<typeof tcp.dial>) => {
        dialled.push(to.host);
        return tcp.dial(to, target);
      },
    };
    const dialler = new Dialler({ transports: [transport], resolver, now, mine: () => ["198.51.100.1:7000"] });
    const reasons: string[] = [];
    for (let dial = 0; dial < 6; dial++) {
      const options = { deadline: deadlineIn(2_000), expect: memberId(1) };
      const failed = await dialler
        .dial([`evil.example:${port}`], options, async () => "in")
        .catch((error: DialError) => error);
      reasons.push((failed as DialError).reason);
      clock.now += 20 * 60_000;
    }
    expect(reasons.at(-1)).toBe("forbidden");
    expect(dialled.filter((host) => host !== "203.0.113.1")).toEqual([]);
    expect(connections).toBe(0);
    resolver.close();
    local.close();
  });
});
