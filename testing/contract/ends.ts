/** How connections end: cut, dropped, outliving their listener; and that none leaves anything behind. */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import type { Promised } from "./promised.js";
import { all, closed, flood, type Pair, read, type Scene } from "./scene.js";

/** Turns of the event loop that a system may take to give back what is closed. */
const SETTLING_TURNS = 2_000;
/** Lives side by side: below what a dialler's ports and a listener's queue hold. */
const SIDE_BY_SIDE = 20;

export const ENDS: readonly Promised[] = [
  {
    title: "closes the other end when one is destroyed, with an error or without",
    async run(scene) {
      for (const error of [undefined, new Error("enough")]) {
        const one = await used(scene);
        one.far.resume();
        one.near.destroy(error);
        await closed(one.far);
        const other = await used(scene);
        other.near.resume();
        other.far.destroy(error);
        await closed(other.near);
      }
    },
  },
  {
    title: "closes the other end though that one does not read",
    async run(scene) {
      const { near, far } = await used(scene);
      far.pause();
      far.destroy();
      near.write("x");
      near.resume();
      await closed(near);
    },
  },
  {
    title: "closes both ends when one is cut while both are full",
    async run(scene) {
      const { near, far } = await scene.pair();
      near.pause();
      far.pause();
      await flood(near);
      await flood(far);
      near.destroy();
      far.resume();
      await Promise.all([closed(near), closed(far)]);
    },
  },
  {
    title: "takes nobody in after close, lets connections live, and leaves no handle",
    async run(scene) {
      const { near, far, bound } = await scene.pair();
      await bound.close();
      await bound.close();
      assert.equal(resources().get(scene.subject.handle ?? "") ?? 0, 0);
      near.write("alive");
      assert.equal(await read(far, 5), "alive");
    },
  },
  {
    title: "closes with itself what it has not handed over",
    needs: "knock",
    async run(scene) {
      const bound = await scene.listen();
      const knocking = await scene.subject.knock!(bound.address);
      await bound.close();
      await closed(knocking);
    },
  },
  {
    title: "survives connections that their owner drops at once",
    async run(scene) {
      const bound = await scene.listen((connection) => connection.destroy());
      for (let count = 0; count < 10; count++) {
        const near = await scene.dial(bound);
        near.write("x");
        near.resume();
        near.once("end", () => near.end());
        await closed(near);
      }
    },
  },
  {
    title: "leaves no handle of all the connections that have lived",
    async run(scene) {
      const bound = await scene.listen((connection) => connection.pipe(connection));
      const before = resources();
      for (let left = scene.options.lives; left > 0; left -= SIDE_BY_SIDE) {
        const lives = Array.from({ length: Math.min(left, SIDE_BY_SIDE) }, (_, index) => live(scene, bound, index));
        await Promise.all(lives);
      }
      const kept = await settled(before);
      assert.deepEqual(kept, [], "What the process holds more of than before.");
    },
  },
];

/** Both ends of a connection that has carried something. */
async function used(scene: Scene): Promise<Pair> {
  const pair = await scene.pair();
  pair.near.write("a word");
  await read(pair.far, 6);
  return pair;
}

/** A connection that carries something and ends: in order, by a cut of the dialler, or while more is under way. */
async function live(scene: Scene, bound: Parameters<Scene["dial"]>[0], index: number): Promise<void> {
  const near = await scene.dial(bound);
  near.write("live");
  assert.equal(await read(near, 4), "live");
  if (index % 3 === 0) {
    const rest = all(near);
    near.end();
    await rest;
  } else if (index % 3 === 1) {
    near.destroy();
  } else {
    near.write("more");
    near.destroy(new Error("enough"));
  }
  await closed(near);
}

/** How many of each kind keep the event loop alive. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    // The next turn of the loop, and the runner's deadlines, are no handles.
    if (name !== "Immediate" && name !== "Timeout") counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Kinds of which there are more than before, once the system had time to give them back. */
async function settled(before: ReadonlyMap<string, number>): Promise<string[]> {
  let kept: string[] = [];
  for (let turns = 0; turns < SETTLING_TURNS; turns++) {
    await turn();
    kept = [...resources()].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name);
    if (kept.length === 0) break;
  }
  return kept;
}
