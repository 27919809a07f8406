/** Every source keeps the contract of sources; and what breaks a promise fails its test. */
import { EventEmitter } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import type { Discovery } from "../../../client/discovery/discovery.js";
import { dnsDiscovery, srvDiscovery } from "../../../client/discovery/dns.js";
import { fileDiscovery } from "../../../client/discovery/file.js";
import { kubernetesDiscovery } from "../../../client/discovery/kubernetes.js";
import { type MulticastDns, mdnsDiscovery } from "../../../client/discovery/mdns.js";
import { recordsOf } from "../../../client/discovery/mdns-records.js";
import { onAbort } from "../../../net/index.js";
import type { MemberId } from "../../../rings/index.js";
import { type DiscoverySubject, discoveryContract, discoveryPromises } from "../../../testing/index.js";
import { FakeDns, type Reply } from "../../net/fake-dns.js";
import { FakeKubernetes } from "../../support/kubernetes.js";

const runner = { describe, test };
const hostOf = (contact: string) => contact.replace(/:\d+$/, "");
const portOf = (contact: string) => Number(/:(\d+)$/.exec(contact)?.[1]);

/** A list that a program holds itself: the smallest source that there is. */
function own(change: (inner: Discovery) => Partial<Discovery> = () => ({})): DiscoverySubject {
  return {
    create: (first) => {
      let contacts = first;
      let fails = false;
      let isSilent = false;
      const inner: Discovery = {
        name: "own",
        contacts: async (signal) => {
          if (isSilent) await new Promise((_, reject) => onAbort(signal, () => reject(new Error("late"))));
          signal.throwIfAborted();
          if (fails) throw new Error("away");
          return contacts;
        },
      };
      return {
        discovery: { ...inner, ...change(inner) },
        change: (next) => {
          [contacts, fails] = [next, false];
        },
        fail: () => {
          fails = true;
        },
        silence: () => {
          isSilent = true;
        },
      };
    },
  };
}

async function dns(kind: "dns" | "srv", first: readonly string[]) {
  let mode: Reply | undefined;
  let contacts = first;
  const server = await FakeDns.start(({ type }) => {
    if (mode !== undefined) return mode;
    if (type === "AAAA") return [];
    if (type === "A") return contacts.map(hostOf);
    return contacts.map((contact) => ({ priority: 1, weight: 1, port: portOf(contact), target: hostOf(contact) }));
  });
  const options = { servers: server.servers, files: { hosts: "/nowhere" }, tryMs: 300 };
  const discovery =
    kind === "dns" ? dnsDiscovery("members.example:7000", options) : srvDiscovery("_fireflies._tcp.example", options);
  return {
    discovery,
    change: (next: readonly string[]) => {
      [contacts, mode] = [next, undefined];
    },
    fail: () => {
      mode = "server failure";
    },
    silence: () => {
      mode = "silent";
    },
    close: () => server[Symbol.asyncDispose](),
  };
}

const DNS: DiscoverySubject = { create: (contacts) => dns("dns", contacts) };
const SRV: DiscoverySubject = { create: (contacts) => dns("srv", contacts) };

const FILE: DiscoverySubject = {
  create: (contacts) => {
    const directory = mkdtempSync(join(tmpdir(), "fireflies-contacts-"));
    const path = join(directory, "contacts");
    const change = (next: readonly string[]) => {
      writeFileSync(`${path}.new`, `# members\n${next.join("\n")}\n`);
      renameSync(`${path}.new`, path);
    };
    change(contacts);
    return {
      discovery: fileDiscovery(path, { lookMs: 20 }),
      change,
      fail: () => rmSync(path),
      silence: () => {},
      close: () => rmSync(directory, { recursive: true }),
    };
  },
};

const KUBERNETES: DiscoverySubject = {
  create: async (contacts) => {
    const cluster = await FakeKubernetes.start();
    cluster.setContacts(contacts);
    const { apiUrl, account } = cluster;
    return {
      discovery: kubernetesDiscovery({ service: "members", apiUrl, account, watchPauseMs: 20 }),
      change: (next) => {
        cluster.listener = undefined;
        cluster.setContacts(next);
      },
      fail: () => {
        cluster.listener = (_, response) => response.writeHead(503).end();
        cluster.forget();
      },
      silence: () => {
        cluster.listener = () => {};
      },
      close: () => cluster[Symbol.asyncDispose](),
    };
  },
};

/** A LAN in memory, on which one more speaks for all of `contacts`. */
const MDNS: DiscoverySubject = {
  most: 200,
  create: (first) => {
    let contacts = first;
    let isBroken = false;
    const lan = new EventEmitter();
    const said = (isLeaving: boolean) => contacts.map((contact, index) => said1(contact, index, isLeaving));
    const said1 = (contact: string, index: number, isLeaving: boolean) =>
      recordsOf(
        { id: index.toString(16).padEnd(64, "0") as MemberId, network: "cd".repeat(32), addresses: [contact] },
        isLeaving,
      );
    const make = (): MulticastDns => {
      const own = new EventEmitter();
      const hear = (packet: object) => own.emit("response", packet);
      lan.on("said", hear);
      if (isBroken) setImmediate(() => own.emit("error", new Error("no such device")));
      return {
        on: (event, listener) => own.on(event, listener as () => void),
        query: () => {
          if (!isBroken) for (const answers of said(false)) setImmediate(() => hear({ answers }));
        },
        respond: (packet) => setImmediate(() => lan.emit("said", packet)),
        destroy: (done) => {
          lan.off("said", hear);
          done?.();
        },
      };
    };
    return {
      discovery: mdnsDiscovery({ make }),
      change: (next) => {
        isBroken = false;
        for (const answers of said(true)) lan.emit("said", { answers });
        contacts = next;
        for (const answers of said(false)) lan.emit("said", { answers });
      },
      silence: () => {},
    };
  },
};

discoveryContract("a program's own", own(), runner);
discoveryContract("DNS", DNS, runner);
discoveryContract("SRV", SRV, runner);
discoveryContract("a watched file", FILE, runner);
discoveryContract("Kubernetes", KUBERNETES, runner);
discoveryContract("multicast DNS", MDNS, runner);

describe("a source that breaks a promise", () => {
  const broken = async (change: (inner: Discovery) => Partial<Discovery>) => {
    const found: string[] = [];
    for (const { title, run } of discoveryPromises(own(change)).filter(({ title }) => !title.includes("again")))
      await run().catch(() => found.push(title));
    return found;
  };

  it("is waited for as long as the caller says, and what was missing is said", async () => {
    const nobody = own(() => ({ contacts: async () => [] }));
    const naming = discoveryPromises(nobody, { timeoutMs: 100 }).find(({ title }) =>
      title.startsWith("names what there is, "),
    );
    await expect(naming!.run()).rejects.toMatchObject({ code: "ERR_ASSERTION", expected: expect.arrayContaining([]) });
  });

  it.each<[what: string, change: (inner: Discovery) => Partial<Discovery>, titles: RegExp[]]>([
    ["nothing", () => ({}), []],
    ["its name", () => ({ name: "two\nlines" }), [/has a name/]],
    ["the signal", ({ contacts }) => ({ contacts: () => contacts(new AbortController().signal) }), [/soon after/]],
  ])("is found out: %s", async (_, change, titles) => {
    const found = await broken(change);
    expect(found.length).toBe(titles.length);
    for (const [index, title] of titles.entries()) expect(found[index]).toMatch(title);
  });
});
