/** What two members say to each other of topics, on duplexes in memory: order, one write a turn, what is dropped, who opens and ends. */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Lines } from "../../../client/topics/lines.js";
import { FirefliesError } from "../../../identity/index.js";
import type { ByteDuplex, Session } from "../../../net/index.js";
import { type MemberId, memberIdFromBytes } from "../../../rings/index.js";
import { frameOf } from "../../../topics/index.js";
import { duplexPair } from "../../support/duplex-pair.js";

const BYTES_MAX = 2 * 1024 * 1024;
const idOf = (digit: number) => memberIdFromBytes(new Uint8Array(32).fill(digit));
const [ANN, BOB] = [idOf(1), idOf(2)];
const bytes = (text: string) => new TextEncoder().encode(text);

/** Lines of ann and bob, whose sessions are pairs of duplexes. */
class Scene {
  now = 0;
  readonly got: Record<string, string[]> = { ann: [], bob: [] };
  /** Packets that came in one message. */
  readonly together: number[] = [];
  readonly lost: string[] = [];
  readonly opened: ByteDuplex[] = [];
  unreachable = false;
  readonly ann = this.#lines("ann", ANN, () => this.bob);
  readonly bob: Lines = this.#lines("bob", BOB, () => this.ann);

  #lines(name: string, id: MemberId, other: () => Lines): Lines {
    return new Lines({
      now: () => this.now,
      reach: async () => {
        if (this.unreachable) throw new FirefliesError("peer-unreachable");
        const open = () => {
          const [here, there] = duplexPair(BYTES_MAX);
          this.opened.push(here);
          other().accept(id, there);
          return here;
        };
        return { open, onSuperseded: () => () => {} } as unknown as Session;
      },
      received: (_, packets) => {
        this.together.push(packets.length);
        for (const packet of packets) this.got[name]?.push(new TextDecoder().decode(packet));
      },
      lost: (to) => void this.lost.push(to === BOB ? "to bob" : "to ann"),
    });
  }

  async until(condition: () => boolean): Promise<void> {
    for (let turns = 0; turns < 1_000 && !condition(); turns++) await turn();
    expect(condition()).toBe(true);
  }
}

describe("what is said to another member", () => {
  it("goes in its order, that of one turn in one message, on a duplex that is opened when it is needed", async () => {
    const scene = new Scene();
    for (let index = 0; index < 50; index++) scene.ann.send(BOB, frameOf(bytes(`${index}`)));
    await scene.until(() => scene.got.bob?.length === 50);
    expect(scene.got.bob).toEqual(Array.from({ length: 50 }, (_, index) => `${index}`));
    expect([scene.together, scene.opened.length]).toEqual([[50], 1]);
  });

  it("goes back on the same duplex", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("hello")));
    await scene.until(() => scene.got.bob?.length === 1);
    scene.bob.send(ANN, frameOf(bytes("here")));
    await scene.until(() => scene.got.ann?.length === 1);
    expect(scene.opened.length).toBe(1);
  });

  it("may begin on both sides at once", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("to bob")));
    scene.bob.send(ANN, frameOf(bytes("to ann")));
    await scene.until(() => scene.got.bob?.length === 1 && scene.got.ann?.length === 1);
    expect(scene.got).toEqual({ ann: ["to ann"], bob: ["to bob"] });
  });

  it("keeps its order though long packets go alone", async () => {
    const scene = new Scene();
    const sent = [10, 40_000, 5, 6, 1_000_000, 7].map((length, index) => String(index).padEnd(length, "x"));
    for (const text of sent) scene.ann.send(BOB, frameOf(bytes(text)));
    await scene.until(() => scene.got.bob?.length === sent.length);
    expect(scene.got.bob).toEqual(sent);
  });

  it("is lost, and told, when nobody can be reached", async () => {
    const scene = new Scene();
    scene.unreachable = true;
    scene.ann.send(BOB, frameOf(bytes("gone")));
    await scene.until(() => scene.lost.length === 1);
    scene.unreachable = false;
    scene.ann.send(BOB, frameOf(bytes("come")));
    await scene.until(() => scene.got.bob?.length === 1);
    expect([scene.got.bob, scene.lost]).toEqual([["come"], ["to bob"]]);
  });

  it("is dropped, and told, when too much waits for one that does not read", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("first")));
    await scene.until(() => scene.got.bob?.length === 1);
    const [duplex] = scene.opened;
    duplex?.cork(); // Nothing leaves.
    const packet = frameOf(new Uint8Array(1024 * 1024));
    for (let index = 0; index < 20; index++) scene.ann.send(BOB, packet);
    expect(scene.lost.length).toBeGreaterThan(0);
    expect(scene.ann.waitingBytes).toBeLessThan(10 * 1024 * 1024);
  });

  it("is told as lost when the duplex breaks, and goes on on another one", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("one")));
    await scene.until(() => scene.got.bob?.length === 1);
    scene.opened[0]?.destroy(new FirefliesError("link-closed"));
    await scene.until(() => scene.lost.length === 2); // Both may have lost something.
    scene.ann.send(BOB, frameOf(bytes("two")));
    await scene.until(() => scene.got.bob?.length === 2);
    expect(scene.opened.length).toBe(2);
  });
});

