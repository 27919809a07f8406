/** Attempts that race, by RFC 8305, on a virtual clock. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Add, type Runner, race, STAGGER_MS } from "../../net/dialling/race.js";
import { later } from "./waiting.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Runners that the test settles; when each began, and which were cut. */
class Field {
  readonly began: [name: string, at: number][] = [];
  readonly cut: string[] = [];
  readonly #runs = new Map<string, { resolve(value: string): void; reject(reason: unknown): void }>();

  runner(name: string): Runner<string> {
    return (signal) => {
      this.began.push([name, performance.now()]);
      const run = later<string>();
      this.#runs.set(name, run);
      signal.addEventListener("abort", () => {
        this.cut.push(name);
        run.reject(signal.reason);
      });
      return run.promise;
    };
  }

  async succeeds(name: string): Promise<void> {
    this.#runs.get(name)!.resolve(name);
    await vi.advanceTimersByTimeAsync(0);
  }

  async fails(name: string): Promise<void> {
    this.#runs.get(name)!.reject(new Error(name));
    await vi.advanceTimersByTimeAsync(0);
  }
}

function start(field: Field, names: readonly string[], more: (add: Add<string>) => Promise<void> = async () => {}) {
  const controller = new AbortController();
  const startedAt = performance.now();
  const result = race<string>(controller.signal, async (add) => {
    for (const [rank, name] of names.entries()) add(field.runner(name), rank);
    await more(add);
  });
  result.catch(() => {});
  const began = () => field.began.map(([name, at]) => [name, at - startedAt]);
  return { result, controller, began };
}

describe("a race", () => {
  it("begins an attempt every 250 ms; the first that succeeds wins, and the others are cut", async () => {
    const field = new Field();
    const { result, began } = start(field, ["a", "b", "c", "d"]);
    await vi.advanceTimersByTimeAsync(2 * STAGGER_MS);
    expect(began()).toEqual([
      ["a", 0],
      ["b", 250],
      ["c", 500],
    ]);
    await field.succeeds("b");
    expect(await result).toEqual({ value: "b" });
    expect(field.cut).toEqual(["a", "c"]);
  });

  it("begins the next one at once when one fails, and counts the pause from there", async () => {
    const field = new Field();
    const { result, began } = start(field, ["a", "b", "c", "d"]);
    await vi.advanceTimersByTimeAsync(100);
    await field.fails("a");
    await vi.advanceTimersByTimeAsync(249);
    expect(began()).toEqual([
      ["a", 0],
      ["b", 100],
    ]);
    await vi.advanceTimersByTimeAsync(1);
    expect(began().at(-1)).toEqual(["c", 350]);
    await field.succeeds("c");
    expect(await result).toEqual({ value: "c" });
  });

  it("is lost when all have failed and none will come", async () => {
    const field = new Field();
    const { result } = start(field, ["a", "b"]);
    await field.fails("a");
    await field.fails("b");
    expect(await result).toBeUndefined();
    expect(await start(field, []).result).toBeUndefined();
  });

  it("waits for those that come later, which begin at once when nothing runs, or when the pause is over", async () => {
    const field = new Field();
    const gate = later<void>();
    const second = later<void>();
    const { result, began } = start(field, ["a"], async (add) => {
      await gate.promise;
      add(field.runner("b"), 0);
      add(field.runner("c"), 0);
      await second.promise;
      add(field.runner("d"), 0);
    });
    await field.fails("a");
    await vi.advanceTimersByTimeAsync(1_000);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    await vi.advanceTimersByTimeAsync(1_000);
    second.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(began()).toEqual([
      ["a", 0],
      ["b", 1_000],
      ["c", 1_250],
      ["d", 2_000],
    ]);
    await field.fails("b");
    await field.fails("c");
    await field.succeeds("d");
    expect(await result).toEqual({ value: "d" });
  });

  it("takes those of a lower rank first", async () => {
    const field = new Field();
    const { began, controller } = start(field, [], async (add) => {
      for (const [name, rank] of [
        ["a0", 0],
        ["a1", 1],
        ["a2", 2],
        ["b0", 0],
        ["b1", 1],
      ] as const)
        add(field.runner(name), rank);
    });
    await vi.advanceTimersByTimeAsync(4 * STAGGER_MS);
    expect(began().map(([name]) => name)).toEqual(["a0", "b0", "a1", "b1", "a2"]);
    controller.abort(new Error("enough"));
  });

  it("ends with its signal, and cuts all", async () => {
    const field = new Field();
    const { result, controller } = start(field, ["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(STAGGER_MS);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(result).rejects.toBe(reason);
    expect(field.cut).toEqual(["a", "b"]);
    await vi.advanceTimersByTimeAsync(10 * STAGGER_MS);
    expect(field.began.length).toBe(2);
  });
});
