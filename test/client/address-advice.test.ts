/** What an operator is told when addresses alone keep members apart. */
import { describe, expect, it } from "vitest";
import { AddressAdvice, loopbackAdvice } from "../../client/entry/address-advice.js";
import type { FirefliesError } from "../../identity/index.js";
import { OfflineNetwork, until, whole } from "../support/network.js";

const ID = "ab".repeat(32);

describe("a member that advertises", () => {
  it.each([
    [["127.0.0.1:1"], true],
    [["127.0.0.2:1", "[::1]:2", "localhost:3"], true],
    [["10.0.0.1:1"], false],
    [["127.0.0.1:1", "10.0.0.1:1"], false],
    [["a.example:1"], false],
    [[], false],
  ])("%j: only for members of its machine? %s", (addresses, isTold) => {
    const advice = loopbackAdvice(addresses);
    expect(advice?.code).toBe(isTold ? "loopback-only" : undefined);
    if (isTold) expect(advice?.advice).toMatch(/--listen 0\.0\.0\.0.*docs\/second-machine\.md/);
  });
});

describe("addresses of others", () => {
  function watched(...mine: string[]) {
    const alarms: FirefliesError[] = [];
    const advice = new AddressAdvice({ mine: () => mine, onAlarm: (alarm) => alarms.push(alarm) });
    return { advice, alarms };
  }

  it("that may not be dialled are told of once for each kind, with a way out", () => {
    const { advice, alarms } = watched("10.0.0.1:1");
    for (let count = 0; count < 3; count++) advice.look(`Member ${ID}`, ["127.0.0.1:7"]);
    advice.look("Member x", ["[::1]:7", "127.0.0.1:8"]);
    expect(alarms.map(({ code }) => code)).toEqual(["address-forbidden"]);
    expect(alarms[0]?.message).toContain(ID);
    expect(alarms[0]?.message).toContain("127.0.0.1:7 (loopback)");
    expect(alarms[0]?.message).toContain("10.0.0.1:1");
    expect(alarms[0]?.advice).toMatch(/--listen 0\.0\.0\.0.*--advertise 127\.0\.0\.1.*docs\/second-machine\.md/);
    advice.look("Member y", ["169.254.1.1:7"]);
    advice.look("Member z", ["224.0.0.1:7"]);
    expect(alarms.length).toBe(3);
  });

  it.each([
    ["one of which may be dialled", ["127.0.0.1:7", "10.0.0.2:7"]],
    ["that are mine", ["10.0.0.1:1"]],
    ["that are none", []],
    ["whose names are looked up first", ["a.example:7"]],
  ])("%s are no news", (_, addresses) => {
    const { advice, alarms } = watched("10.0.0.1:1");
    advice.look("Member x", addresses);
    expect(alarms).toEqual([]);
  });

  it("who do not dial mine are told of once, with a way out", () => {
    const { advice, alarms } = watched("127.0.0.1:1", "[::1]:1");
    advice.look(`Member ${ID}`, ["10.0.0.1:7"]);
    advice.look("Member x", ["10.0.0.2:7", "a.example:1"]);
    expect(alarms.map(({ code }) => code)).toEqual(["not-dialable"]);
    expect(alarms[0]?.message).toContain(`${ID}, at 10.0.0.1:7, does not dial 127.0.0.1:1, [::1]:1 (loopback)`);
    expect(alarms[0]?.advice).toMatch(/--listen 0\.0\.0\.0.*--advertise 127\.0\.0\.1.*docs\/second-machine\.md/);
  });

  it.each([
    ["one of mine is no loopback", ["127.0.0.1:1", "10.0.0.9:1"], ["10.0.0.1:7"]],
    ["one of theirs is loopback", ["127.0.0.1:1"], ["10.0.0.1:7", "127.0.0.1:7"]],
    ["they say nothing", ["127.0.0.1:1"], []],
  ])("dial mine where %s", (_, mine, theirs) => {
    const { advice, alarms } = watched(...mine);
    advice.look("Member x", theirs);
    expect(alarms).toEqual([]);
  });

  it("on loopback are fine among those who advertise loopback", () => {
    const { advice, alarms } = watched("127.0.0.1:1");
    advice.look("Member x", ["127.0.0.1:7", "[::1]:7"]);
    expect(alarms).toEqual([]);
  });
});

describe("a member of another machine beside members on loopback", () => {
  const elsewhere = { listen: "127.0.0.1:0", advertise: ["192.0.2.7"] };

  it("is told at start why it sees nobody, and these are told what they advertise", async () => {
    await using network = await OfflineNetwork.create();
    const here = await network.startMany(2);
    for (const client of here) expect(client.everyAlarm.map(({ code }) => code)).toEqual(["loopback-only"]);
    const other = await network.start({ ...elsewhere, entryAddrs: [here[0]!.address] });
    expect(other.ids).toEqual([]);
    expect(other.everyAlarm.map(({ code }) => code)).toEqual(["address-forbidden", "alone"]);
    expect(other.alarms[0]?.message).toContain(here[0]!.address);
  });

  it("is told of members that it comes to know by their calls", async () => {
    await using network = await OfflineNetwork.create();
    const other = await network.start(elsewhere);
    expect(other.everyAlarm).toEqual([]);
    const port = Number(other.address.split(":")[1]);
    const here = await network.start({ entryAddrs: [`127.0.0.1:${port}`] });
    await until(other, () => other.ids.includes(here.id));
    expect(other.alarms.map(({ code }) => code)).toContain("address-forbidden");
    expect(other.alarms.find(({ code }) => code === "address-forbidden")?.message).toContain(here.id);
    await until(here, () => here.alarms.some(({ code }) => code === "not-dialable"));
    expect(here.alarms.find(({ code }) => code === "not-dialable")?.message).toContain(other.id);
  });

  it("is in when all advertise what all reach", async () => {
    await using network = await OfflineNetwork.create();
    const mixed = { listen: "127.0.0.1:0", advertise: ["127.0.0.1", "192.0.2.7"] };
    const clients = await network.startMany(2, mixed);
    await whole(clients);
    for (const client of clients) expect(client.everyAlarm).toEqual([]);
  });
});
