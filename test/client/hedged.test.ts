/** R21: calls over relays. A relay that passes a handshake on, and then nothing, costs a part of the time, and no more. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hedged } from "../../client/driver/hedged.js";
import { FirefliesError } from "../../identity/index.js";
import { DialError, type Session } from "../../net/index.js";

type Does = "answers" | "drops" | "breaks";

/** Relays in the order in which they lead to the member; those that were blamed come last. */
class Scene {
  readonly log: string[] = [];
  /** What has come over each of the sessions. */
  bytesRead = 0;
  readonly #relays: Does[];
  readonly #kind: string;
  #now = 0;

  constructor(relays: Does[], kind = "relayed") {
    this.#relays = relays;
    this.#kind = kind;
  }

  readonly #sessions = new Map<Session, number>();

  call(deadline: number): Promise<string> {
    let next = 0;
    return hedged({
      now: () => this.#now,
      deadline,
      reach: async () => {
        const relay = next++;
        if (relay >= this.#relays.length) throw new DialError("no-route", "relay://x");
        const scene = this;
        const session = {
          path: { kind: this.#kind },
          get bytesRead() {
            return scene.bytesRead;
          },
        } as unknown as Session;
        this.#sessions.set(session, relay);
        return session;
      },
      blame: (session) => this.log.push(`${this.#now} blames ${this.#sessions.get(session)}`),
      call: (session, signal) => this.#call(this.#sessions.get(session)!, deadline, signal),
    });
  }

  #call(relay: number, deadline: number, signal: AbortSignal): Promise<string> {
    this.log.push(`${this.#now} asks ${relay}`);
    if (this.#relays[relay] === "answers") return Promise.resolve(`by ${relay}`);
    if (this.#relays[relay] === "breaks") return Promise.reject(new FirefliesError("link-closed"));
    return new Promise((_, reject) => {
      setTimeout(() => reject(new FirefliesError("timeout")), deadline - this.#now);
      signal.addEventListener("abort", () => this.log.push(`${this.#now} cuts ${relay}`));
    });
  }

  /** The process stands still; then timers fire that were due within the first half second. */
  async stall(ms: number): Promise<void> {
    this.#now += ms;
    await vi.advanceTimersByTimeAsync(500);
  }

  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
    for (let passed = 0; passed < ms; passed += 10) {
      this.#now += 10;
      await vi.advanceTimersByTimeAsync(10);
    }
  }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

describe("R21: a call through relays", () => {
  it("is made once where the first relay answers", async () => {
    const scene = new Scene(["answers", "drops"]);
    expect(await scene.call(750)).toBe("by 0");
    await scene.pass(750);
    expect(scene.log).toEqual(["0 asks 0"]);
  });

  it("goes through the next one after a third of the time, and the next after a third of the rest; all others are cut", async () => {
    const scene = new Scene(["drops", "drops", "answers"]);
    const answer = scene.call(750);
    await scene.pass(450);
    expect(await answer).toBe("by 2");
    const cuts = ["420 cuts 0", "420 cuts 1"];
    expect(scene.log).toEqual(["0 asks 0", "250 blames 0", "250 asks 1", "420 blames 1", "420 asks 2", ...cuts]);
  });

  it("takes no relay for silent because its own process stood still", async () => {
    const scene = new Scene(["drops", "answers"]);
    const answer = scene.call(60_000);
    await scene.pass(0);
    await scene.stall(3_000);
    expect(scene.log).toEqual(["0 asks 0"]);
    await scene.pass(510);
    expect(await answer).toBe("by 1");
  });

  it("goes on with a relay that lets something through", async () => {
    const scene = new Scene(["drops", "answers"]);
    const answer = scene.call(60_000);
    for (let count = 0; count < 10; count++) {
      scene.bytesRead += 1;
      await scene.pass(250);
    }
    expect(scene.log).toEqual(["0 asks 0"]);
    await scene.pass(1_010);
    expect(await answer).toBe("by 1");
  });

  it("waits for one relay half a second at most", async () => {
    const scene = new Scene(["drops", "answers"]);
    const answer = scene.call(60_000);
    await scene.pass(500);
    expect(await answer).toBe("by 1");
  });

  it("takes the next one at once when the session breaks", async () => {
    const scene = new Scene(["breaks", "answers"]);
    expect(await scene.call(750)).toBe("by 1");
    expect(scene.log).toEqual(["0 asks 0", "0 blames 0", "0 asks 1"]);
  });

  it("fails at the deadline when all are silent, and not before", async () => {
    const scene = new Scene(["drops", "drops", "drops", "drops"]);
    const answer = scene.call(750).catch((error: FirefliesError) => error.code);
    let isOver = false;
    void answer.then(() => {
      isOver = true;
    });
    await scene.pass(740);
    expect(isOver).toBe(false);
    await scene.pass(20);
    expect(await answer).toBe("timeout");
  });

  it("waits for the first one while no other leads there", async () => {
    const scene = new Scene(["drops"]);
    const answer = scene.call(750).catch((error: FirefliesError) => error.code);
    await scene.pass(760);
    expect(await answer).toBe("timeout");
  });

  it("is made once over any other path: its failure is the caller's to judge", async () => {
    const scene = new Scene(["breaks", "answers"], "direct");
    await expect(scene.call(750)).rejects.toMatchObject({ code: "link-closed" });
    expect(scene.log).toEqual(["0 asks 0"]);
  });
});
