import { describe, expect, it } from "vitest";
import { FirefliesError } from "../../../identity/index.js";
import { Improving } from "../../../net/punching/improving.js";
import type { PathKind } from "../../../net/session/path.js";
import type { Session } from "../../../net/session/session.js";
import type { MemberId } from "../../../rings/index.js";

const ID = "ab".repeat(32) as MemberId;

class Scene {
  now = 0;
  isReady = true;
  kind: PathKind | undefined = "relayed";
  direction: "dialled" | "accepted" = "dialled";
  readonly punchedAt: number[] = [];
  outcome: PathKind | FirefliesError = new FirefliesError("peer-unreachable", "No way.");
  readonly improving = new Improving({
    best: () => this.kind && ({ path: { kind: this.kind, direction: this.direction } } as unknown as Session),
    now: () => this.now,
    isReady: () => this.isReady,
    punch: async () => {
      this.punchedAt.push(this.now);
      if (this.outcome instanceof FirefliesError) throw this.outcome;
      this.kind = this.outcome;
      return {} as Session;
    },
  });

  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed++) {
      this.improving.look();
      await new Promise(setImmediate);
      this.now += 1_000;
    }
  }
}

describe("a relayed path", () => {
  it("is punched at once, and again with growing pauses", async () => {
    const scene = new Scene();
    scene.improving.consider(ID);
    await scene.pass(2_000);
    expect(scene.punchedAt.map((at) => at / 1_000)).toEqual([0, 3, 13, 43, 163, 763, 1_363, 1_963]);
    expect(scene.improving.whyNot(ID)).toBe("No way.");
  });

  it("that the other side made is left to it for the first pause", async () => {
    const scene = new Scene();
    scene.direction = "accepted";
    scene.improving.consider(ID);
    await scene.pass(6);
    expect(scene.punchedAt).toEqual([3_000]);
  });

  it("is left alone once there is a better one, and begins anew after it", async () => {
    const scene = new Scene();
    scene.outcome = "punched";
    scene.improving.consider(ID);
    await scene.pass(100);
    expect(scene.punchedAt).toEqual([0]);
    expect(scene.improving.whyNot(ID)).toBeUndefined();
    scene.kind = "relayed";
    scene.improving.consider(ID);
    await scene.pass(1);
    expect(scene.punchedAt).toEqual([0, 100_000]);
  });

  it.each([undefined, ID])("is tried at once when addresses change (%s)", async (moved) => {
    const scene = new Scene();
    scene.improving.consider(ID);
    await scene.pass(2);
    scene.improving.moved(moved);
    await scene.pass(1);
    expect(scene.punchedAt).toEqual([0, 2_000]);
  });

  it("that the other side made is tried at once when my own addresses change, which it cannot know", async () => {
    const scene = new Scene();
    scene.direction = "accepted";
    scene.improving.consider(ID);
    await scene.pass(1);
    scene.improving.moved();
    await scene.pass(1);
    expect(scene.punchedAt).toEqual([1_000]);
  });

  it("waits until there is an address to offer, and costs no pause meanwhile", async () => {
    const scene = new Scene();
    scene.isReady = false;
    scene.improving.consider(ID);
    await scene.pass(5);
    scene.isReady = true;
    await scene.pass(1);
    expect(scene.punchedAt).toEqual([5_000]);
  });

  it("is never punched twice at once, and forgotten with its member", async () => {
    const scene = new Scene();
    for (let count = 0; count < 5; count++) scene.improving.consider(ID);
    await scene.pass(1);
    expect(scene.punchedAt).toEqual([0]);
    scene.kind = undefined;
    await scene.pass(100);
    expect(scene.punchedAt).toEqual([0]);
  });
});
