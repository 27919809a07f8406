/** Stubs when another session with the member is better: what is called from then on goes over that one, and nothing is cut. */
import { once } from "node:events";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { PATHS_MAX, SERVICES } from "../../client/grpc/limits.js";
import { Services, type ServicesOptions } from "../../client/grpc/services.js";
import { LIMITS } from "../../client/protocols.js";
import { Following } from "../../client/traffic/following.js";
import { Traffic } from "../../client/traffic/traffic.js";
import { FirefliesError } from "../../identity/index.js";
import { Protocols } from "../../net/index.js";
import { asked, ECHO, EchoClient, echo } from "../support/rpc.js";
import { severalWays } from "../support/ways.js";

const NOBODY = {
  sender: () => ({}),
  failures: { answer: () => new Error() },
  announced: { add: () => {} },
  traffic: new Traffic().rpc,
  following: new Following(),
} as unknown as ServicesOptions;

/** A stub, and how many connections of gRPC are open on each of the sessions to its member. */
async function scene(sessions: number) {
  const serving = new Services(NOBODY);
  const { missing: _, ...served } = ECHO;
  serving.add(served, echo);
  const protocols = new Protocols();
  protocols.register({
    kind: "duplex",
    id: SERVICES,
    limits: LIMITS.services,
    onDuplex: (peer, duplex) => serving.accept(peer, duplex),
  });
  const { to, best, supersede, open } = await severalWays(sessions, protocols);
  const calling = new Services({ ...NOBODY, reach: async () => best() });
  onTestFinished(() => {
    for (const services of [calling, serving]) services.close(new FirefliesError("link-closed"));
  });
  const stub = await calling.stub(to, EchoClient);
  const say = async (words: string) => String(await asked((done) => stub.once(Buffer.from(words), done)));
  return { stub, say, supersede, open };
}

describe("a stub whose member has a better session", () => {
  it("calls over that one from then on; a call that runs ends where it is, and then its connection closes", async () => {
    const { stub, say, supersede, open } = await scene(2);
    const long = stub.talk();
    long.write(Buffer.from("before"));
    expect(String((await once(long, "data"))[0])).toBe("before");
    expect(open()).toEqual([1, 0]);
    supersede(1);
    expect(await say("after")).toBe("after");
    expect(open()).toEqual([1, 1]);
    long.write(Buffer.from("still"));
    expect(String((await once(long, "data"))[0])).toBe("still");
    long.end();
    long.resume();
    await once(long, "end");
    await vi.waitFor(() => expect(open()).toEqual([0, 1]));
    expect(await say("again")).toBe("again");
  });

  it("closes at once what nothing runs on, and loses no call that is made meanwhile", async () => {
    const { say, supersede, open } = await scene(2);
    expect(await say("one")).toBe("one");
    const calls = Array.from({ length: 20 }, (_, index) => say(`${index}`));
    supersede(1);
    const later = Array.from({ length: 20 }, (_, index) => say(`${index}`));
    expect(await Promise.all([...calls, ...later])).toEqual(
      [...calls, ...later].map((_, index) => `${index % calls.length}`),
    );
    await vi.waitFor(() => expect(open()).toEqual([0, 1]));
    supersede(0);
    await vi.waitFor(() => expect(open()).toEqual([0, 0]));
    expect(await say("two")).toBe("two");
    expect(open()).toEqual([1, 0]);
  });

  it("keeps a few connections when calls do not end", async () => {
    const { stub, say, supersede, open } = await scene(PATHS_MAX + 1);
    for (let index = 1; index < PATHS_MAX + 1; index++) {
      const long = stub.talk();
      long.on("error", () => {}); // At the end of the test.
      long.write(Buffer.from("x"));
      await once(long, "data");
      supersede(index);
    }
    expect(await say("still here")).toBe("still here");
    expect(open().reduce((sum, count) => sum + count)).toBe(PATHS_MAX);
  });
});