describe("a duplex", () => {
  it("is ended when nothing was said for a minute, and nobody has lost anything", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("one")));
    await scene.until(() => scene.got.bob?.length === 1);
    scene.now = 59_000;
    scene.ann.tidy();
    await turn();
    expect(scene.opened[0]?.closed).toBe(false);
    scene.now = 61_000;
    scene.ann.tidy();
    await scene.until(() => scene.opened[0]?.closed === true);
    scene.bob.send(ANN, frameOf(bytes("again")));
    await scene.until(() => scene.got.ann?.length === 1);
    expect([scene.lost, scene.opened.length]).toEqual([[], 2]);
  });

  it("of a liar that sends no packets is cut", async () => {
    const scene = new Scene();
    const [here, there] = duplexPair(BYTES_MAX);
    scene.bob.accept(ANN, there);
    here.write(Uint8Array.of(255, 255, 255, 255, 0));
    await scene.until(() => here.closed);
    expect((here.errored as FirefliesError).code).toBe("bad-frame");
  });
});

describe("the end", () => {
  it("waits until the other side has all that was said", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("one")));
    await scene.until(() => scene.got.bob?.length === 1);
    scene.ann.send(BOB, frameOf(bytes("last")));
    await scene.ann.finish();
    expect(scene.got.bob).toEqual(["one", "last"]);
    scene.ann.send(BOB, frameOf(bytes("late")));
    expect(scene.lost).toEqual(["to bob"]);
  });

  it("takes along what waits for a way, and for a side that reads late", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("first")));
    await scene.ann.finish();
    expect(scene.got.bob).toEqual(["first"]);
    const late = new Scene();
    late.ann.send(BOB, frameOf(bytes("one")));
    await late.until(() => late.got.bob?.length === 1);
    late.opened[0]?.cork();
    const sent = ["2", "3", "4"].map((each) => each.repeat(1_000_000));
    for (const each of sent) {
      late.ann.send(BOB, frameOf(bytes(each)));
      await turn();
    }
    late.ann.send(BOB, frameOf(bytes("last")));
    const finished = late.ann.finish();
    await turn();
    late.opened[0]?.uncork();
    await finished;
    expect(late.got.bob).toEqual(["one", ...sent, "last"]);
  });

  it("does not wait for ever for a side that does not end", async () => {
    const scene = new Scene();
    const [here, there] = duplexPair(BYTES_MAX);
    there.pause();
    scene.ann.accept(BOB, here);
    scene.ann.send(BOB, frameOf(bytes("unread")));
    await turn();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const finished = scene.ann.finish();
    await turn();
    expect(here.closed).toBe(false);
    vi.advanceTimersByTime(5_000);
    await finished;
    expect(here.closed).toBe(true);
  });

  it("of a member that has left the view cuts what is open with it, and tells nothing more", async () => {
    const scene = new Scene();
    scene.ann.send(BOB, frameOf(bytes("one")));
    await scene.until(() => scene.got.bob?.length === 1);
    scene.ann.drop(BOB);
    await scene.until(() => scene.opened[0]?.closed === true);
    expect(scene.lost.filter((what) => what === "to bob")).toEqual([]);
  });
});

it("a member that opens one duplex after the other has a few, and is heard on the newest", async () => {
  const scene = new Scene();
  scene.bob.send(ANN, frameOf(bytes("here")));
  await scene.until(() => scene.got.ann?.length === 1);
  const pairs = Array.from({ length: 50 }, () => duplexPair(BYTES_MAX));
  for (const [here, there] of pairs) {
    here.on("error", () => {});
    scene.bob.accept(ANN, there);
  }
  pairs.at(-1)?.[0].write(frameOf(bytes("newest")));
  await scene.until(() => scene.got.bob?.includes("newest") === true);
  expect(pairs.filter(([, there]) => !there.destroyed).length).toBeLessThanOrEqual(4);
  expect(scene.opened[0]?.destroyed).toBe(false);
});
