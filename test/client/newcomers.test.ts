/** Newcomers, one after the other, among members that stay: each sees all of them when it has started. */
import { describe, expect, it } from "vitest";
import { createRequest, generateKeyPair } from "../../identity/index.js";
import { codeOf, OfflineNetwork, OnlineNetwork, Stage, whole } from "../support/network.js";

/** The long form: bench/newcomers.mjs. More than the ten contacts of an answer by half, so that most of them would be gone. */
const NEWCOMERS = 15;
const PATIENT = { timeout: 60_000 };

describe("a newcomer", () => {
  it(`sees all others at start, also when ${NEWCOMERS} have come and gone`, PATIENT, async () => {
    await using network = await OnlineNetwork.create();
    const stay = await Promise.all(["a", "b", "c"].map((name) => network.start(network.named(name))));
    await whole(stay);
    const ids = stay.map(({ id }) => id).sort();
    for (let number = 0; number < NEWCOMERS; number++) {
      const newcomer = await network.start(network.named(`new-${number}`));
      expect(newcomer.ids.sort()).toEqual(ids);
      expect(newcomer.alarms).toEqual([]);
      await newcomer.stop();
    }
    expect(await contactsOf(network)).toEqual(stay.map(({ address }) => address).sort());
  });

  it("that starts at the same moment as others finds them", async () => {
    await using network = await OnlineNetwork.create();
    const clients = await Promise.all(["a", "b", "c", "d"].map((name) => network.start(network.named(name))));
    await whole(clients);
    for (const { alarms } of clients) expect(alarms).toEqual([]);
  });

  it("whose contacts do not answer says that it is alone", async () => {
    await using network = await OfflineNetwork.create();
    const lone = await network.start({ entryAddrs: ["127.0.0.1:1"] });
    expect(lone.alarms.map(({ code }) => code)).toEqual(["alone"]);
    expect(lone.alarms[0]?.message).toContain("127.0.0.1:1");
  });
});

/** Whom the authority would name to a newcomer now. */
async function contactsOf({ authority }: OnlineNetwork): Promise<string[]> {
  const admission = { kind: "open", principal: "last" } as const;
  const request = await createRequest(generateKeyPair());
  const { contacts } = await authority.enroll({ admission, request, addresses: [] });
  return contacts.flatMap(({ addresses }) => addresses).sort();
}

describe("waiting for members", () => {
  it("ends when so many others are there, with them", async () => {
    await using network = await OfflineNetwork.create();
    const first = await network.start();
    expect(await first.waitForMembers(0)).toEqual([]);
    const waited = first.waitForMembers(2);
    const others = await Promise.all([1, 2].map(() => network.start({ entryAddrs: [first.address] })));
    expect((await waited).map(({ id }) => id).sort()).toEqual(others.map(({ id }) => id).sort());
    expect((await first.waitForMembers(1)).length).toBe(2);
  });

  it("ends with the signal, with the client, and for misuse", async () => {
    await using network = await OfflineNetwork.create();
    const client = await network.start();
    const abort = new AbortController();
    const cancelled = codeOf(client.waitForMembers(1, { signal: abort.signal }));
    const stopped = codeOf(client.waitForMembers(1));
    abort.abort();
    expect(await cancelled).toBe("cancelled");
    expect(await codeOf(client.waitForMembers(0, { signal: abort.signal }))).toBe("cancelled");
    await expect(client.waitForMembers(-1)).rejects.toThrow(RangeError);
    await expect(client.waitForMembers(1.5)).rejects.toThrow(RangeError);
    await client.stop();
    expect(await stopped).toBe("not-started");
    await using stage = new Stage();
    expect(await codeOf(stage.client().waitForMembers(1))).toBe("not-started");
  });
});
