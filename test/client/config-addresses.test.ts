/** Where a member listens and what it advertises, from all that may say so. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ADVERTISED_MAX } from "../../client/config/endpoints.js";
import {
  advertisedAddresses,
  type ClientOptions,
  isAuto,
  noteAddresses,
  optionsOf,
  resolveMemberConfig,
  type Surroundings,
} from "../../client/config/index.js";
import { ADDRESSES_BYTES_MAX, ADDRESSES_MAX } from "../../gossip/limits.js";

let cwd: string;
let surroundings: Surroundings;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "ff-config-"));
  surroundings = { cwd, home: join(cwd, "home"), env: {} };
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const write = (text: string) => writeFileSync(join(cwd, "fireflies.yaml"), text);
const member = (options: ClientOptions = {}, env: Record<string, string> = {}, flags: Record<string, unknown> = {}) =>
  resolveMemberConfig(options, { surroundings: { ...surroundings, env }, flags });

describe("advertised addresses", () => {
  const network = (address: string, internal = false) => ({
    address,
    internal,
    family: address.includes(":") ? ("IPv6" as const) : ("IPv4" as const),
    netmask: "",
    mac: "",
    cidr: null,
    scopeid: 0,
  });
  const interfaces = {
    lo: [network("127.0.0.1", true), network("::1", true)],
    eth0: [network("169.254.9.9"), network("fe80::1"), network("10.0.0.7"), network("2001:db8::7")],
  };
  /** What is bound: port 4000 for the first place, 4001 for the next. */
  const bound = (options: ClientOptions) =>
    member(options).listen.at.map((place, index) => ({ ...place, port: place.port || 4000 + index }));
  const both = { listen: ["0.0.0.0:0", "ws://0.0.0.0:0/fireflies"] };

  it.each<[options: ClientOptions, expected: string[]]>([
    [both, ["10.0.0.7:4000", "ws://10.0.0.7:4001/fireflies"]],
    [{ ...both, advertise: ["a.example"] }, ["a.example:4000", "ws://a.example:4001/fireflies"]],
    [{ ...both, advertise: ["a.example:1", "ws://b.example"] }, ["a.example:1", "ws://b.example:4001/fireflies"]],
    [{ ...both, advertise: ["ws://b.example:80/x/fireflies"] }, ["ws://b.example:80/x/fireflies"]],
    [{ listen: "0.0.0.0:0", advertise: ["ws://b.example"] }, ["ws://b.example:80"]],
    [{ listen: "ws://[::1]:9" }, ["ws://[::1]:9"]],
    [{ listen: "0.0.0.0:0", advertise: "auto" }, ["10.0.0.7:4000"]],
    [{ listen: "0.0.0.0:0", advertise: ["a.example:1", "auto"] }, ["a.example:1", "10.0.0.7:4000"]],
    [{ listen: ["0.0.0.0:0", "ws://127.0.0.1:0"], host: "db" }, ["db:4000", "ws://db:4001"]],
    [{ listen: "127.0.0.1:0" }, ["127.0.0.1:4000"]],
    [{ listen: "[::1]:0" }, ["[::1]:4000"]],
    [{ listen: "0.0.0.0:0" }, ["10.0.0.7:4000"]],
    [{ listen: "[::]:0" }, ["[2001:db8::7]:4000"]],
    [{ listen: "0.0.0.0:0", host: "db.example" }, ["db.example:4000"]],
    [{ host: "db.example" }, ["db.example:4000"]],
    [{ listen: "0.0.0.0:0", advertise: ["a.example:1", "b.example"] }, ["a.example:1", "b.example:4000"]],
  ])("%j", (options, expected) => {
    expect(advertisedAddresses(member(options), bound(options), interfaces)).toEqual(expected);
  });

  const at = (host: string) => ({ scheme: "tcp", host, port: 1 });

  it("falls back to loopback on a machine without a network", () => {
    expect(advertisedAddresses(member(), [at("0.0.0.0")], { lo: interfaces.lo })).toEqual(["127.0.0.1:1"]);
    expect(advertisedAddresses(member(), [at("::")], {})).toEqual(["[::1]:1"]);
  });

  it("are in the note as many as may be advertised, with pings at the same hosts", () => {
    const addresses = Array.from({ length: ADVERTISED_MAX }, (_, index) => `[::${index}]:9`);
    const texts = (udpPort?: number) => noteAddresses(addresses, udpPort).map(({ text }) => text);
    const of = (udpPort: number | undefined, transport: number) =>
      noteAddresses(addresses, udpPort).flatMap((each) => (each.transport === transport ? each.text : []));
    expect(texts()).toEqual(addresses);
    expect(of(7, 1)).toEqual(addresses);
    expect(of(7, 2)).toEqual(addresses.slice(0, 6).map((address) => address.replace(":9", ":7")));
    expect(noteAddresses(["a:1", "a:2"], 7).map(({ text }) => text)).toEqual(["a:1", "a:7", "a:2"]);
    expect(() => member({ advertise: [...addresses, "b"] })).toThrow(/at most 8/);
  });

  it("leave those that come last out where a note holds no more, and never the first", () => {
    const long = Array.from({ length: ADVERTISED_MAX }, (_, index) => `${"a".repeat(252)}${index}:65535`);
    const relays = Array.from({ length: 20 }, () => ({ transport: 1, text: `relay://${"0".repeat(64)}` }));
    const noted = noteAddresses(long, 65_535, ["203.0.113.7:1"], relays);
    expect(noted.slice(0, 2)).toEqual([
      { transport: 1, text: long[0] },
      { transport: 2, text: long[0] },
    ]);
    expect(noted).toContainEqual(relays[0]);
    expect(noted.length).toBeLessThanOrEqual(ADDRESSES_MAX);
    const bytes = noted.reduce((sum, { text }) => sum + text.length + 3, 0);
    expect(bytes).toBeLessThanOrEqual(ADDRESSES_BYTES_MAX);
    expect(() => member({ advertise: long })).toThrow(/more than 1900 characters/);
  });

  it("are pinged at hosts of TCP, and at others where there are none", () => {
    const pings = (...addresses: string[]) =>
      noteAddresses(addresses, 7).flatMap(({ transport, text }) => (transport === 2 ? text : []));
    expect(pings("ws://proxy.example:80/fireflies", "a:1")).toEqual(["a:7"]);
    expect(pings("ws://proxy.example:80/fireflies")).toEqual(["proxy.example:7"]);
  });

  it.each<[options: ClientOptions, is: boolean]>([
    [{ listen: "0.0.0.0:0" }, true],
    [{ listen: ["127.0.0.1:0", "ws://[::]:0"] }, true],
    [{ listen: "127.0.0.1:0" }, false],
    [{ listen: "127.0.0.1:0", advertise: "auto" }, true],
    [{ listen: "0.0.0.0:0", advertise: ["a.example"] }, false],
    [{ listen: "0.0.0.0:0", advertise: ["a.example", "auto"] }, true],
  ])("are found by others as well, or not: %j", (options, is) => {
    expect(isAuto(member(options))).toBe(is);
  });
});

