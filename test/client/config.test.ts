/** Configuration: tables of what is said where, and what comes of it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type ClientOptions,
  configPlaces,
  defaultDir,
  optionsOf,
  PRESETS,
  resolveAuthorityConfig,
  resolveMemberConfig,
  type Surroundings,
} from "../../client/config/index.js";
import { AUTHORITY_KEYS, MEMBER_KEYS } from "../../client/config/keys.js";
import { editDistance, nearest } from "../../client/nearest.js";
import type { FirefliesError } from "../../identity/index.js";
import { formatHostPort, parseEndpoint, parseHostPort } from "../../net/index.js";

let cwd: string;
let surroundings: Surroundings;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "ff-config-"));
  surroundings = { cwd, home: join(cwd, "home"), env: {} };
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

function write(text: string, dir = cwd): string {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, "fireflies.yaml");
  writeFileSync(path, text);
  return path;
}
const member = (options: ClientOptions = {}, env: Record<string, string> = {}, flags: Record<string, unknown> = {}) =>
  resolveMemberConfig(options, { surroundings: { ...surroundings, env }, flags });
const authority = (flags: Record<string, unknown> = {}, env: Record<string, string> = {}) =>
  resolveAuthorityConfig(undefined, { surroundings: { ...surroundings, env }, flags });

describe("presets", () => {
  it.each([
    ["lan", 1_000, 1_000, undefined, undefined],
    ["wan", 2_000, 5_000, undefined, undefined],
    ["local", 200, 200, undefined, undefined],
    ["ifrit", 10_000, 10_000, 3, 60_000],
  ] as const)(
    "%s: gossip %d ms, monitor %d ms, ping limit %s, removal %s",
    (preset, gossip, monitor, limit, removal) => {
      expect(member({ preset })).toMatchObject({
        preset,
        gossipIntervalMs: gossip,
        monitorIntervalMs: monitor,
        pingLimit: limit,
        removalTimeoutMs: removal,
        maxConcurrentMessages: 50,
      });
    },
  );

  it("starts from lan, on loopback, with the authority in use and nothing on disk", () => {
    expect(member()).toMatchObject({
      preset: "lan",
      useCa: true,
      dir: undefined,
      file: undefined,
      listen: { at: [{ scheme: "tcp", host: "127.0.0.1", port: 0 }], udpPort: undefined },
    });
  });

  it("never lets a preset remove sooner than 2 Delta (R19)", () => {
    for (const preset of Object.values(PRESETS)) {
      expect(preset.removalTimeoutMs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(2 * preset.deltaMs);
    }
  });
});

describe("which place wins", () => {
  it("flags over options over environment over file over preset", () => {
    const file = "gossip_interval: 2";
    const env = { FIREFLIES_GOSSIP_INTERVAL: "3" };
    expect(member().gossipIntervalMs).toBe(1_000);
    write(file);
    expect(member().gossipIntervalMs).toBe(2_000);
    expect(member({}, env).gossipIntervalMs).toBe(3_000);
    expect(member({ gossipIntervalMs: 4_000 }, env).gossipIntervalMs).toBe(4_000);
    expect(member({ gossipIntervalMs: 4_000 }, env, { "gossip-interval": "5" }).gossipIntervalMs).toBe(5_000);
  });

  it("a preset named later does not undo a value set in a file", () => {
    write("gossip_interval: 2");
    expect(member({}, {}, { preset: "wan" })).toMatchObject({ gossipIntervalMs: 2_000, monitorIntervalMs: 5_000 });
  });

  it("reads the first file that exists, and no other", () => {
    const places = configPlaces({ ...surroundings, env: {} });
    expect(places).toEqual([
      join(cwd, "fireflies.yaml"),
      join(cwd, "home", ".config", "fireflies", "fireflies.yaml"),
      "/etc/fireflies/fireflies.yaml",
    ]);
    write("ping_limit: 7\nmonitor_interval: 9", join(cwd, "home", ".config", "fireflies"));
    expect(member()).toMatchObject({ pingLimit: 7, file: places[1] });
    write("ping_limit: 8");
    expect(member()).toMatchObject({ pingLimit: 8, file: places[0], monitorIntervalMs: 1_000 });
  });

  it("finds the user's file where XDG_CONFIG_HOME says", () => {
    write("ping_limit: 5", join(cwd, "xdg", "fireflies"));
    expect(member({}, { XDG_CONFIG_HOME: join(cwd, "xdg") }).pingLimit).toBe(5);
  });

  it("ignores a relative XDG directory, as its specification says", () => {
    write("ping_limit: 5", join(cwd, "xdg", "fireflies"));
    expect(member({}, { XDG_CONFIG_HOME: "xdg" }).pingLimit).toBeUndefined();
  });

  it("reads the file that FIREFLIES_CONFIG names, below the one that an option names", () => {
    write("ping_limit: 5");
    writeFileSync(join(cwd, "other.yaml"), "ping_limit: 6\nca:\n  boot_nodes: 3\n");
    writeFileSync(join(cwd, "third.yaml"), "ping_limit: 7");
    const env = { FIREFLIES_CONFIG: "other.yaml" };
    expect(member({}, env)).toMatchObject({ pingLimit: 6, file: join(cwd, "other.yaml") });
    expect(authority({}, env).bootNodes).toBe(3);
    expect(member({ config: "third.yaml" }, env).pingLimit).toBe(7);
    expect(member({}, { FIREFLIES_CONFIG: "" }).pingLimit).toBe(5);
    expect(() => member({}, { FIREFLIES_CONFIG: "missing.yaml" })).toThrow(
      expect.objectContaining({ code: "config-unreadable", message: expect.stringContaining("missing.yaml") }),
    );
    expect(member({ config: false }, { FIREFLIES_CONFIG: "missing.yaml" }).pingLimit).toBeUndefined();
  });

  it.each([
    [{}, "home/.local/state/fireflies/agent"],
    [{ XDG_STATE_HOME: "/srv/state" }, "/srv/state/fireflies/agent"],
    [{ XDG_STATE_HOME: "" }, "home/.local/state/fireflies/agent"],
    [{ XDG_STATE_HOME: "state" }, "home/.local/state/fireflies/agent"],
  ])("with %o the command keeps a member in %s", (env, dir) => {
    expect(defaultDir("agent", { ...surroundings, env })).toBe(join(dir.startsWith("/") ? "/" : cwd, dir));
  });

  it("reads neither file nor environment when told so", () => {
    write("ping_limit: 7");
    expect(member({ config: false }, { FIREFLIES_PING_LIMIT: "5", FIREFLIES_NONSENSE: "1" }).pingLimit).toBeUndefined();
  });

  it("says what is missing when a named file is", () => {
    expect(() => member({ config: "missing.yaml" })).toThrow(
      expect.objectContaining({ code: "config-unreadable", message: expect.stringContaining("missing.yaml") }),
    );
  });

  it("splits listen into host and port, layer by layer", () => {
    write("listen: 0.0.0.0:8400");
    expect(member().listen.at).toEqual([{ scheme: "tcp", host: "0.0.0.0", port: 8400 }]);
    expect(member({ tcpPort: 0 }).listen.at).toEqual([{ scheme: "tcp", host: "0.0.0.0", port: 0 }]);
    expect(member({}, {}, { listen: "0" }).listen.at).toEqual([{ scheme: "tcp", host: "0.0.0.0", port: 0 }]);
    expect(member({}, {}, { listen: "[::1]:0" }).listen.at).toEqual([{ scheme: "tcp", host: "::1", port: 0 }]);
    expect(member({ listen: "127.0.0.1" }).listen.at).toEqual([{ scheme: "tcp", host: "127.0.0.1", port: 8400 }]);
    expect(member({ listen: "h:1", tcpPort: 1 }).listen.at).toEqual([{ scheme: "tcp", host: "h", port: 1 }]);
    expect(() => member({ listen: "h:1", tcpPort: 2 })).toThrow(expect.objectContaining({ code: "config-bad-value" }));
  });
});

it.each([
  [{}],
  [{ preset: "ifrit", dir: "x", listen: "[::1]:9", advertise: ["[::2]", "a:1", "b"], udpPort: 4, useCa: false }],
  [{ relay: false, behindNat: true, relayConnections: 3, relayBytesPerSecond: 1e6, relayConnectionMs: 60_000 }],
  [{ linkIdleMs: 0, keepLinks: ["web-1", "all"] }],
  [{ topicMemoryBytes: 2_000_000, topicRetention: [{ topic: "a.>", ms: 1500, bytes: 1_500_000 }] }],
  [{ host: "::1", metadata: { a: [1] }, ca: "https://a:1", entryAddrs: ["[::1]:3"], removalTimeoutMs: 90_000 }],
] as const)("a resolved configuration can be handed on as options: %j", (options: ClientOptions) => {
  const config = member(options);
  expect(resolveMemberConfig(optionsOf(config))).toEqual({ ...config, file: undefined });
});

describe("Ifrit's keys", () => {
  it("keep their names and units", () => {
    write(
      [
        "use_ca: false",
        'ca_addr: "127.0.0.1:8300"',
        "gossip_interval: 0.5",
        "monitor_interval: 10",
        "ping_limit: 3",
        "max_concurrent_messages: 25",
        "removal_timeout: 60",
        "entry_addrs:",
        "  - 127.0.0.1:8401",
        '  - "[::1]:8402"',
      ].join("\n"),
    );
    expect(member()).toMatchObject({
      useCa: false,
      ca: "https://127.0.0.1:8300",
      gossipIntervalMs: 500,
      monitorIntervalMs: 10_000,
      pingLimit: 3,
      maxConcurrentMessages: 25,
      removalTimeoutMs: 60_000,
      entryAddrs: ["127.0.0.1:8401", "[::1]:8402"],
    });
  });

  it("of the authority stand in the section ca", () => {
    write("preset: wan\nca:\n  boot_nodes: 4\n  num_rings: 19\n  port: 0\n  open: yes\n");
    expect(authority()).toMatchObject({ bootNodes: 4, ringCount: 19, port: 0, open: true, deltaMs: 6_000 });
    expect(authority({ port: "9000" }, { FIREFLIES_CA_BOOT_NODES: "3" })).toMatchObject({ port: 9000, bootNodes: 3 });
  });

  it("have Ifrit's defaults for the authority", () => {
    expect(authority()).toMatchObject({ bootNodes: 10, port: 8300, open: false, ringCount: undefined });
    expect(authority({}, { FIREFLIES_PRESET: "ifrit" })).toMatchObject({ ringCount: 10, deltaMs: 30_000 });
  });

  it("lets a stored network keep its Delta unless one is named", () => {
    expect(authority().deltaMs).toBeUndefined();
    expect(authority({ delta: "2.5" }).deltaMs).toBe(2_500);
  });

  it("lets the stronger place decide how the number of rings is found", () => {
    write("preset: ifrit\nca:\n  num_rings: 19\n");
    expect(authority({ members: "50" })).toMatchObject({ ringCount: undefined, members: 50 });
    expect(authority({}, { FIREFLIES_CA_BYZANTINE: "0.2" })).toMatchObject({ ringCount: undefined, byzantine: 0.2 });
    expect(authority({ "num-rings": "21" }, { FIREFLIES_CA_BYZANTINE: "0.2" })).toMatchObject({
      ringCount: 21,
      byzantine: undefined,
    });
  });

  it("refuses two answers to the number of rings", () => {
    expect(() => authority({ "num-rings": "9", byzantine: "0.1" })).toThrow(/--num-rings and .*--byzantine/);
  });
});

describe("bad input is named: file, line and nearest key", () => {
  /** What is wrong, and what to do. */
  const textOf = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return `${(error as FirefliesError).message} ${(error as FirefliesError).advice}`;
    }
    return "";
  };

  it.each([
    ["gosip_interval: 1", "config-unknown-key", /line 1.*"gosip_interval".*Did you mean gossip_interval/],
    ["preset: lan\n\ngossip-interval: 1", "config-unknown-key", /line 3.*gossip_interval/],
    ["zzz: 1", "config-unknown-key", /line 1.*keys are admin, advertise, /],
    ["ca:\n  num_ring: 4", "config-unknown-key", /line 2.*num_rings/],
    ["ca:\n  gossip_interval: 4", "config-unknown-key", /line 2/],
    ["preset: lna", "config-bad-value", /line 1.*one of lan, wan, local, ifrit.*"lna"/],
    ["gossip_interval: fast", "config-bad-value", /seconds from 0.01 to 3600, not "fast"/],
    ["gossip_interval: 0", "config-bad-value", /line 1/],
    ["gossip_interval: 1e9", "config-bad-value", /line 1/],
    ["gossip_interval: .nan", "config-bad-value", /line 1/],
    ["ping_limit: 2.5", "config-bad-value", /whole number from 1 to 14/],
    ["use_ca: maybe", "config-bad-value", /true or false/],
    ["ca_addr: http://127.0.0.1:8300", "config-bad-value", /https/],
    ["ca_fingerprint: abcd", "config-bad-value", /64 hex digits/],
    ["listen: 127.0.0.1:99999", "config-bad-value", /host:port/],
    ["listen: ::1", "config-bad-value", /brackets/],
    ["entry_addrs: [127.0.0.1:0]", "config-bad-value", /port from 1/],
    ["entry_addrs: {a: 1}", "config-bad-value", /list/],
    ["metadata: [1]", "config-bad-value", /mapping/],
    [`metadata: {a: ${"x".repeat(5_000)}}`, "config-bad-value", /4096 bytes/],
    ["- a\n- b", "config-bad-value", /mapping/],
    ["ca: 5", "config-bad-value", /section/],
    ["a: [1", "config-unreadable", /line 1.*YAML/],
    // Where somebody has to change something, not where the parser gives up.
    ['preset: lan\nname: "abc\nlisten: a\nca: b', "config-unreadable", /line 2: .*quote/],
    ["preset: lan\nname: 'abc\nlisten: a\n", "config-unreadable", /line 2: .*quote/],
    ["preset: lan\nentry_addrs: [a:1,\nname: x\nlisten: y\n", "config-unreadable", /line 2: .*end with a \]/],
    ["preset: lan\nmetadata:\n  a: [1, [2, 3]\nname: x\n", "config-unreadable", /line 3: .*end with a \]/],
    ["preset: lan\nca:\n  port: 1\n    host: b\nname: x\n", "config-unreadable", /line 4/],
    ["preset: lan\nname: a: b\nlisten: x\n", "config-unreadable", /line 2/],
    ["preset: lan\nmetadata:\n  a: 1\n  b: *x\n", "config-unreadable", /line 4: .*alias/],
    ["# a list\n\n- a", "config-bad-value", /line 3: .*mapping/],
    ["preset: lan\npreset: wan", "config-unreadable", /line 2.*YAML/],
    [
      "name: &a [x]\nentry_addrs: [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]",
      "config-unreadable",
      /line 2/,
    ],
  ])("%j", (text, code, message) => {
    const path = write(text);
    const resolve = () => [resolveMemberConfig({ preset: "lan" }, { surroundings }), authority()];
    expect(resolve).toThrow(expect.objectContaining({ name: "FirefliesError", code }));
    expect(textOf(resolve)).toMatch(message);
    expect(resolve).toThrow(path);
  });

  it.each([
    [{ FIREFLIES_GOSIP_INTERVAL: "1" }, "config-unknown-key", /environment.*FIREFLIES_GOSSIP_INTERVAL/],
    [{ FIREFLIES_PING_LIMIT: "many" }, "config-bad-value", /FIREFLIES_PING_LIMIT.*"many"/],
    [{ FIREFLIES_CA_PORT: "x" }, "config-bad-value", /FIREFLIES_CA_PORT/],
  ])("%j", (env, code, message) => {
    expect(() => member({}, env)).toThrow(expect.objectContaining({ code }));
    expect(textOf(() => member({}, env))).toMatch(message);
  });

  it("names flags and options as they were written", () => {
    expect(() => member({}, {}, { listen: "a b" })).toThrow(/command line: --listen/);
    expect(() => member({ pingLimit: 0 })).toThrow(/options: pingLimit/);
    expect(() => member({ gossipIntervalMs: 5 })).toThrow(/milliseconds from 10 to 3600000/);
    expect(textOf(() => member({ gosipIntervalMs: 5 } as ClientOptions))).toMatch(/Did you mean gossipIntervalMs/);
  });

  it("refuses a file that is far too large, or a directory", () => {
    write(`# ${"x".repeat(70_000)}`);
    expect(() => member()).toThrow(expect.objectContaining({ code: "config-unreadable" }));
    expect(() => member({ config: cwd })).toThrow(expect.objectContaining({ code: "config-unreadable" }));
  });

  it("takes an empty file, and one of comments only", () => {
    write("");
    expect(member().preset).toBe("lan");
    write("# nothing yet\nca:\n");
    expect(authority().port).toBe(8300);
  });
});

