/** The kinds `nats` and `nats-bridge` in an agent's file, and what is not installed. */
import { describe, expect, it } from "vitest";
import { readServices } from "../../../client/config/index.js";
import { parseService } from "../../../services/controllers/kinds.js";
import { findServer } from "../../../services/nats/cluster/server.js";
import { absent } from "../../../services/nats/connection/load.js";

const parsed = (yaml: string) => parseService(readServices(yaml, "fireflies.yaml")[0]!);

describe("services of NATS in a file", () => {
  it.each([
    ["three lines", "services:\n  bus:\n    kind: nats\n", {}],
    [
      "a cluster with roles",
      "bus:\n  kind: nats\n  cluster_name: shop\n  server: none\n  servers: [hub]\n  accounts: { a: { members: ['*'] } }\n",
      { clusterName: "shop", server: false, servers: ["hub"], accounts: { a: { members: ["*"] } } },
    ],
    [
      "streams",
      "bus:\n  kind: nats\n  jetstream: true\n  dir: /data\n  log_level: debug\n",
      { jetStream: true, dir: "/data", logLevel: "debug" },
    ],
    [
      "a bridge",
      "b:\n  kind: nats-bridge\n  servers: [a:1, tls://b:2]\n  to_nats: ['orders.>']\n  jetstream: true\n  max_age: 60\n",
      { servers: ["a:1", "tls://b:2"], toNats: ["orders.>"], jetStream: true, maxAgeMs: 60_000 },
    ],
  ])("are taken: %s", (_, yaml, settings) => expect(parsed(yaml)).toEqual(settings));

  it.each([
    ["roles, and nobody said who runs servers", "b:\n  kind: nats\n  accounts: { a: { members: [x] } }\n", "line 1"],
    ["streams without a directory", "b:\n  kind: nats\n  jetstream: true\n", "which is not given"],
    ["a cluster's name", "b:\n  kind: nats\n  cluster_name: a b\n", "line 3"],
    ["an account", "b:\n  kind: nats\n  servers: [x]\n  accounts: { a: { membrs: [x] } }\n", "line 4"],
    ["a level", "b:\n  kind: nats\n  log_level: loud\n", "line 3"],
    ["a bridge that brings nothing", "b:\n  kind: nats-bridge\n  servers: [a:1]\n", "says nothing that crosses"],
    ["a bridge without servers", "b:\n  kind: nats-bridge\n  to_nats: [a]\n", "needs servers"],
    ["a topic", "b:\n  kind: nats-bridge\n  servers: [a:1]\n  to_nats: [a..b]\n", "line 4"],
    ["a prefix", "b:\n  kind: nats-bridge\n  servers: [a:1]\n  to_nats: [a]\n  prefix: ff\n", "line 5"],
  ])("are refused for %s, with the line", (_, yaml, words) => {
    const error = expect.objectContaining({ code: "config-bad-value", message: expect.stringContaining(words) });
    expect(() => parsed(yaml)).toThrow(error);
  });
});

describe("what is not installed", () => {
  it("is said with how to get it: a package", () => {
    const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
    const advice = expect.stringContaining("npm install @nats-io/jetstream@");
    expect(() => absent("@nats-io/jetstream")(missing)).toThrow(
      expect.objectContaining({ code: "package-missing", advice }),
    );
    const other = new Error("it is there, and fails");
    expect(() => absent("@nats-io/jetstream")(other)).toThrow(other);
  });

  it("is said with how to get it: the server", async () => {
    const advice = expect.stringContaining("apt-get install nats-server");
    await expect(findServer("/nowhere/nats-server")).rejects.toMatchObject({ code: "nats-server-missing", advice });
  });
});