it("a certificate for wss: and its key are named together", () => {
  const files = { wssCert: join(cwd, "a.pem"), wssKey: join(cwd, "b.pem") };
  expect(member({ wssCert: "a.pem", wssKey: "b.pem" })).toMatchObject(files);
  expect(resolveMemberConfig(optionsOf(member({ wssCert: "a.pem", wssKey: "b.pem" })))).toMatchObject(files);
  for (const one of [{ wssCert: "a.pem" }, { wssKey: "b.pem" }])
    expect(() => member(one)).toThrow(/the other one of wss_cert and wss_key is not/);
});

describe("several places to listen at", () => {
  const tcp = (host: string, port: number) => ({ scheme: "tcp", host, port });
  const ws = (host: string, port: number, path?: string) => ({ scheme: "ws", host, port, ...(path && { path }) });

  it("are a list in a file, separated by commas elsewhere, and as many options as there are", () => {
    const expected = [tcp("0.0.0.0", 8400), ws("0.0.0.0", 8080, "/fireflies")];
    write("listen:\n  - 0.0.0.0:8400\n  - ws://0.0.0.0:8080/fireflies\n");
    expect(member().listen.at).toEqual(expected);
    const text = "tcp://0.0.0.0:8400,ws://0.0.0.0:8080/fireflies";
    expect(member({ config: false, listen: text }).listen.at).toEqual(expected);
    expect(member({ config: false, listen: text.split(",") }).listen.at).toEqual(expected);
    rmSync(join(cwd, "fireflies.yaml"));
    expect(member({}, { FIREFLIES_LISTEN: text }).listen.at).toEqual(expected);
    expect(member({}, {}, { listen: text.split(",") }).listen.at).toEqual(expected);
  });

  it.each<[options: ClientOptions, at: object[]]>([
    [{ listen: "ws://127.0.0.1:9" }, [ws("127.0.0.1", 9)]],
    [{ listen: ["ws://:9", "0.0.0.0:1"] }, [ws("0.0.0.0", 9), tcp("0.0.0.0", 1)]],
    [{ listen: [8400, "10.0.0.1:8401"] }, [tcp("127.0.0.1", 8400), tcp("10.0.0.1", 8401)]],
    [{ listen: ["tcp://0.0.0.0", "ws://:8080"], tcpPort: 3 }, [tcp("0.0.0.0", 3), ws("0.0.0.0", 8080)]],
    [{ listen: ["ws://:1"], host: "::1" }, [ws("::1", 1)]],
  ])("%j", (options, at) => {
    expect(member(options).listen.at).toEqual(at);
    expect(resolveMemberConfig(optionsOf(member(options))).listen.at).toEqual(at);
  });

  it.each([
    ["quic://h:1", /names the transport "quic", and the ones to listen with are tcp, udx, ws/],
    ["relay://h:1", /names the transport "relay"/],
    ["ws://h:99999", /must be "host:port"/],
    ["tcp://h:1/path", /has a path, and addresses of tcp have none/],
    ["ws://user@h:1", /must be "host:port"/],
    [Array(9).fill("h:1"), /at most 8/],
    [[], /must be "host:port"/],
    ["", /must be "host:port"/],
  ])("%j is none", (listen, problem) => {
    expect(() => member({ listen })).toThrow(problem);
  });

  it.each([
    [["0.0.0.0:1"], /must be a list of/],
    [["ws://0.0.0.0:1"], /must be a list of/],
    [["quic://h:1"], /names the transport "quic"/],
    [["h:1/path"], /must be a list of/],
    [["relay://h"], /names the transport "relay"/],
  ])("%j is nothing to advertise", (advertise, problem) => {
    expect(() => member({ advertise })).toThrow(problem);
  });
});
