/** Whether the way to a member is gone: with answers that a test decides, and a clock that it moves. */
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RoundTrip } from "../../client/types.js";
import { pause } from "../../net/index.js";
import { ASK_MS, Pulse, SILENCE_MS } from "../../services/pulse.js";

const NONE = { udpMs: undefined, udpAddress: undefined, linkMs: undefined, path: undefined, connectMs: undefined };
const answer = (more: Partial<RoundTrip>): RoundTrip => ({ ...NONE, error: undefined, ...more });

describe("the way to a member", () => {
  let clock = 0;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
    vi.spyOn(performance, "now").mockImplementation(() => clock);
  });
  afterEach(() => void vi.useRealTimers());

  function watched(first: RoundTrip) {
    let answers = first;
    let asked = 0;
    const pulse = new Pulse({
      ping: async (_id, { onSign } = {}) => {
        asked += 1;
        const { udpMs, linkMs } = answers;
        for (const ms of [udpMs, linkMs]) if (ms !== undefined) onSign?.(clock + ms);
        // One that is lost is waited for.
        if ([udpMs, linkMs].includes(undefined)) await pause(SILENCE_MS, new AbortController().signal);
        return answers;
      },
    });
    const stream = new PassThrough();
    stream.on("error", () => {});
    pulse.watch("bob", stream);
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += ASK_MS) {
        clock += ASK_MS;
        await vi.advanceTimersByTimeAsync(ASK_MS);
      }
    };
    return { pulse, stream, pass, now: (next: RoundTrip) => (answers = next), asked: () => asked };
  }

  it("is there while anything answers, and gone within two seconds when nothing does", async () => {
    const { stream, pass, now } = watched(answer({ udpMs: 1, linkMs: 1 }));
    await pass(10_000);
    now(answer({ udpMs: 1 }));
    await pass(10_000);
    now(answer({ linkMs: 1 }));
    await pass(10_000);
    expect(stream.destroyed).toBe(false);
    now(answer({}));
    await pass(SILENCE_MS + ASK_MS);
    expect(stream.errored).toMatchObject({ code: "link-closed" });
  });

  it("is there while connections bring bytes, although no question is answered", async () => {
    const { stream, pass, now } = watched(answer({ udpMs: 1, linkMs: 1 }));
    await pass(2_000);
    now(answer({ linkMs: -ASK_MS })); // Of bytes it is known that they came since the question before.
    await pass(10_000);
    expect(stream.destroyed).toBe(false);
  });

  it("is the link's to judge where no datagram has come through", async () => {
    const { stream, pass, now } = watched(answer({ linkMs: 1 }));
    await pass(2_000);
    now(answer({}));
    await pass(60_000);
    expect(stream.destroyed).toBe(false);
  });

  it("is gone for a busy process as well, whose every look is late, when nothing answers for so long while it runs", async () => {
    const { stream, pass, now } = watched(answer({ udpMs: 1 }));
    await pass(2_000);
    now(answer({}));
    for (let looks = 0; looks < SILENCE_MS / ASK_MS; looks++) {
      expect(stream.destroyed).toBe(false);
      clock += 250;
      await pass(ASK_MS);
    }
    expect(stream.errored).toMatchObject({ code: "link-closed" });
  });

  it("is not judged by a process that did not run, and asked for as long as streams are open", async () => {
    const { stream, pass, now, asked } = watched(answer({ udpMs: 1 }));
    await pass(2_000);
    now(answer({}));
    clock += 60_000;
    await pass(ASK_MS);
    expect(stream.destroyed).toBe(false);
    await pass(SILENCE_MS + ASK_MS);
    expect(stream.destroyed).toBe(true);
    await pass(2_000);
    const before = asked();
    await pass(2_000);
    expect(asked()).toBe(before);
  });
});
