/**
 * R21: a relay that lets nothing through is asked last; the others follow each other soon. Of several that lead to the member the
 * one serves that carries something already.
 */
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity } from "../../identity/index.js";
import type { Dialler, DialOptions } from "../../net/dialling/dialler.js";
import { parseAddress, pathOf, pause, type Session } from "../../net/index.js";
import { Reaching } from "../../net/links/reaching.js";
import type { ConnectOptions } from "../../net/session/options.js";
import { DialError } from "../../net/transports/dial-error.js";
import type { MemberId } from "../../rings/index.js";

const id = "ee".repeat(32) as MemberId;
const relays = ["aa", "bb", "cc", "dd"].map((byte) => byte.repeat(32));
const addresses = relays.map((relay) => `relay://${relay}`);
const pathThrough = (relay: number) => pathOf("dialled", { scheme: "relay", host: relays[relay]!, port: 0 });

/** Dials, in the order in which addresses are given. */
function scene() {
  const state = { now: 0 };
  const dials: { readonly addresses: readonly string[]; readonly options: DialOptions }[] = [];
  const dialler = {
    dial: async (given: readonly string[], options: DialOptions) => {
      dials.push({ addresses: given, options });
      throw new DialError("no-route", given[0]!);
    },
  } as unknown as Dialler;
  const reaching = new Reaching({
    host: { connect: () => Promise.reject(new Error("nobody is reached")) },
    dialler,
    identity: () => ({ certificate: {} }) as unknown as Identity,
    instead: () => undefined,
    keep: (session: unknown) => session,
    onFailed: () => {},
    now: () => state.now,
  } as unknown as ConstructorParameters<typeof Reaching>[0]);
  const order = async () => {
    const before = dials.length;
    await reaching.dial({ id, addresses }).catch(() => {});
    return dials.slice(before).map(({ addresses: given }) => given.map((text) => addresses.indexOf(text)));
  };
  return { reaching, dials, order, state };
}

describe("relays", () => {
  it("are asked in the order of the note, three at once, and the others every 50 ms", async () => {
    const { order, dials } = scene();
    expect(await order()).toEqual([[0, 1, 2, 3]]);
    expect(dials[0]!.options).toMatchObject({ atOnce: 3, staggerMs: 50 });
  });

  it("that let nothing through are asked after the others, those of long ago before those of now", async () => {
    const { reaching, order, state } = scene();
    reaching.blame(id, pathThrough(0));
    state.now = 1_000;
    reaching.blame(id, pathThrough(2));
    expect(await order()).toEqual([
      [1, 3],
      [0, 2],
    ]);
    state.now = 2_000;
    reaching.blame(id, pathThrough(0));
    expect(await order()).toEqual([
      [1, 3],
      [2, 0],
    ]);
    state.now = 602_000;
    expect(await order()).toEqual([[1, 2, 3], [0]]);
    state.now += 1;
    expect(await order()).toEqual([[0, 1, 2, 3]]);
  });

  it("are blamed for the member that they did not lead to, and for no other", async () => {
    const { reaching, order } = scene();
    reaching.blame("ff".repeat(32) as MemberId, pathThrough(0));
    expect(await order()).toEqual([[0, 1, 2, 3]]);
  });
});

describe("a session that is ready", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** When the other end of each path lets me in, milliseconds from the proof; undefined for never. */
  async function served(acceptedMs: readonly (number | undefined)[], active: readonly number[]): Promise<number> {
    const sessions = acceptedMs.map(
      (_, index) => ({ peer: { id }, active: active[index], index }) as unknown as Session,
    );
    const host = {
      connect: async (_: unknown, { path, onProven }: ConnectOptions) => {
        const index = addresses.indexOf(`relay://${path.via![0]}`);
        await Promise.resolve();
        onProven?.(sessions[index]!);
        const ms = acceptedMs[index];
        await (ms === undefined ? new Promise(() => {}) : pause(ms, new AbortController().signal));
        return sessions[index]!;
      },
    };
    const dialler = {
      dial: (given: readonly string[], _: DialOptions, attempt: Parameters<Dialler["dial"]>[2]) =>
        Promise.any(given.map((text) => attempt(new PassThrough(), parseAddress(text)!, new AbortController().signal))),
    } as unknown as Dialler;
    const reaching = new Reaching({
      ...{ host, dialler, identity: () => ({ certificate: {} }) as unknown as Identity, instead: () => undefined },
      ...{
        keep: (session: Session) => session,
        onFailed: () => {},
        onIndirect: () => {},
        now: () => performance.now(),
      },
    });
    const dial = reaching.dial({ id, addresses: addresses.slice(0, acceptedMs.length) });
    await vi.advanceTimersByTimeAsync(1_000);
    return ((await dial) as unknown as { readonly index: number }).index;
  }

  it("serves when it is the first", async () => {
    expect(await served([40, 30, 50], [0, 0, 0])).toBe(1);
  });

  it("waits for one that a message has gone ahead on, which it would take with it", async () => {
    expect(await served([40, 30, 50], [0, 0, 1])).toBe(2);
  });

  it("waits no longer than a relay that lets nothing through has earned", async () => {
    expect(await served([40, 30, undefined], [0, 0, 1])).toBe(1);
  });

  it("that carries something itself waits for nobody", async () => {
    expect(await served([40, 30, 50], [0, 1, 1])).toBe(1);
  });
});
