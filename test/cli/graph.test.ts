/** The graph of a network as one of its members sees it: its shape, ids that stay, as text and in DOT. Members over wires in memory. */
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { GRAPH_ANSWER } from "../../cli/api/calls/graph-schema.js";
import { type Graph, graphOf } from "../../cli/api/graph.js";
import { graphDot, graphText } from "../../cli/commands/members/graph-view.js";
import { MemoryNetwork } from "../../net/index.js";
import type { ServiceState } from "../../services/controllers/runner.js";
import { FakeAgentClient, idOf } from "../support/fake-agent-client.js";
import { OfflineNetwork } from "../support/network.js";

const service: ServiceState = {
  ...{ id: "web", kind: "forward", state: "running", at: "/x/http to :80", settings: {}, since: 0, restarts: 0 },
  ...{ held: false, streams: 1, bytesIn: 2, bytesOut: 3 },
};

/** The fields of each part are those that the schema names. */
function expectShape(graph: Graph): void {
  const { properties } = GRAPH_ANSWER;
  expect(Object.keys(graph).sort()).toEqual(Object.keys(properties).sort());
  for (const part of ["members", "links", "sessions", "streams", "topics", "controllers"] as const) {
    const { items } = properties[part] as unknown as { readonly items: { readonly properties: object } };
    for (const each of graph[part]) expect(Object.keys(each).sort()).toEqual(Object.keys(items.properties).sort());
  }
}

describe("the graph of a member", () => {
  it("has members, links, sessions and streams by protocol, with ids that stay while they live", async () => {
    await using network = await OfflineNetwork.create({ wires: new MemoryNetwork() });
    const ann = await network.start({});
    const bob = await network.start({ entryAddrs: [ann.address] });
    await ann.waitForMembers(1);
    bob.handle("/x/chat", (stream) => void stream.resume());
    const stream = await ann.openStream(bob.id, { protocol: "/x/chat" });
    await ann.sendToId(bob.id, Buffer.from("x")).catch(() => {}); // A session is there.
    const before = graphOf(ann, [service], 5);
    expectShape(before);
    expect(before).toMatchObject({ version: 1, at: 5, self: ann.id, topics: [] });
    expect(before.members.map(({ id }) => id)).toEqual([ann.id, bob.id]);
    const [link] = before.links;
    expect(link).toMatchObject({ id: `link:${ann.id}:${bob.id}`, from: ann.id, to: bob.id, via: [] });
    expect(["direct", "reversed"]).toContain(link?.path);
    expect(before.sessions[0]).toMatchObject({ link: link?.id, inUse: true });
    expect(before.streams).toEqual([
      {
        ...{ id: `streams:${ann.id}:${bob.id}:${ann.id}:/x/chat`, link: link?.id, protocol: "/x/chat" },
        ...{ openedBy: ann.id, count: 1 },
      },
    ]);
    const ids = (graph: Graph) => [graph.links, graph.sessions, graph.streams].map((part) => part.map(({ id }) => id));
    expect(ids(graphOf(ann, [service], 6))).toEqual(ids(before));
    expect(graphOf(bob, [], 6).streams).toMatchObject([{ protocol: "/x/chat", openedBy: ann.id, count: 1 }]);
    stream.destroy();
    await once(stream, "close");
    expect(graphOf(ann, [], 7).streams).toEqual([]);
  });

  const graph = graphOf(new FakeAgentClient(), [service], 0);

  it("says who relays, for people and for Graphviz", () => {
    expectShape(graph);
    expect(graph.links[0]).toMatchObject({ path: "relayed", via: [idOf("b")], rttMs: 12.35 });
    expect(graphText(graph)).toMatch(
      /^fay \(f0+\) and 3 other members, 1 service\nMEMBER +PATH +VIA +RTT +SESSIONS +STREAMS\naa1000000000 +relayed +bob \(b0+\) +12\.35 ms +1 +3 to it \/x\/http\n/,
    );
    const dot = graphDot(graph);
    expect(dot).toMatch(/^graph fireflies \{\n.*\n\}$/s);
    expect(dot).toContain(
      `"${idOf("f")}" -- "${idOf("aa1")}" [label="relayed via b00000000000, 12.35 ms", style=dashed];`,
    );
    expect(dot).toContain(`"controller:${idOf("f")}:web" [label="web (forward)", shape=box];`);
  });

  it("puts nothing into DOT that a name could break out with", () => {
    const members = graph.members.map((member) => ({ ...member, name: 'x"]; evil [label="\\' }));
    const dot = graphDot({ ...graph, members, links: [], controllers: [] });
    expect(dot.split("\n")[1]).toContain('label="x\\"]; evil [label=\\"\\\\ (');
  });
});
