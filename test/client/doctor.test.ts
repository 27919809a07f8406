/** An examination: what follows from what three members do and see, and over real sockets. */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { DialOutcome } from "../../client/reach/codec.js";
import { type DoctorOptions, examine } from "../../client/reach/doctor.js";
import { VERSION } from "../../client/version.js";
import type { MemberId } from "../../rings/index.js";
import { OfflineNetwork } from "../support/network.js";

const DAY_MS = 86_400_000;
const NOW = 1_800_000_000_000;
const ids = ["a", "b", "c", "d", "e"].map((digit) => digit.repeat(64) as MemberId);

interface Other {
  readonly dial?: (address: string) => DialOutcome;
  readonly tcp?: string;
  readonly udp?: string;
  readonly udpMs?: number | undefined;
  readonly aheadMs?: number;
  readonly isSilent?: boolean;
  readonly version?: string;
}

/** What an examination finds; all others do as `other` says unless one has its own way. */
function examined(other: Other | ((index: number) => Other), more: Partial<DoctorOptions> = {}, count = 3) {
  const asked: [MemberId, string][] = [];
  const of = (id: MemberId) => (typeof other === "function" ? other(ids.indexOf(id)) : other);
  const report = examine({
    self: { id: "f".repeat(64) as MemberId, name: "fay" },
    others: ids.slice(0, count).map((id) => ({ id, name: undefined })),
    neighbours: new Set(),
    ways: {
      dialBack: async (id, addresses) => {
        asked.push([id, "dial"]);
        const { dial = () => "reached", isSilent } = of(id);
        return isSilent ? undefined : addresses.map((address) => ({ outcome: dial(address), ms: 3 }));
      },
      observe: async (id) => {
        const { tcp: address = "192.168.1.2:5000", udp = "192.168.1.2:8400", aheadMs = 0, isSilent, version } = of(id);
        return isSilent ? undefined : { time: NOW, way: "came", address, udp: udp || undefined, aheadMs, version };
      },
    },
    measure: async (id) => {
      asked.push([id, "ping"]);
      const { isSilent, ...rest } = of(id);
      const udpMs = "udpMs" in rest ? rest.udpMs : 1;
      return { udpMs: isSilent ? undefined : udpMs, linkMs: isSilent ? undefined : 2, path: undefined };
    },
    dialable: "yes",
    advertised: ["192.168.1.2:8400"],
    pinged: ["192.168.1.2:8400"],
    listeners: [{ scheme: "tcp", host: "0.0.0.0", port: 8400 }],
    hosts: new Set(["192.168.1.2"]),
    udpPort: 8400,
    certificate: { notBefore: NOW - DAY_MS, notAfter: NOW + DAY_MS },
    relay: { relays: true, mine: 0, wanted: 0 },
    ...{ version: "0.1.0", ringCount: 9, disk: async () => undefined },
    wall: () => NOW,
    random: () => 0,
    ...more,
  });
  return { report, asked };
}

const found = async (...given: Parameters<typeof examined>) => {
  const { findings, ok } = await examined(...given).report;
  return { ok, findings: findings.map(({ level, code }) => `${level} ${code}`) };
};
const tcp = (outcome: DialOutcome) => (address: string) => (address.startsWith("udp:") ? "reached" : outcome);
const OUTER = { tcp: "203.0.113.7:5000", udp: "203.0.113.7:8400" };

