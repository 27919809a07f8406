/** What each kind of source makes of its own world, beyond the contract: DNS, files, Kubernetes, multicast DNS. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { SOURCES_MAX } from "../../../client/discovery/discovery.js";
import { dnsDiscovery, inOrder, srvDiscovery } from "../../../client/discovery/dns.js";
import { entriesOf, fileDiscovery } from "../../../client/discovery/file.js";
import { kubernetesDiscovery } from "../../../client/discovery/kubernetes.js";
import { mdnsDiscovery } from "../../../client/discovery/mdns.js";
import { instancesIn, recordsOf } from "../../../client/discovery/mdns-records.js";
import { Sources } from "../../../client/discovery/sources.js";
import type { MemberId } from "../../../rings/index.js";
import { FakeDns, type Reply } from "../../net/fake-dns.js";
import { FakeKubernetes } from "../../support/kubernetes.js";
import { DEADLINE_MS } from "../../support/network.js";

const directory = mkdtempSync(join(tmpdir(), "fireflies-sources-"));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);
const signal = () => AbortSignal.timeout(DEADLINE_MS);

describe("sources of a program", () => {
  const made = (names: readonly string[]) =>
    new Sources({
      ...{ config: { entryAddrs: [], mdns: false }, check: (entry) => ({ ok: true, entry }), isMine: () => false },
      discovery: names.map((name) => ({ name, contacts: async () => [] })),
      ...{ self: () => ({ id: "ab" as MemberId, network: "", addresses: [] }), members: () => 1, random: () => 0 },
      ...{ take: () => {}, onEnded: () => {}, onAlarm: () => {} },
    });

  it("are as many, and named, as promised", () => {
    const many = Array.from({ length: SOURCES_MAX }, (_, index) => `source ${index}`);
    expect(made(many).infos).toHaveLength(SOURCES_MAX);
    const refused = expect.objectContaining({ code: "config-bad-value", message: expect.stringContaining("not 17") });
    expect(() => made([...many, "one more"])).toThrow(refused);
    for (const name of ["", "two\nlines", "x".repeat(129)])
      expect(() => made([name])).toThrow(expect.objectContaining({ code: "config-bad-value" }));
  });
});

describe("DNS", () => {
  const files = { hosts: path("hosts"), resolvConf: path("resolv.conf") };
  const ask = async (server: FakeDns, place = "members.example:7") =>
    await dnsDiscovery(place, { servers: server.servers, files, tryMs: 200 }).contacts(signal());
  beforeAll(() => {
    writeFileSync(files.hosts, "192.0.2.50 known.example\n");
    writeFileSync(files.resolvConf, "search shop.svc.cluster.local\n");
  });

  it("gives the addresses of both families, and those of one when the other is silent, fails or lies", async () => {
    const replies: Readonly<Record<string, Reply>> = {
      both: ["2001:db8::1"],
      quiet: "silent",
      bad: "server failure",
      odd: "garbage",
    };
    await using server = await FakeDns.start(({ name, type }) =>
      type === "A" ? ["192.0.2.1", "192.0.2.2"] : (replies[name.split(".")[0] ?? ""] ?? []),
    );
    const sorted = async (name: string) => [...(await ask(server, `${name}.example:7`))].sort();
    expect(await sorted("both")).toEqual(["192.0.2.1:7", "192.0.2.2:7", "[2001:db8::1]:7"]);
    for (const name of ["quiet", "bad", "odd", "none"])
      expect(await sorted(name)).toEqual(["192.0.2.1:7", "192.0.2.2:7"]);
  });

  it("is asked over TCP for what fits no datagram", async () => {
    await using server = await FakeDns.start(({ type }) =>
      type === "A" ? Array.from({ length: 1_000 }, (_, index) => `198.18.${index >> 8}.${index & 255}`) : [],
    );
    server.datagramBytes = 1_232;
    expect((await ask(server)).length).toBe(1_000);
    expect(server.overTcp).toBeGreaterThan(0);
  });

  it("says that there is no such name, and knows the hosts file and the search list", async () => {
    await using server = await FakeDns.start(({ name, type }) => {
      if (name !== "members.shop.svc.cluster.local") return "no such name";
      return type === "A" ? ["192.0.2.1"] : [];
    });
    await expect(ask(server)).rejects.toMatchObject({
      message: expect.stringContaining("DNS has no name members.example"),
    });
    expect(await ask(server, "members:7")).toEqual(["192.0.2.1:7"]);
    expect(await ask(server, "known.example:7")).toEqual(["192.0.2.50:7"]);
    expect(await ask(server, "192.0.2.60:7")).toEqual(["192.0.2.60:7"]);
    expect(() => dnsDiscovery("members.example")).toThrow(expect.objectContaining({ code: "config-bad-value" }));
    expect(() => dnsDiscovery("a:7", { servers: ["nowhere"] })).toThrow(
      expect.objectContaining({ code: "config-bad-value" }),
    );
    expect(() => srvDiscovery("members.example")).toThrow(expect.objectContaining({ code: "config-bad-value" }));
  });

  it("orders members of a service by priority, and by weight within it", () => {
    const record = (name: string, priority: number, weight: number) => ({ name, port: 7, priority, weight });
    const records = [record("spare", 20, 100), record("small", 10, 1), record("large", 10, 9), record("never", 10, 0)];
    let seed = 1;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const first = { large: 0, small: 0, never: 0 } as Record<string, number>;
    for (let count = 0; count < 1_000; count++) {
      const order = inOrder(records, random).map(({ name }) => name);
      expect(order[3]).toBe("spare");
      first[order[0]!]! += 1;
    }
    expect(first.large).toBeGreaterThan(850);
    expect(first.small).toBeGreaterThan(50);
    expect(first.never).toBeLessThan(5);
  });

  it("takes a service without members as one", async () => {
    await using server = await FakeDns.start(() => [{ priority: 0, weight: 0, port: 0, target: "" }]);
    expect(
      await srvDiscovery("_fireflies._tcp.example", { servers: server.servers, files }).contacts(signal()),
    ).toEqual([]);
  });
});

describe("a file", () => {
  it("has an entry a line, and comments", () => {
    const text = "\uFEFF# members\r\n a.example:7 \n\n#b:1\nc:1 # the third\nws://d:1/x#y\n";
    expect(entriesOf(text)).toEqual(["a.example:7", "c:1", "ws://d:1/x#y"]);
  });

  it("is found behind links that are changed, as those of a mounted ConfigMap", async () => {
    for (const [name, text] of [
      ["v1", "a:1"],
      ["v2", "b:2"],
    ] as const) {
      mkdirSync(path(name));
      writeFileSync(path(`${name}/contacts`), text);
    }
    symlinkSync("v1", path("data"));
    const source = fileDiscovery(path("data/contacts"));
    expect(await source.contacts(signal())).toEqual(["a:1"]);
    rmSync(path("data"));
    symlinkSync("v2", path("data"));
    expect(await source.contacts(signal())).toEqual(["b:2"]);
  });

  it("that is being written is read when it holds still", async () => {
    const source = fileDiscovery(path("growing"));
    writeFileSync(path("growing"), "a.example:7");
    const asked = source.contacts(signal());
    await new Promise(setImmediate);
    writeFileSync(path("growing"), "a.example:7000\nb.example:7000\n");
    expect(await asked).toEqual(["a.example:7000", "b.example:7000"]);
  });

  it.each<[what: string, make: (at: string) => void, why: RegExp]>([
    ["is not there", () => {}, /is not there/],
    ["is a directory", (at) => mkdirSync(at), /is a directory/],
    ["is a pipe", (at) => execFileSync("mkfifo", [at]), /no regular file/],
    ["is too large", (at) => writeFileSync(at, "#".repeat(300_000)), /larger than 262144 bytes/],
  ])("that %s is told of with what to do", async (what, make, why) => {
    make(path(what));
    const failure = await fileDiscovery(path(what))
      .contacts(signal())
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "discovery-failed",
      message: expect.stringMatching(why),
      advice: expect.stringMatching(/./),
    });
  });
});

describe("Kubernetes", () => {
  const started = async () => {
    const cluster = await FakeKubernetes.start();
    const source = kubernetesDiscovery({
      service: "members",
      apiUrl: cluster.apiUrl,
      account: cluster.account,
      watchPauseMs: 5,
    });
    let changes = 0;
    source.onChange?.(() => {
      changes += 1;
    });
    const dispose = async () => {
      await source.close?.();
      await cluster[Symbol.asyncDispose]();
    };
    return { cluster, source, changes: () => changes, [Symbol.asyncDispose]: dispose };
  };

  it("names those that are ready, then those that are not yet, and none that ends", async () => {
    await using scene = await started();
    const { cluster, source } = scene;
    cluster.set([
      {
        name: "a",
        endpoints: [{ addresses: ["192.0.2.1"], conditions: { ready: false } }, { addresses: ["192.0.2.2"] }],
      },
      { name: "b", endpoints: [{ addresses: ["192.0.2.3"], conditions: { ready: false, terminating: true } }] },
      { name: "c", addressType: "IPv6", endpoints: [{ addresses: ["2001:db8::4"], conditions: { ready: true } }] },
      { name: "d", addressType: "FQDN", endpoints: [{ addresses: ["pod.example"] }] },
      {
        name: "e",
        endpoints: [{ addresses: ["nonsense", "192.0.2.5"] }],
        ports: [{ name: "pings", port: 9, protocol: "UDP" }, { port: 7_001 }],
      },
    ]);
    const contacts = await source.contacts(signal());
    expect([...contacts].sort()).toEqual(["192.0.2.1:7000", "192.0.2.2:7000", "192.0.2.5:7001", "[2001:db8::4]:7000"]);
    expect(contacts[3]).toBe("192.0.2.1:7000");
    expect(cluster.asked.filter(({ url }) => url.includes("&limit=")).length).toBe(3); // Pages of two slices.
  });

  it("watches from the version of its list on, asks anew with the token of the moment, and lists again when the version is gone", async () => {
    await using scene = await started();
    const { cluster, source, changes } = scene;
    cluster.setContacts(["192.0.2.1:7000"]);
    await source.contacts(signal());
    await vi.waitFor(() => expect(cluster.watches).toBe(1), DEADLINE_MS);
    const lists = () => cluster.asked.filter(({ url }) => url.includes("&limit=")).length;
    const listed = lists();
    cluster.setContacts(["192.0.2.2:7000"]);
    await vi.waitFor(() => expect(changes()).toBe(1), DEADLINE_MS);
    expect([await source.contacts(signal()), lists()]).toEqual([["192.0.2.2:7000"], listed]);
    cluster.rotate("second");
    cluster.endWatches();
    await vi.waitFor(() => expect(cluster.asked.at(-1)?.token).toBe("second"), DEADLINE_MS);
    await vi.waitFor(() => expect(cluster.watches).toBe(1), DEADLINE_MS);
    cluster.forget();
    await vi.waitFor(() => expect(changes()).toBe(2), DEADLINE_MS);
    expect([await source.contacts(signal()), lists()]).toEqual([["192.0.2.2:7000"], listed + 1]);
  });

  it("says that it may list and not watch, names those that it listed, and takes it back when it may", async () => {
    await using scene = await started();
    const { cluster, source, changes } = scene;
    cluster.mayWatch = false;
    cluster.setContacts(["192.0.2.1:7000"]);
    expect([await source.contacts(signal()), source.trouble?.()]).toEqual([["192.0.2.1:7000"], undefined]);
    await vi.waitFor(() => expect(changes()).toBe(1), DEADLINE_MS);
    expect(await source.contacts(signal())).toEqual(["192.0.2.1:7000"]);
    expect(source.trouble?.()).toMatch(/cannot be watched.*403, cannot watch endpointslices/);
    cluster.mayWatch = true;
    await vi.waitFor(() => expect(source.trouble?.()).toBeUndefined(), DEADLINE_MS);
  });

  it("says what is wrong: no right to look, a service without the port, no cluster at all", async () => {
    await using scene = await started();
    const { cluster, source } = scene;
    const { apiUrl, account } = cluster;
    const failure = (options: object) =>
      kubernetesDiscovery({ service: "members", apiUrl, account, ...options })
        .contacts(signal())
        .catch((error: unknown) => error);
    expect(await failure({ namespace: "other" })).toMatchObject({
      message: expect.stringContaining("403, endpointslices is forbidden"),
      advice: expect.stringContaining("Role"),
    });
    cluster.setContacts(["192.0.2.1:7000"]);
    expect(await failure({ port: "pings" })).toMatchObject({
      message: expect.stringContaining("no TCP port named pings (members (7000))"),
    });
    expect(await failure({ apiUrl: undefined })).toMatchObject({ message: expect.stringContaining("runs in no pod") });
    expect(await failure({ account: "/nowhere" })).toMatchObject({
      message: expect.stringContaining("/nowhere/namespace cannot be read"),
    });
    cluster.listener = (_, response) => response.end("[]");
    await expect(source.contacts(signal())).rejects.toMatchObject({
      message: expect.stringContaining("no list of EndpointSlices"),
    });
  });

  it("does not send its token to who is not the cluster", async () => {
    await using scene = await started();
    await using other = await FakeKubernetes.start({ isStranger: true });
    const { account } = scene.cluster;
    const source = kubernetesDiscovery({ service: "members", apiUrl: other.apiUrl, account });
    await expect(source.contacts(signal())).rejects.toMatchObject({ code: "discovery-failed" });
    expect(other.asked).toEqual([]);
    const plain = kubernetesDiscovery({ service: "members", apiUrl: "http://127.0.0.1:1", account });
    await expect(plain.contacts(signal())).rejects.toMatchObject({
      message: expect.stringContaining("runs in no pod"),
    });
  });
});

describe("multicast DNS", () => {
  const self = (digit: string, network = "0") => ({
    id: digit.repeat(64) as MemberId,
    network: network.repeat(64),
    addresses: [`192.0.2.${Number.parseInt(digit, 16)}:7`, "udx://[2001:db8::1]:7"],
  });

  it("says the addresses of a member, and reads those of its own network", () => {
    const answers = recordsOf(self("a"));
    expect(answers.map(({ type }) => type)).toEqual(["PTR", "TXT", "SRV", "A", "AAAA"]);
    const instance = { label: "a".repeat(32), addresses: ["192.0.2.10:7", "udx://[2001:db8::1]:7"], isLeaving: false };
    expect(instancesIn({ answers }, "0".repeat(64))).toEqual([instance]);
    expect(instancesIn({ answers }, "1".repeat(64))).toEqual([]);
    expect(instancesIn({ answers: recordsOf(self("a"), true) }, "0".repeat(64))).toMatchObject([{ isLeaving: true }]);
  });

  it("passes over what others put on the LAN", () => {
    const name = `${"a".repeat(32)}._fireflies._tcp.local`;
    const txt = (data: unknown, at: unknown = name) => ({ answers: [{ name: at, type: "TXT", ttl: 1, data }] });
    const mine = `network=${"0".repeat(64)}`;
    for (const packet of [
      {},
      txt(undefined),
      txt(5),
      txt([mine], 7),
      txt([mine], "x._fireflies._tcp.local"),
      txt(["address=a:1"]),
    ])
      expect(instancesIn(packet, "0".repeat(64))).toEqual([]);
    const flood = Array.from({ length: 1_000 }, (_, index) => `address=a${index}:1`);
    expect(instancesIn(txt([mine, "address=nobody", ...flood]), "0".repeat(64))[0]?.addresses).toHaveLength(8);
  });

  it("works between two of the package's own, on loopback", async () => {
    const free = await freePort();
    const sources = ["a", "b"].map((digit) => {
      const source = mdnsDiscovery({ interface: "127.0.0.1", port: free });
      source.announce?.(self(digit));
      return source;
    });
    const [first] = sources;
    await vi.waitFor(async () => expect(await first!.contacts(signal())).toContain("192.0.2.11:7"), {
      timeout: DEADLINE_MS,
    });
    expect(await first!.contacts(signal())).not.toContain("192.0.2.10:7");
    await Promise.all(sources.map((source) => source.close?.()));
  });
});

async function freePort(): Promise<number> {
  const { createSocket } = await import("node:dgram");
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
