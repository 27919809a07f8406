/** Who is let in to a program's handlers, and when; then whole clients, in which handlers look at what they see. */
import { Duplex } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Door } from "../../client/talk/door.js";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { ByteDuplex } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { OfflineNetwork, type TestClient, text, whole } from "../support/network.js";

afterEach(() => void vi.useRealTimers());

const peer = (id: string) => ({ id, name: undefined }) as unknown as MemberCertificate;

function scene() {
  const known = new Set<string>();
  const refused = new Set<string>();
  const log: string[] = [];
  const door = new Door({
    isKnown: (id) => known.has(id),
    refusal: ({ id }) => (refused.has(id) ? new FirefliesError("peer-removed") : undefined),
  });
  const knock = (id: string): Duplex => {
    const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    duplex.on("error", (error) => log.push(`${id}: ${(error as FirefliesError).code}`));
    door.take(peer(id), duplex as unknown as ByteDuplex, () => log.push(`${id}: in`));
    return duplex;
  };
  const see = (id: string) => {
    known.add(id);
    door.changed(id as MemberId);
  };
  return { door, known, refused, log, knock, see };
}

describe("a program's door", () => {
  it("lets nobody in before the program has started, and then all who wait, in their order", () => {
    const { door, log, knock, known } = scene();
    for (const id of ["a", "b"]) known.add(id);
    for (const id of ["a", "b", "a"]) knock(id);
    expect(log).toEqual([]);
    door.open();
    expect(log).toEqual(["a: in", "b: in", "a: in"]);
    knock("b");
    expect(log.at(-1)).toBe("b: in");
  });

  it("has a stranger wait until it is in the view, and no longer than three seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { door, log, knock, see } = scene();
    door.open();
    knock("a");
    knock("b");
    expect(log).toEqual([]);
    see("a");
    expect(log).toEqual(["a: in"]);
    vi.advanceTimersByTime(3_000);
    await new Promise(setImmediate);
    expect(log).toEqual(["a: in", "b: peer-removed"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts the three seconds from the start on for who came before it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { door, log, knock } = scene();
    knock("a");
    vi.advanceTimersByTime(60_000);
    door.open();
    vi.advanceTimersByTime(2_999);
    await new Promise(setImmediate);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(1);
    await new Promise(setImmediate);
    expect(log).toEqual(["a: peer-removed"]);
  });

  it("sends away at once who may not speak, also while it waits", async () => {
    const { door, log, knock, refused } = scene();
    refused.add("a");
    knock("a");
    knock("b");
    refused.add("b");
    door.changed("b" as MemberId);
    await new Promise(setImmediate);
    expect(log).toEqual(["a: peer-removed", "b: peer-removed"]);
  });

  it("holds a bounded number, forgets who has gone, and tells all when the member stops", async () => {
    const { door, log, knock, known } = scene();
    const waiting = Array.from({ length: 1_024 }, () => knock("a"));
    knock("b");
    await new Promise(setImmediate);
    expect(log).toEqual(["b: overloaded"]);
    for (const duplex of waiting.slice(1)) duplex.destroy();
    await new Promise(setImmediate);
    door.close(new FirefliesError("member-stopping"));
    known.add("c");
    knock("c");
    await new Promise(setImmediate);
    expect(log.slice(1)).toEqual(["a: member-stopping", "c: member-stopping"]);
  });
});

describe("handlers of whole clients", () => {
  it("run only once start() has resolved, and only for senders that members() knows", { timeout: 60_000 }, async () => {
    await using network = await OfflineNetwork.create();
    const wrong: string[] = [];
    let handled = 0;
    /** Everybody greets everybody as soon as it is seen, in all ways. */
    const begin = async (name: string, entryAddrs: readonly string[]): Promise<TestClient> => {
      const client = await network.member({ entryAddrs });
      let isStarted = false;
      const look = (what: string, id: string) => {
        handled += 1;
        if (!isStarted) wrong.push(`${name}: ${what} before start() had resolved`);
        else if (client.member(id) === undefined) wrong.push(`${name}: ${what} of somebody unknown`);
      };
      client.registerMessageHandler((data, { from }) => {
        look("message", from.id);
        return data;
      });
      client.registerGossipHandler((data, { from }) => {
        look("gossip", from.id);
        return data;
      });
      client.registerResponseHandler((_, { from }) => look("response", from.id));
      client.registerStreamHandler((stream, { from }) => {
        look("stream", from.id);
        stream.end();
      });
      client.setGossipContent(text(name));
      await client.start();
      isStarted = true;
      void greet(client);
      return client;
    };
    const greet = async (client: TestClient) => {
      for await (const change of client.changes()) {
        if (change.kind !== "joined") continue;
        void client.sendToId(change.member.id, text("hi")).catch(() => {});
        void client.openStream(change.member.id).then(
          (stream) => stream.end(),
          () => {},
        );
      }
    };
    const first = await begin("m0", []);
    const clients = [first];
    for (const name of ["m1", "m2", "m3"]) clients.push(await begin(name, [first.address]));
    await whole(clients);
    await vi.waitFor(() => expect(handled).toBeGreaterThan(24), { timeout: 30_000 });
    expect(wrong).toEqual([]);
  });
});