describe("an examination", () => {
  it("where all is well has nothing to say, and shows what was tried", async () => {
    const report = await examined({}).report;
    expect(report).toMatchObject({ ok: true, nat: "none", udp: { out: true, in: true }, clockMs: 0, findings: [] });
    expect(report.addresses.map(({ address, transport }) => [address, transport])).toEqual([
      ["192.168.1.2:8400", "tcp"],
      ["udp://192.168.1.2:8400", "udp"],
    ]);
    expect(report.addresses[0]!.results).toHaveLength(3);
  });

  it.each<[what: string, other: Other, more: Partial<DoctorOptions>, ok: boolean, findings: string[]]>([
    ["a firewall", { dial: tcp("timeout") }, {}, false, ["problem not-dialable"]],
    ["a NAT", { dial: () => "timeout", ...OUTER }, {}, false, ["problem not-dialable", "note udp-blocked"]],
    [
      "a NAT, and relays",
      { dial: () => "timeout", ...OUTER },
      { relay: { relays: false, mine: 3, wanted: 3 } },
      true,
      ["note not-dialable", "note udp-blocked"],
    ],
    [
      "one address of two that leads nowhere",
      { dial: (address) => (address.includes("198.51.100.9") ? "timeout" : "reached") },
      { advertised: ["192.168.1.2:8400", "198.51.100.9:1"] },
      false,
      ["problem not-dialable"],
    ],
    [
      "the inner one of two addresses",
      { dial: (address) => (address.includes("192.168.1.2") ? "timeout" : "reached"), ...OUTER },
      { advertised: ["203.0.113.7:8400", "192.168.1.2:8400"], pinged: ["203.0.113.7:8400"] },
      true,
      ["note not-dialable"],
    ],
    ["no UDP", { udpMs: undefined }, {}, false, ["problem udp-blocked"]],
    ["a clock", { aheadMs: 90_000 }, {}, false, ["problem clock-apart"]],
    ["a clock, a little", { aheadMs: -20_000 }, {}, true, []],
    [
      "a certificate",
      {},
      { certificate: { notBefore: NOW - 9 * DAY_MS, notAfter: NOW + DAY_MS / 2 } },
      false,
      ["problem certificate-ending"],
    ],
    ["nobody answers", { isSilent: true }, {}, false, ["problem peer-unreachable"]],
    ["those who are busy", { dial: () => "busy" }, {}, true, []],
  ])("finds %s", async (_, other, more, ok, findings) => {
    expect(await found(other, more)).toEqual({ ok, findings });
  });

  it("of a member that is alone says that nobody can be asked", async () => {
    expect(await found({}, {}, 0)).toEqual({ ok: false, findings: ["problem alone"] });
  });

  it("finds a private address that one from elsewhere does not reach", async () => {
    const other = (index: number): Other => (index === 0 ? { dial: () => "timeout", ...OUTER } : {});
    expect(await found(other)).toEqual({ ok: false, findings: ["problem private-address"] });
  });

  it("waits for those who have not heard yet that an address is mine", async () => {
    let asked = 0;
    const dial = (address: string) => (address.startsWith("udp:") ? "reached" : ++asked > 2 ? "timeout" : "not-yours");
    expect(await found({ dial }, {}, 1)).toEqual({ ok: false, findings: ["problem not-dialable"] });
  });

  it("takes no member's word for it that datagrams do not arrive, if its own pass nowhere", async () => {
    const deaf: Other = { dial: (to) => (to.startsWith("udp:") ? "timeout" : "reached"), udp: "", udpMs: undefined };
    const of = (index: number): Other => (index === 0 ? deaf : { dial: tcp("reached") });
    expect((await examined(of, { neighbours: new Set(ids.slice(1)) }).report).udp).toEqual({
      out: true,
      in: undefined,
    });
    expect(await found(of)).toEqual({ ok: true, findings: [] });
  });

  it("goes by the middle one of three clocks", async () => {
    const { clockMs } = await examined((index) => ({ aheadMs: [0, 1, 1e9][index]! })).report;
    expect(clockMs).toBe(1);
  });

  it("asks those first that no datagram was sent to, three of them, and dials before it pings", async () => {
    const neighbours = new Set(ids.slice(0, 2));
    const { report, asked } = examined({}, { neighbours }, 5);
    const { members } = await report;
    expect(new Set(members.map(({ id }) => id))).toEqual(new Set(ids.slice(2)));
    for (const id of ids.slice(2))
      expect(asked.filter(([of]) => of === id).map(([, what]) => what)).toEqual(["dial", "ping"]);
    const { udp } = await examined({}, { neighbours: new Set(ids) }).report;
    expect(udp).toEqual({ out: true, in: undefined });
  });
});

it("over sockets: who reaches which address by which transport", async () => {
  await using network = await OfflineNetwork.create();
  const alice = await network.start({ listen: ["127.0.0.1:0", "ws://127.0.0.1:0"] });
  const others = await Promise.all([1, 2, 3].map(() => network.start({ entryAddrs: [alice.address] })));
  await alice.waitForMembers(others.length);
  const report = await alice.doctor();
  expect(report).toMatchObject({ ok: true, nat: "none", udp: { out: true }, findings: [] });
  expect(report.addresses.map(({ transport, results }) => [transport, results.map(({ outcome }) => outcome)])).toEqual([
    ["tcp", Array(3).fill("reached")],
    ["ws", Array(3).fill("reached")],
    ["udp", Array(3).fill("reached")],
  ]);
  expect(report.members.every(({ answered, linkMs }) => answered && linkMs !== undefined)).toBe(true);
  await alice.setAdvertise(["127.0.0.1:1"]);
  const sick = await alice.doctor();
  expect(sick.ok).toBe(false);
  expect(sick.findings).toMatchObject([{ level: "problem", code: "not-dialable" }]);
});

describe("an examination of the member itself", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ id: String(n).padStart(64, "0") as MemberId, name: undefined }));
  const disk = (more: object) => ({
    disk: async () => ({ directory: "/d", freeBytes: 2 ** 40, isWritable: true, ...more }),
  });

  it.each<[what: string, other: Other, more: Partial<DoctorOptions>, findings: string[]]>([
    ["enough rings", {}, { ringCount: 31, others: many(500) }, []],
    ["few rings for its size", {}, { ringCount: 9, others: many(5000) }, ["problem rings-few"]],
    ["few members, of whom one is a large share", {}, { ringCount: 3 }, []],
    ["room on its disk", {}, disk({}), []],
    ["a disk that is nearly full", {}, disk({ freeBytes: 1000 }), ["problem disk-low"]],
    ["a directory that it may not write to", {}, disk({ isWritable: false }), ["problem disk-low"]],
    ["a disk of which nothing is known", {}, disk({ freeBytes: undefined }), []],
    ["the version of the others", { version: "0.1.0" }, {}, []],
    ["another version", { version: "0.2.0" }, {}, ["note versions-apart"]],
  ])("with %s", async (_, other, more, findings) => {
    const { findings: all } = await found(other, more);
    expect(all.filter((each) => /rings|disk|versions/.test(each))).toEqual(findings);
  });

  it("tells the version of the package", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    expect(VERSION).toBe(version);
  });
});
