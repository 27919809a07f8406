/** docs/api/ against the code: `npm run docs` writes the pages anew; otherwise one that differs fails. Needs a build. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apiPage, type Entry, undocumented } from "../support/api-reference.js";
import { limitsTable } from "../support/limits.js";
import { FILES, ROOT } from "../support/tree.js";

const ENTRIES: readonly Entry[] = [
  {
    name: "fireflies",
    room: "client",
    about:
      "A member of a network, in your program. The examples and the first steps are in the [README](../../README.md).",
    opening: `## Limits\n\n${limitsTable()}`,
  },
  {
    name: "fireflies/ca",
    room: "ca",
    about:
      "The authority, in your own process: [operations](../operations.md), [its HTTP interface](../authority-api.md).",
    opening: "",
  },
  {
    name: "fireflies/coordination",
    room: "services/coordination",
    about: "What members do together: [adapters](../adapters.md).",
    opening: "",
  },
  {
    name: "fireflies/forward",
    room: "services/forward",
    about: "Ports and sockets of other programs, by way of members.",
    opening: "",
  },
  {
    name: "fireflies/gossip",
    room: "gossip",
    about: "The protocol as a machine without I/O, for your own transport: [the protocol](../protocol.md).",
    opening: "",
  },
  {
    name: "fireflies/http",
    room: "services/http",
    about: "HTTP between members.",
    opening: "",
  },
  {
    name: "fireflies/nats",
    room: "services/nats",
    about: "NATS over the overlay, and beside it: [NATS](../nats.md).",
    opening: "",
  },
  {
    name: "fireflies/nest",
    room: "services/nest",
    about: "A member in an application of NestJS: [adapters](../adapters.md).",
    opening: "",
  },
  {
    name: "fireflies/ops",
    room: "ops",
    about: "Metrics and health of a member: [metrics](../metrics.md).",
    opening: "",
  },
  {
    name: "fireflies/rdv",
    room: "rdv",
    about: "Two programs behind NATs meet, and reach each other or are relayed: [rendezvous](../rdv.md).",
    opening: "",
  },
  {
    name: "fireflies/sim",
    room: "sim",
    about: "A whole network in one thread, from a seed: [the simulator](../simulator.md).",
    opening: "",
  },
  {
    name: "fireflies/telemetry",
    room: "ops/telemetry",
    about: "Traces and metrics of a member by OpenTelemetry: [metrics](../metrics.md).",
    opening: "",
  },
  {
    name: "fireflies/testing",
    room: "testing",
    about: "What programs test with: [testing](../testing.md).",
    opening: "",
  },
  {
    name: "fireflies/threads",
    room: "services/threads",
    about: "One client in several threads and processes: [adapters](../adapters.md).",
    opening: "",
  },
];

const pageOf = ({ name }: Entry) => `docs/api/${name.replace("/", "-")}.md`;

describe("the API reference", { timeout: 120_000 }, () => {
  it.each(ENTRIES)("of $name is what the declarations say", async (entry) => {
    await expect(apiPage(entry)).toMatchFileSnapshot(join(ROOT, pageOf(entry)));
  });

  it("has a page for each entry of the package, and no other", () => {
    const pages = FILES.filter((file) => file.startsWith("docs/api/"));
    expect(pages.toSorted()).toEqual(ENTRIES.map(pageOf).toSorted());
  });

  it("says of everything that a member's program imports what it is", () => {
    expect(undocumented(ENTRIES[0]!)).toEqual([]);
    expect(undocumented(ENTRIES.find(({ room }) => room === "testing")!)).toEqual([]);
  });
});
