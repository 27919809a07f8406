/** Names: where they are looked up, what is remembered, and what the names of one member may cost. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deadlineIn, NameResolver, type NameResolverOptions } from "../../net/index.js";
import { FakeDns, type Question, type Reply } from "./fake-dns.js";
import { later, soon } from "./waiting.js";

const PATIENT_MS = 15_000;
/** A silent server is given up after about three times as long. */
const TRY_MS = 100;
/** Of the resolver: getaddrinfo in none of these tests. */
const nothing = async () => [];

let directory: string;
let clock: { now: number };
const closers: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fireflies-names-"));
  clock = { now: 0 };
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(directory, { recursive: true });
});

interface SceneOptions extends Partial<NameResolverOptions> {
  readonly answer?: (question: Question) => Reply | Promise<Reply>;
  readonly hosts?: string;
  readonly resolvConf?: string;
}

async function scene({ answer = () => [], hosts = "", resolvConf = "", ...more }: SceneOptions = {}) {
  const files = { hosts: join(directory, "hosts"), resolvConf: join(directory, "resolv.conf") };
  writeFileSync(files.hosts, hosts);
  writeFileSync(files.resolvConf, resolvConf);
  const dns = await FakeDns.start(answer);
  const resolver = new NameResolver({
    now: () => clock.now,
    servers: dns.servers,
    files,
    system: nothing,
    tryMs: TRY_MS,
    ...more,
  });
  closers.push(
    () => resolver.close(),
    () => dns[Symbol.asyncDispose](),
  );
  const look = (host: string, asker?: string) => resolver.addresses(host, { deadline: deadlineIn(PATIENT_MS), asker });
  const why = (host: string, asker?: string) =>
    look(host, asker).then(
      () => "found",
      (error: { reason: string }) => error.reason,
    );
  return { dns, resolver, files, look, why };
}

/** A server that knows these names; of all others it says that there are none. */
const zone =
  (names: Readonly<Record<string, readonly string[]>>) =>
  ({ name, type }: Question): Reply => {
    const all = names[name];
    return all === undefined ? "no such name" : all.filter((address) => address.includes(":") === (type === "AAAA"));
  };