it("a configuration without an end is refused", () => {
  expect(() => member({ config: "/dev/zero" })).toThrow(
    expect.objectContaining({ code: "config-unreadable", message: expect.stringContaining("is larger than") }),
  );
});

describe("metadata that JSON cannot carry", () => {
  const circle: Record<string, unknown> = {};
  circle.itself = circle;
  it.each<[string, object]>([
    ["a circle", circle],
    ["a bigint", { a: 1n }],
    [
      "a getter that throws",
      {
        get a() {
          throw new Error("secret");
        },
      },
    ],
    ["a text of its own", { toJSON: () => "x" }],
    ["nothing", { toJSON: () => undefined }],
    ["a date", new Date(0)],
  ])("is refused by its name: %s", (_, metadata) => {
    const message = expect.stringMatching(/^options: metadata must be a mapping of at most 4096 bytes as JSON, not /);
    expect(() => member({ metadata: metadata as never })).toThrow(
      expect.objectContaining({ code: "config-bad-value", message }),
    );
  });
});

describe("environment", () => {
  it("reads lists, mappings and switches from text", () => {
    const env = {
      FIREFLIES_ENTRY_ADDRS: "a:1, b:2",
      FIREFLIES_METADATA: '{"role":"worker"}',
      FIREFLIES_USE_CA: "0",
      FIREFLIES_CA_ADDR: "https://ca.example:8300/",
      FIREFLIES_CA_FINGERPRINT: `SHA256:${"AB:".repeat(31)}AB`,
    };
    expect(member({}, env)).toMatchObject({
      entryAddrs: ["a:1", "b:2"],
      metadata: { role: "worker" },
      useCa: false,
      ca: "https://ca.example:8300",
      caFingerprint: "ab".repeat(32),
    });
  });

  it("leaves out empty variables and the links of Kubernetes services", () => {
    const env = {
      FIREFLIES_NAME: "",
      FIREFLIES_SERVICE_HOST: "10.0.0.1",
      FIREFLIES_PORT: "tcp://10.0.0.1:8300",
      FIREFLIES_CA_PORT: "tcp://10.0.0.1:8300",
      FIREFLIES_CA_PORT_8300_TCP_ADDR: "10.0.0.1",
    };
    expect(member({}, env).name).toBeUndefined();
    expect(authority({}, env).port).toBe(8300);
  });

  it("has no variable with two meanings", () => {
    const names = [
      ...Object.values(MEMBER_KEYS).map(({ file }) => `FIREFLIES_${file}`),
      ...Object.values(AUTHORITY_KEYS).map(({ file }) => `FIREFLIES_ca_${file}`),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("endpoints", () => {
  it.each([
    ["127.0.0.1:8400", "127.0.0.1", 8400],
    ["db-1.example.com:0", "db-1.example.com", 0],
    ["[::1]:8400", "::1", 8400],
    ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
    ["[::1]", "::1", undefined],
    ["8400", undefined, 8400],
    [":8400", undefined, 8400],
    ["localhost", "localhost", undefined],
  ])("%s", (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port });
    if (host !== undefined && port !== undefined) expect(formatHostPort(host, port)).toBe(text);
  });

  it.each(["", ":", "a:", "a:b", "a:65536", "::1", "[::1", "a b:1", "-a:1", "a:1:2", `${"a".repeat(256)}:1`, "a:-1"])(
    "refuses %j",
    (text) => expect(parseEndpoint(text)).toBeUndefined(),
  );

  it("are addresses when they have both parts", () => {
    expect(parseHostPort("[::1]:8400")).toEqual({ host: "::1", port: 8400 });
    for (const text of ["localhost", "[::1]", "8400", ":8400"]) expect(parseHostPort(text), text).toBeUndefined();
  });
});

describe("whose JWTs admit members", () => {
  const POLICY = `
ca:
  jwt:
    - issuer: https://issuer.example
      audience: fireflies
      ca_file: roots.pem
      claims: { sub: [a, "b:*"] }
      name: "{/kubernetes.io/pod/name}"
`;
  const meant = {
    ...{ issuer: "https://issuer.example", audience: "fireflies", name: "{/kubernetes.io/pod/name}" },
    claims: { sub: ["a", "b:*"] },
  };

  it("is a list in the file, its files beside the working directory", () => {
    write(POLICY);
    expect(authority().jwt).toEqual([{ ...meant, caFile: join(cwd, "roots.pem") }]);
    expect(authority({}, { FIREFLIES_CA_JWT: JSON.stringify([meant]) }).jwt).toEqual([meant]);
  });

  it.each([
    ["jwt: yes", /jwt must be a list of at most 32 policies/],
    [`jwt: [${JSON.stringify({ ...meant, audience: undefined })}]`, /line 2: jwt has an entry 1 that lacks audience/],
    [
      `jwt: [${JSON.stringify({ ...meant, jwks_url: "x" })}]`,
      /entry 1 that has a key "jwks_url", which does not exist/,
    ],
    [`jwt: [${JSON.stringify({ ...meant, jwks_uri: "http://x" })}]`, /has a jwks_uri that is no https URL/],
    [`jwt: [${JSON.stringify(meant)}, ${JSON.stringify({ ...meant, claims: {} })}]`, /entry 2 that asks nothing/],
  ])("%s is refused, and what is wrong is said", (text, problem) => {
    write(`ca:\n  ${text}\n`);
    expect(() => authority()).toThrow(problem);
  });
});

describe("how long to wait for an absent authority", () => {
  it.each([
    ["60", 60_000],
    ["0.5", 500],
    ["forever", Number.POSITIVE_INFINITY],
    ["true", Number.POSITIVE_INFINITY],
    ["false", 0],
    ["0", 0],
    ["1", 1_000],
  ])("wait: %s is %d ms", (text, ms) => {
    write(`wait: ${text}\n`);
    expect(member().waitMs).toBe(ms);
    expect(member({ config: false, waitMs: ms }).waitMs).toBe(ms);
    expect(resolveMemberConfig(optionsOf(member())).waitMs).toBe(ms);
  });

  it.each(["-1", "a while", "1e12"])("wait: %s is none", (text) => {
    write(`wait: ${text}\n`);
    expect(() => member()).toThrow(/wait must be a number of seconds from 0 to 31536000, or "forever"/);
  });
});

describe("docs/configuration.md", () => {
  const text = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8").replace(/ +/g, " ");
  it.each(Object.entries(MEMBER_KEYS))("has the member's %s", (option, { file }) => {
    expect(text).toContain(`| \`${file}\` | \`${option}\` |`);
  });
  it.each(Object.values(AUTHORITY_KEYS))("has the authority's $file", ({ file }) => {
    expect(text).toContain(`| \`${file}\` | \`--${file.replaceAll("_", "-")}\` |`);
  });
});

describe("nearest word", () => {
  it.each([
    ["kitten", "sitting", 3],
    ["", "abc", 3],
    ["abc", "abc", 0],
  ])("distance of %s and %s is %d", (a, b, distance) => expect(editDistance(a, b)).toBe(distance));

  it("proposes nothing for a word that is far from all", () => {
    expect(nearest("zzzzzz", ["gossip_interval", "preset"])).toBeUndefined();
    expect(nearest("x".repeat(1_000), ["x"])).toBeUndefined();
    expect(nearest("presett", ["gossip_interval", "preset"])).toBe("preset");
  });
});
