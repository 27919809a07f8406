/** A NATS cluster as values: first lines of connections, roles of members, the server's file, and settings. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  connectAs,
  connectWithoutProof,
  headLine,
  infoForMember,
  readHead,
} from "../../../services/nats/cluster/greeting.js";
import { serverName } from "../../../services/nats/cluster/names.js";
import { planCluster } from "../../../services/nats/cluster/plan.js";
import { isSubject, type NatsAccounts, parseAccounts, standingOf } from "../../../services/nats/cluster/roles.js";
import { serverConfig } from "../../../services/nats/cluster/server-config.js";
import { portIn, readLogLine } from "../../../services/nats/cluster/server-log.js";

const bytes = (text: string) => Buffer.from(text);
const text = (found: Uint8Array) => Buffer.from(found).toString();

describe("the first lines of a connection", () => {
  it("are read in whatever pieces they come, and what is behind them is left", () => {
    const fields = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(fields, fc.constantFrom("INFO" as const, "CONNECT" as const), fc.string(), (said, verb, rest) => {
        const line = Buffer.from(headLine(verb, said));
        const whole = Buffer.concat([line, bytes(rest)]);
        for (const at of [0, 1, line.length - 1]) expect(readHead(whole.subarray(0, at), verb).kind).toBe("more");
        const head = readHead(whole, verb);
        if (head.kind !== "head") throw new Error(head.kind);
        expect(JSON.stringify(head.fields)).toBe(JSON.stringify(said));
        expect(text(head.rest)).toBe(rest);
      }),
    );
  });

  it.each([
    ["an INFO before CONNECT", 'INFO {"a":1}\r\nCONNECT {"b":2}\r\nPING\r\n', "head", 'INFO {"a":1}\r\n', "PING\r\n"],
    ["small letters", 'connect {"b":2}\r\n', "head", "", ""],
    ["another protocol", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n", "bad"],
    ["no JSON", "CONNECT {b}\r\n", "bad"],
    ["a list", "CONNECT [1]\r\n", "bad"],
    ["a line that is too long", "x".repeat(40_000), "bad"],
  ])("%s", (_, said, kind, before = "", rest = "") => {
    const head = readHead(bytes(said), "CONNECT");
    expect(head.kind).toBe(kind);
    if (head.kind === "head") expect([text(head.before), text(head.rest)]).toEqual([before, rest]);
  });

  it("say nothing of how the server would have one prove oneself, nor what a program said of itself", () => {
    const info = { server_id: "N", nonce: "n", auth_required: true, connect_urls: ["10.0.0.1:4222"], max_payload: 1 };
    expect(infoForMember(info)).toEqual({ server_id: "N", max_payload: 1 });
    const said = { user: "root", pass: "p", auth_token: "t", jwt: "j", nkey: "U", sig: "s", lang: "node", name: "me" };
    expect(connectWithoutProof(said)).toEqual({ lang: "node", name: "me" });
    expect(connectAs(said, { nkey: "UA", sig: "x" })).toEqual({ lang: "node", name: "me", nkey: "UA", sig: "x" });
  });
});

describe("what a member may do", () => {
  const id = "ab".repeat(32);
  const member = (name: string | undefined) => ({ id, name, metadata: {}, services: [] });
  const accounts: NatsAccounts = {
    orders: [{ members: ["web-*"], publish: ["orders.{name}.>"], subscribe: ["_INBOX.>"] }, { members: ["billing"] }],
    audit: { members: ["*"], publish: [], subscribe: ["from.{id}"] },
  };

  it.each([
    [
      "by the first role that is its",
      "web-1",
      { account: "orders", publish: ["orders.web-1.>"], subscribe: ["_INBOX.>"] },
    ],
    ["everything where nothing is said", "billing", { account: "orders", publish: undefined, subscribe: undefined }],
    ["without a name", undefined, { account: "audit", publish: [], subscribe: [`from.${id}`] }],
    ["with a name of two tokens", "web-1.eu", { account: "orders", publish: [], subscribe: ["_INBOX.>"] }],
  ])("%s", (_, name, standing) => {
    expect(standingOf(parseAccounts(accounts), member(name))).toEqual(standing);
  });

  it("nothing without a role, everything without accounts", () => {
    expect(standingOf(parseAccounts({ a: { members: ["bob"] } }), member("eve"))).toBeUndefined();
    expect(standingOf(parseAccounts(undefined), member("eve"))).toEqual({ account: "FIREFLIES" });
  });

  it.each([
    ["no account", {}],
    ["NATS's own account", { $SYS: { members: ["*"] } }],
    ["a name that ends a string", { 'a"b': { members: ["*"] } }],
    ["no members", { a: {} }],
    ["a key that does not exist", { a: { members: ["*"], subscibe: ["a"] } }],
    ["a subject with a blank", { a: { members: ["*"], publish: ["a b"] } }],
    ["> in the middle", { a: { members: ["*"], publish: ["a.>.b"] } }],
    ["an empty token", { a: { members: ["*"], publish: ["a..b"] } }],
    ["a rule that is none", { a: { members: ["metadata:"] } }],
    ["text for a role", { a: "bob" }],
  ])("is refused: %s", (_, said) => {
    expect(() => parseAccounts(said as NatsAccounts)).toThrow(expect.objectContaining({ code: "access-invalid" }));
  });

  it.each(["a", "a.b", "*", "a.*", ">", "a.>", "a.*.c.>", "$JS.API.>", "größe.x"])("subject %s", (subject) => {
    expect(isSubject(subject)).toBe(true);
  });
  it.each(["", ".", "a.", ".a", "a..b", ">.a", "a.>b", "a b", "a\n", 'a"', "a*", "x".repeat(256)])(
    "no subject %j",
    (subject) => {
      expect(isSubject(subject)).toBe(false);
    },
  );
});

describe("the server's file", () => {
  const facts = {
    name: "bob-0123",
    clusterName: "shop",
    logLevel: "warn",
    routeSecret: "secret",
    routes: [{ port: 7_000, secret: "own" }],
    users: [
      { account: "A", nkey: "U1", publish: undefined, subscribe: undefined },
      { account: "A", nkey: "U2", publish: [], subscribe: ["a.>"] },
    ],
    accounts: ["A", "B"],
    store: undefined,
  } as const;

  it("listens on this machine alone, and says who may do what", () => {
    const said = JSON.parse(serverConfig(facts)) as Record<string, unknown>;
    expect(said).toMatchObject({
      server_name: "bob-0123",
      listen: "127.0.0.1:-1",
      debug: false,
      cluster: {
        name: "shop",
        listen: "127.0.0.1:-1",
        no_advertise: true,
        authorization: { user: "route", password: "secret" },
        routes: ["nats-route://route:own@127.0.0.1:7000"],
      },
      accounts: {
        A: {
          users: [
            { nkey: "U1" },
            { nkey: "U2", permissions: { publish: { deny: [">"] }, subscribe: { allow: ["a.>"] } } },
          ],
        },
        B: { users: [] },
      },
    });
    expect(said).not.toHaveProperty("jetstream");
  });

  it("keeps streams where it is told to", () => {
    const store = { directory: "/data/nats", fileBytes: 5_000_000 };
    expect(JSON.parse(serverConfig({ ...facts, store }))).toMatchObject({
      jetstream: { store_dir: "/data/nats", max_file_store: 5_000_000 },
      accounts: { B: { jetstream: "enabled" } },
    });
  });
});

describe("the server's log", () => {
  it.each([
    ["[17] [INF] Server is ready", "info", "Server is ready"],
    ["[17] 2026/11/30 15:04:59.220466 [ERR] no", "error", "no"],
    ["[17] [TRC] a [INF] b", "trace", "a [INF] b"],
    ["nats-server: /x: no such file", "error", "nats-server: /x: no such file"],
  ])("%s", (line, level, said) => expect(readLogLine(line)).toEqual({ level, text: said }));

  it("says the ports", () => {
    expect(portIn("Listening for client connections on 127.0.0.1:43233")).toEqual({ of: "clients", port: 43_233 });
    expect(portIn("Listening for route connections on 127.0.0.1:34191")).toEqual({ of: "routes", port: 34_191 });
    expect(portIn("Listening for leafnode connections on 127.0.0.1:1")).toBeUndefined();
  });
});

describe("settings", () => {
  it.each([
    ["a cluster's name with a blank", { clusterName: "a b" }, "name-invalid"],
    ["roles without a word on who runs servers", { accounts: { a: { members: ["*"] } } }, "access-invalid"],
    ["streams and no directory", { jetStream: true }, "config-bad-value"],
    ["an address that is none", { listen: "::x" }, "address-invalid"],
  ])("%s", (_, settings, code) => {
    expect(() => planCluster(settings)).toThrow(expect.objectContaining({ code }));
  });

  it("name a server after its member, and never two alike", () => {
    expect(serverName({ id: "ab".repeat(32), name: "bob" })).toBe("bob-abababababababab");
    expect(serverName({ id: "ab".repeat(32), name: undefined })).toBe("abababababababab");
  });
});
