/** R21: a relay that lets nothing through is asked last; the others follow each other soon. */
import { describe, expect, it } from "vitest";
import type { Identity } from "../../identity/index.js";
import type { Dialler, DialOptions } from "../../net/dialling/dialler.js";
import { pathOf } from "../../net/index.js";
import { Reaching } from "../../net/links/reaching.js";
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
