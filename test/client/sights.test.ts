/** What relays say of where datagrams come from: whom a member asks, how often, and what follows. */
import { describe, expect, it } from "vitest";
import { Sights } from "../../client/punching/sights.js";
import type { MemberId } from "../../rings/index.js";

const [A, B] = ["a", "b"].map((digit) => digit.repeat(64) as MemberId) as [MemberId, MemberId];

class Scene {
  now = 0;
  relays: MemberId[] = [A, B];
  /** What each says; no entry: it does not answer. */
  readonly says = new Map<MemberId, string | undefined>();
  readonly asked: [MemberId, number][] = [];
  seen = 0;
  readonly sights = new Sights({
    relays: () => this.relays,
    observe: async (id) => {
      this.asked.push([id, this.now]);
      return this.says.has(id) ? { udp: this.says.get(id) } : undefined;
    },
    onSeen: () => {
      this.seen += 1;
    },
    now: () => this.now,
  });

  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed++) {
      this.sights.look();
      await new Promise(setImmediate);
      this.now += 1_000;
    }
  }
}

describe("what relays see", () => {
  it("is asked of each relay at once, and then every ten minutes", async () => {
    const scene = new Scene();
    for (const id of [A, B]) scene.says.set(id, "192.0.2.1:7");
    await scene.pass(1_300);
    expect(scene.asked.filter(([id]) => id === A).map(([, at]) => at)).toEqual([0, 600_000, 1_200_000]);
    expect(scene.sights.udp).toEqual([
      [A, "192.0.2.1:7"],
      [B, "192.0.2.1:7"],
    ]);
    expect([scene.sights.isUdpBlocked, scene.seen]).toEqual([false, 6]);
  });

  it("is nothing where two hear nothing, and asked again soon: then datagrams do not get out", async () => {
    const scene = new Scene();
    scene.says.set(A, undefined);
    await scene.pass(2);
    expect(scene.sights.isUdpBlocked).toBe(false);
    scene.says.set(B, undefined);
    await scene.pass(5);
    expect([scene.sights.udp, scene.sights.isUdpBlocked]).toEqual([[], true]);
    expect(scene.asked.filter(([id]) => id === A).map(([, at]) => at)).toEqual([0, 5_000]);
    scene.says.set(A, "192.0.2.1:7");
    await scene.pass(10);
    expect(scene.sights.isUdpBlocked).toBe(false);
  });

  it("is forgotten with the relay, and when my addresses change", async () => {
    const scene = new Scene();
    for (const id of [A, B]) scene.says.set(id, "192.0.2.1:7");
    await scene.pass(1);
    scene.relays = [B];
    await scene.pass(1);
    expect(scene.sights.udp).toEqual([[B, "192.0.2.1:7"]]);
    scene.sights.moved();
    expect(scene.sights.udp).toEqual([]);
    await scene.pass(1);
    expect(scene.sights.udp).toEqual([[B, "192.0.2.1:7"]]);
  });
});
