/** The judge hears the accused (rule R20) over real sockets: a liar tells one member alone of its accusation. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { Machine } from "../../gossip/index.js";
import { Pings } from "../../net/index.js";
import { accusationBy, liarBefore, tell } from "../support/false-accuser.js";
import { nextChange, OfflineNetwork, type TestClient, text, whole } from "../support/network.js";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a member that is accused before one judge alone", () => {
  it.each([
    ["by datagram", true],
    ["by call, where no datagram comes through", false],
  ])("is told by that one, %s, answers, and stays", async (_, hasDatagrams) => {
    const summon = vi.spyOn(Pings.prototype, "summon");
    if (!hasDatagrams) summon.mockImplementation(() => {});
    const heard = vi.spyOn(Machine.prototype, "summoned");
    await using network = await OfflineNetwork.create();
    const [accused, judge] = (await network.startMany(2)) as [TestClient, TestClient];
    judge.registerMessageHandler((data) => data);
    const { identity, ring } = await liarBefore(network, accused, judge);
    const liar = await network.start({ entryAddrs: [accused.address] }, identity);
    await whole([accused, judge, liar]);
    const { epoch } = accused.info();
    const answered = nextChange(judge, "rebutted", accused.id);
    await tell(identity, judge, accusationBy(identity, accused, ring));
    await answered;
    expect(accused.info().epoch).toBeGreaterThan(epoch);
    expect(summon).toHaveBeenCalled();
    expect(heard.mock.calls.length > 0).toBe(hasDatagrams);
    expect(await accused.sendToId(judge.id, text("still here"))).toBeDefined();
  });
});