describe("a host", () => {
  it("that is an IP address is its own answer, and asks nobody", async () => {
    const { look, dns } = await scene();
    for (const host of ["203.0.113.7", "::1", "fe80::1%eth0", "::ffff:10.0.0.1"])
      expect(await look(host)).toEqual([host]);
    expect(dns.asked).toEqual([]);
  });

  it.each(["127.1", "2130706433", "0", "0x7f000001", "host.0x1", "1.2.3.4.", "example.123"])(
    "%s is a way to write an address, and no name",
    async (host) => {
      const { why, resolver, dns } = await scene();
      expect(await why(host)).toBe("unresolved");
      expect(resolver.known(host)).toBeUndefined();
      expect(dns.asked).toEqual([]);
    },
  );

  it("in the hosts file is looked up there, IPv6 and IPv4 in turn, in any case and with a dot", async () => {
    const hosts = "10.0.0.1 one Two # three\n10.0.0.2\tone\n\n::7 one\nnonsense four\n#10.0.0.9 five\n";
    const { look, why, dns } = await scene({ hosts });
    expect(await look("one")).toEqual(["::7", "10.0.0.1", "10.0.0.2"]);
    expect(await look("TWO")).toEqual(["10.0.0.1"]);
    expect(await look("two.")).toEqual(["10.0.0.1"]);
    expect(dns.asked).toEqual([]);
    expect(await why("three")).toBe("unresolved");
  });

  it("in a hosts file that changes is what the file says five seconds later", async () => {
    const { look, files } = await scene({ hosts: "10.0.0.1 one\n" });
    expect(await look("one")).toEqual(["10.0.0.1"]);
    writeFileSync(files.hosts, "10.0.0.22 one\n");
    clock.now += 4_999;
    expect(await look("one")).toEqual(["10.0.0.1"]);
    clock.now += 1;
    expect(await look("one")).toEqual(["10.0.0.22"]);
  });

  it("called localhost, or below it, never leaves the machine", async () => {
    const { look, dns } = await scene({ hosts: "127.0.0.1 localhost\n" });
    expect(await look("localhost")).toEqual(["127.0.0.1"]);
    expect(await look("LOCALHOST.")).toEqual(["127.0.0.1"]);
    expect(await look("db.localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(dns.asked).toEqual([]);
  });
});

describe("a name of DNS", () => {
  it("has all its addresses, IPv6 and IPv4 in turn, eight at most", async () => {
    const v4 = Array.from({ length: 9 }, (_, index) => `10.0.0.${index}`);
    const { look } = await scene({
      answer: zone({ both: ["10.0.0.1", "10.0.0.2", "2001:db8::1"], six: ["2001:db8::2"], many: v4 }),
    });
    expect(await look("both")).toEqual(["2001:db8::1", "10.0.0.1", "10.0.0.2"]);
    expect(await look("six")).toEqual(["2001:db8::2"]);
    expect((await look("many")).length).toBe(8);
  });

  it("is completed by the search list as resolv.conf says: Kubernetes' short names", async () => {
    const resolvConf =
      "nameserver 192.0.2.1\nsearch ns.svc.cluster.local. svc.cluster.local cluster.local\noptions ndots:5\n";
    const { look, dns } = await scene({
      resolvConf,
      answer: zone({
        "fireflies-0.fireflies.ns.svc.cluster.local": ["10.1.0.1"],
        "authority.ns.svc.cluster.local": ["10.1.0.2"],
        "member.example.com": ["203.0.113.5"],
      }),
    });
    expect(await look("fireflies-0.fireflies")).toEqual(["10.1.0.1"]);
    expect(await look("authority")).toEqual(["10.1.0.2"]);
    expect(await look("member.example.com")).toEqual(["203.0.113.5"]);
    expect(dns.asked.filter((each) => each.endsWith(" A")).at(-1)).toBe("member.example.com A");
    dns.asked.length = 0;
    expect(await look("member.example.com.")).toEqual(["203.0.113.5"]);
    expect(new Set(dns.asked)).toEqual(new Set(["member.example.com A", "member.example.com AAAA"]));
  });

  it("is asked of the next domain when a server fails, and not when it is silent", async () => {
    const answers: Record<string, Reply> = { "a.one": "server failure", "a.two": ["10.0.0.1"], "b.one": "silent" };
    const { look, why, dns } = await scene({
      resolvConf: "search one two\n",
      answer: ({ name, type }) =>
        type === "A" ? (answers[name] ?? "no such name") : (answers[name] ?? []) === "silent" ? "silent" : [],
    });
    expect(await look("a")).toEqual(["10.0.0.1"]);
    expect(await why("b")).toBe("unresolved");
    expect(dns.count("b.two")).toBe(0);
  });

  it("of which one family is silent has the other's addresses", async () => {
    for (const silent of ["A", "AAAA"] as const) {
      const address = silent === "A" ? "2001:db8::1" : "10.0.0.1";
      const { resolver } = await scene({ answer: ({ type }) => (type === silent ? "silent" : [address]) });
      expect(await resolver.addresses("half.example", { deadline: deadlineIn(PATIENT_MS) })).toEqual([address]);
    }
  });

  it("of which one family is slow has both the next time", async () => {
    const slow = later<readonly string[]>();
    const { look, resolver } = await scene({ answer: ({ type }) => (type === "A" ? ["10.0.0.1"] : slow.promise) });
    expect(await look("slow.example")).toEqual(["10.0.0.1"]);
    slow.resolve(["2001:db8::1"]);
    await soon(() => expect(resolver.known("slow.example")).toEqual(["2001:db8::1", "10.0.0.1"]));
  });
});

describe("what is known of a name", () => {
  it("is used as long as its servers say, 5 to 60 seconds; then it is looked up again", async () => {
    for (const [ttl, expected] of [
      [0, 5_000],
      [30, 30_000],
      [86_400, 60_000],
    ] as const) {
      const { dns, look } = await scene({ answer: zone({ name: ["10.0.0.1"] }) });
      dns.ttlSeconds = ttl;
      await look("name");
      clock.now += expected - 1;
      await look("name");
      expect(dns.count("name")).toBe(2); // A and AAAA.
      clock.now += 1;
      await look("name");
      expect(dns.count("name")).toBe(4);
    }
  });

  it("is told at once to pings, which wait for nothing", async () => {
    const { resolver, dns } = await scene({ answer: zone({ name: ["10.0.0.1"] }) });
    expect(resolver.known("name", "a")).toBeUndefined();
    await soon(() => expect(resolver.known("name", "a")).toEqual(["10.0.0.1"]));
    expect(dns.count("name")).toBe(2);
    expect(resolver.known("192.0.2.1")).toEqual(["192.0.2.1"]);
  });

  it("serves on for an hour while DNS is out, or says that there is no such name", async () => {
    let reply: Reply = ["10.0.0.1"];
    const { look, why, resolver } = await scene({
      answer: ({ type }) => (type === "A" ? reply : typeof reply === "string" ? reply : []),
    });
    await look("name");
    reply = "server failure";
    clock.now += 60_000;
    expect(await look("name")).toEqual(["10.0.0.1"]);
    clock.now += 59 * 60_000;
    expect(await look("name")).toEqual(["10.0.0.1"]);
    expect(resolver.known("name")).toEqual(["10.0.0.1"]);
    clock.now += 60_000;
    expect(await why("name")).toBe("unresolved");
    reply = ["10.0.0.2"];
    clock.now += 120_000;
    expect(await look("name")).toEqual(["10.0.0.2"]);
    reply = "no such name";
    clock.now += 60_000;
    expect(await look("name")).toEqual(["10.0.0.2"]);
    expect(resolver.known("name")).toEqual(["10.0.0.2"]);
    clock.now += 60 * 60_000;
    expect(await why("name")).toBe("unresolved");
    expect(resolver.known("name")).toBeUndefined();
  });

  it("serves after half a second while DNS is silent", async () => {
    let reply: Reply = ["10.0.0.1"];
    const { resolver, look } = await scene({ answer: ({ type }) => (type === "A" || reply === "silent" ? reply : []) });
    await look("name");
    reply = "silent";
    clock.now += 60_000;
    expect(await resolver.addresses("name", { deadline: deadlineIn(PATIENT_MS) })).toEqual(["10.0.0.1"]);
  });

  it("is a failure for a while that doubles up to two minutes whatever is asked, and 5 s for my own names", async () => {
    const { dns, why, resolver } = await scene({ answer: () => "no such name" });
    for (const pause of [1, 2, 4, 8, 16, 32, 64, 120, 120]) {
      const before = dns.asked.length;
      expect(await why("gone", "a")).toBe("unresolved");
      expect(dns.asked.length).toBe(before + 2);
      for (const wait of [0, pause * 1_000 - 1]) {
        clock.now += wait;
        expect(await why("gone", "a")).toBe("backoff");
        expect(resolver.known("gone", "b")).toBeUndefined();
      }
      expect(dns.asked.length).toBe(before + 2);
      clock.now += 1;
    }
    clock.now -= 115_000;
    expect(await why("gone", "a")).toBe("backoff");
    expect(await why("gone")).toBe("unresolved");
  });

  it("is looked up once for all who ask at the same time", async () => {
    const { dns, look } = await scene({ answer: zone({ name: ["10.0.0.1"] }) });
    const asked = ["a", "b", undefined, "c"].map((asker) => look("name", asker));
    expect(await Promise.all(asked)).toEqual(Array(4).fill(["10.0.0.1"]));
    expect(dns.count("name")).toBe(2);
  });
});

describe("a wait for a name", () => {
  it("ends with the deadline, or when the caller gives up; the look-up goes on for the next one", async () => {
    const slow = later<readonly string[]>();
    const { resolver } = await scene({ answer: ({ type }) => (type === "A" ? slow.promise : []) });
    const late = resolver.addresses("name", { deadline: deadlineIn(20) });
    await expect(late).rejects.toMatchObject({ reason: "timeout", code: "timeout" });
    const controller = new AbortController();
    const given = resolver.addresses("name", { deadline: deadlineIn(PATIENT_MS), signal: controller.signal });
    controller.abort();
    await expect(given).rejects.toMatchObject({ reason: "cancelled", code: "cancelled" });
    slow.resolve(["10.0.0.1"]);
    await soon(() => expect(resolver.known("name")).toEqual(["10.0.0.1"]));
  });
});

describe("a resolver that is closed", () => {
  it("ends what is under way, and looks nothing up any more", async () => {
    const { resolver, dns, why } = await scene({ answer: () => "silent", tryMs: 10_000 });
    const waiting = why("name");
    await soon(() => expect(dns.count("name")).toBe(2));
    resolver.close();
    expect(await waiting).toBe("unresolved");
    expect(resolver.figures.running).toBe(0);
    expect(resolver.known("other")).toBeUndefined();
    expect(await why("other")).toBe("cancelled");
    expect(dns.count("other")).toBe(0);
  });
});

describe("the system's look-up", () => {
  const answer = ({ name }: Question): Reply => (name.startsWith("silent") ? "silent" : "no such name");

  it("is the last resort, one name at a time", async () => {
    const gate = later<readonly string[]>();
    const asked: string[] = [];
    const system = (name: string) => {
      asked.push(name);
      return gate.promise;
    };
    const { look, resolver } = await scene({ answer, system });
    const found = Promise.all([look("printer.local", "a"), look("scanner.local", "b"), look("own.local")]);
    await soon(() => expect(resolver.figures.running).toBe(0));
    expect(asked.length).toBe(1);
    gate.resolve(["10.0.0.9"]);
    expect(await found).toEqual(Array(3).fill(["10.0.0.9"]));
    expect(asked.toSorted()).toEqual(["own.local", "printer.local", "scanner.local"]);
  });

  it("is not asked where DNS is silent, nor twice in ten minutes for a member whose name failed", async () => {
    const asked: string[] = [];
    const system = async (name: string) => {
      asked.push(name);
      return [];
    };
    const { why } = await scene({ answer, system });
    expect(await why("silent.example", "a")).toBe("unresolved");
    expect(await why("one.example", "b")).toBe("unresolved");
    expect(await why("two.example", "b")).toBe("unresolved");
    clock.now += 10 * 60_000;
    expect(await why("three.example", "b")).toBe("unresolved");
    expect(asked).toEqual(["one.example", "three.example"]);
    expect(await why("silent.own.example")).toBe("unresolved");
    expect(asked.at(-1)).toBe("silent.own.example");
  });
});

describe("the names of one member", () => {
  it("are looked up two at a time, 16 wait, and the others are not held up", async () => {
    const { dns, look, why, resolver } = await scene({
      answer: ({ name, type }) => (name.startsWith("silent") ? "silent" : type === "A" ? ["10.0.0.1"] : []),
    });
    const liar = Array.from({ length: 38 }, (_, index) => why(`silent-${index}.example`, "liar"));
    // Of 38, two run, 16 wait, and 20 are refused at once.
    expect((await Promise.all(liar.slice(18))).every((reason) => reason === "unresolved")).toBe(true);
    expect(resolver.figures).toMatchObject({ running: 2, waiting: 16 });
    for (let count = 0; count < 20; count++)
      expect(await look(`honest-${count}.example`, `honest-${count}`)).toEqual(["10.0.0.1"]);
    expect(new Set(dns.asked.filter((each) => each.startsWith("silent"))).size).toBe(4);
  });

  it("do not hold up a name that somebody else asks for as well", async () => {
    const { look, why } = await scene({
      answer: ({ name, type }) => (name.startsWith("silent") ? "silent" : type === "A" ? ["10.0.0.1"] : []),
    });
    for (let count = 0; count < 4; count++) void why(`silent-${count}.example`, "liar");
    void why("honest.example", "liar");
    expect(await look("honest.example", "honest")).toEqual(["10.0.0.1"]);
  });

  it("leave room for the others, though half of the network are liars", async () => {
    const { look, why, resolver } = await scene({
      answer: ({ name, type }) => (name.startsWith("silent") ? "silent" : type === "A" ? ["10.0.0.1"] : []),
    });
    // Once each has failed, they share half of the places.
    const first = Array.from({ length: 16 }, (_, index) => why(`silent-${index}.example`, `liar-${index}`));
    await Promise.all(first);
    for (let count = 0; count < 64; count++) void why(`silent-more-${count}.example`, `liar-${count % 16}`);
    expect(resolver.figures.running).toBe(8);
    expect(await look("honest.example", "honest")).toEqual(["10.0.0.1"]);
  });

  it("are remembered, the last 16 of them, without pushing out those of others", async () => {
    const { look, why, dns, resolver } = await scene({
      answer: ({ name, type }) => (name.startsWith("gone") ? "no such name" : type === "A" ? ["10.0.0.1"] : []),
    });
    await look("honest.example", "honest");
    for (let count = 0; count < 100; count++) await why(`gone-${count}.example`, "liar");
    expect(resolver.figures.remembered).toBe(17);
    const before = dns.asked.length;
    await look("honest.example", "honest");
    expect(await why("gone-99.example", "liar")).toBe("backoff");
    expect(dns.asked.length).toBe(before);
  });
});
