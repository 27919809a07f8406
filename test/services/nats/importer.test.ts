/** What a bridge does when the overlay does not take what NATS sends: nothing is without bound, and every loss is counted and told. */
import { expect, it } from "vitest";
import { FirefliesError } from "../../../identity/index.js";
import { Importer } from "../../../services/nats/bridge/importer.js";
import { RETRIES_MAX, Retries, TRIES_MAX } from "../../../services/nats/bridge/retries.js";
import { TOLD_MS, Troubles } from "../../../services/nats/bridge/troubles.js";

/** Timers that a test lets go off. */
class Later {
  #now = 0;
  readonly #due = new Map<() => void, number>();

  readonly later = (run: () => void, ms: number) => {
    const timer = () => run();
    this.#due.set(timer, this.#now + ms);
    return () => void this.#due.delete(timer);
  };

  get waiting(): number {
    return this.#due.size;
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const [timer, at] of [...this.#due]) if (at <= this.#now && this.#due.delete(timer)) timer();
  }
}

function scene(publish: () => Promise<unknown>) {
  const clock = new Later();
  const told: FirefliesError[] = [];
  const troubles = new Troubles((error) => told.push(error), clock.later);
  const retries = new Retries(clock.later);
  const importer = new Importer({
    ...{ prefix: "ff.", network: "n", system: "s", roots: [], now: () => 0 },
    ...{ publish, troubles },
  });
  /** Of NATS core. */
  const take = () => {
    let deliveries = 1;
    const message = {
      ...{ subject: "ff.a", headers: {}, data: new Uint8Array(1), done: () => {}, refuse: () => {} },
      get deliveries() {
        return deliveries;
      },
      again: (ms: number) => {
        const tries = deliveries++;
        return retries.add({ tries, bytes: 1 }, () => importer.take(message), ms);
      },
      overflow: () => false,
    };
    importer.take(message);
  };
  return { clock, told, troubles, retries, importer, take };
}

const settled = () => new Promise((done) => setImmediate(done));

it("leaves what has no room, and every one is in what it tells and counts", () => {
  const flood = 70_000;
  const { clock, told, importer, take } = scene(() => new Promise(() => {})); // The overlay takes nothing more.
  for (let sent = 0; sent < flood; sent++) take();
  expect(told).toMatchObject([{ code: "overloaded", message: expect.stringContaining("(1 without room)") }]);
  clock.pass(TOLD_MS);
  expect(told[1]?.message).toContain(`(${flood - 65_536 - 1} without room)`);
  take();
  clock.pass(TOLD_MS);
  expect(told[2]?.message).toContain("(1 without room)");
  expect(importer.figures().lost).toBe(flood - 65_536 + 1);
  clock.pass(TOLD_MS);
  expect([told.length, clock.waiting]).toEqual([3, 0]);
});

it("tries a message of NATS core again so often and no more, and tells that it is lost", async () => {
  let tries = 0;
  const { clock, told, importer, take } = scene(() => {
    tries += 1;
    return Promise.reject(new FirefliesError("unacknowledged"));
  });
  take();
  for (let pause = 0; pause < 2 * TRIES_MAX; pause++) {
    await settled();
    clock.pass(2_000);
  }
  expect([tries, importer.figures().lost, told.filter(({ code }) => code === "messages-lost").length]).toEqual([
    TRIES_MAX,
    1,
    1,
  ]);
});

it("keeps no more of them than there is room for, and none when it ends", () => {
  const clock = new Later();
  const retries = new Retries(clock.later);
  const add = () => retries.add({ tries: 1, bytes: 1 }, () => {}, 2_000);
  const taken = Array.from({ length: RETRIES_MAX }, add);
  expect([taken.includes(false), add()]).toEqual([false, false]);
  clock.pass(2_000);
  expect(add()).toBe(true);
  expect([retries.close(), clock.waiting, add()]).toEqual([1, 0, false]);
});

it("tells what waits when it ends", () => {
  const { told, troubles } = scene(async () => {});
  for (let each = 0; each < 3; each++) troubles.tell(new FirefliesError("proof-altered", `One, the ${each}th.`));
  troubles.close();
  expect(told.map(({ message }) => message)).toEqual(["One, the 0th.", "One, the 2th. (2 of this kind; the latest.)"]);
});
