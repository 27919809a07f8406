/** A member whose address changes: what it advertises then, and how fast the others follow. */
import type { NetworkInterfaceInfo } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { advertisedAddresses, advertiseOf, movedAddresses } from "../../client/config/index.js";
import { AddressWatch, INTERFACES_MS } from "../../client/standing/address-watch.js";
import type { Change } from "../../client/types.js";
import { codeOf, OfflineNetwork, read, text, until, whole } from "../support/network.js";

function entry(address: string, internal = false): NetworkInterfaceInfo {
  const rest = { internal, netmask: "", mac: "", cidr: null };
  return address.includes(":")
    ? { address, family: "IPv6", scopeid: 0, ...rest }
    : { address, family: "IPv4", ...rest };
}
const machine = (...addresses: string[]) => ({
  lo: [entry("127.0.0.1", true)],
  eth0: addresses.map((own) => entry(own)),
});

describe("the address of a machine that changes", () => {
  const at = (host: string) => [{ scheme: "tcp", host, port: 4000 }];
  const derived = { advertise: [], listen: { at: at("0.0.0.0"), udpPort: undefined } };
  const bound = { advertise: [], listen: { at: at("10.0.0.1"), udpPort: undefined } };
  const told = { ...derived, advertise: [{ scheme: undefined, host: "a.example", port: 4000 }] };

  it.each([
    ["is the new one when the old one is gone", derived, machine("10.0.0.2"), ["10.0.0.2:4000"]],
    ["stays while the machine has it, whatever else comes first", derived, machine("10.8.0.1", "10.0.0.1"), undefined],
    ["stays while there is no other: loopback would lead nobody here", derived, machine(), undefined],
    ["stays while there is only a link-local one", derived, machine("169.254.3.3", "fe80::1"), undefined],
    ["stays for a member that is bound to it", bound, machine("10.0.0.2"), undefined],
    ["stays for a member that was told what to advertise", told, machine("10.0.0.2"), undefined],
  ])("%s", (_, config, interfaces, expected) => {
    expect(movedAddresses(["10.0.0.1:4000"], config, config.listen.at, interfaces)).toEqual(expected);
  });
});

describe("the watch over it", () => {
  afterEach(() => void vi.useRealTimers());

  it("looks every two seconds until it is stopped, and again when the system does not say", () => {
    vi.useFakeTimers();
    let current = ["10.0.0.1:4000"];
    let interfaces = () => machine("10.0.0.1");
    const listeners = [{ scheme: "tcp", host: "0.0.0.0", port: 4000 }];
    const config = { advertise: [], listen: { at: listeners, udpPort: undefined } };
    const onMoved = vi.fn((addresses: readonly string[]) => {
      current = [...addresses];
    });
    const watch = new AddressWatch({
      config,
      listeners,
      current: () => current,
      interfaces: () => interfaces(),
      onMoved,
    });
    watch.start();
    vi.advanceTimersByTime(10 * INTERFACES_MS);
    expect(onMoved).not.toHaveBeenCalled();
    interfaces = () => {
      throw new Error("EMFILE");
    };
    vi.advanceTimersByTime(INTERFACES_MS);
    interfaces = () => machine("10.0.0.2");
    vi.advanceTimersByTime(10 * INTERFACES_MS);
    expect(onMoved.mock.calls).toEqual([[["10.0.0.2:4000"]]]);
    watch.stop();
    interfaces = () => machine("10.0.0.3");
    vi.advanceTimersByTime(10 * INTERFACES_MS);
    expect(onMoved).toHaveBeenCalledTimes(1);
  });
});

describe("a member on a machine with a new address", () => {
  it("is found there by all, with new links, and is told so", { timeout: 60_000 }, async () => {
    await using network = await OfflineNetwork.create();
    let interfaces = machine("127.0.0.2");
    const [alice, bob] = await network.startMany(2);
    const carol = await network.member({ listen: "0.0.0.0:0", entryAddrs: [alice!.address] }, undefined, {
      interfaces: () => interfaces,
    });
    for (const client of [alice!, bob!, carol]) client.registerMessageHandler((data) => data);
    await carol.start();
    await whole([alice!, bob!, carol]);
    const before = carol.address;
    expect(before).toMatch(/^127\.0\.0\.2:/);
    const changes: Change[] = [];
    const watched = (async () => {
      for await (const change of carol.changes()) changes.push(change);
    })();
    const addressAt = (client: typeof carol) => client.members().find(({ id }) => id === carol.id)?.address;
    interfaces = machine("127.0.0.3");
    const expected = before.replace("127.0.0.2", "127.0.0.3");
    await Promise.all([alice!, bob!].map((client) => until(client, () => addressAt(client) === expected)));
    expect(carol.address).toBe(expected);
    for (const client of [alice!, bob!]) {
      expect(read(await client.sendToId(carol.id, text("where?")))).toBe("where?");
      expect(read(await carol.sendToId(client.id, text("here")))).toBe("here");
    }
    await carol.stop();
    await watched;
    expect(changes.filter(({ kind }) => kind === "moved")).toMatchObject([{ addresses: [expected] }]);
    expect(changes.filter(({ kind }) => kind === "failed" || kind === "isolated")).toEqual([]);
  });
});

describe("setAdvertise()", () => {
  it.each([
    ["four of host:port or host", ["a.example:1", "b.example", "[::1]:9", "10.0.0.1"], undefined],
    ["nine", ["a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1", "h:1", "i:1"], "address-invalid"],
    ["a port alone", ["4000"], "address-invalid"],
    ["port 0", ["a:0"], "address-invalid"],
    ["a wildcard", ["0.0.0.0:4000"], "address-invalid"],
    ["another wildcard", ["[::]:4000"], "address-invalid"],
    ["a URL", ["https://a.example:1"], "address-invalid"],
    ["no text", [true], "address-invalid"],
    ["no list", 12, "address-invalid"],
  ])("takes what the option `advertise` takes: %s", (_, raw, code) => {
    const listen = { at: [{ scheme: "tcp", host: "0.0.0.0", port: 4000 }], udpPort: undefined };
    const take = () => advertisedAddresses({ advertise: advertiseOf(raw), listen }, listen.at, {});
    if (code) expect(take).toThrow(expect.objectContaining({ code }));
    else expect(take()).toEqual(["a.example:1", "b.example:4000", "[::1]:9", "10.0.0.1:4000"]);
  });

  it("moves the member for all others; an empty list takes it back", { timeout: 60_000 }, async () => {
    await using network = await OfflineNetwork.create();
    const [alice, bob] = await network.startMany(2);
    const port = bob!.address.split(":")[1];
    const addressesOf = () => alice!.members()[0]?.addresses;
    await bob!.setAdvertise([`127.0.0.5:${port}`, "127.0.0.6"]);
    expect(bob!.address).toBe(`127.0.0.5:${port}`);
    await until(alice!, () => addressesOf()?.[0] === bob!.address);
    expect(addressesOf()).toEqual([`127.0.0.5:${port}`, `127.0.0.6:${port}`]);
    expect(await codeOf(bob!.setAdvertise(["nonsense/"]))).toBe("address-invalid");
    expect(bob!.address).toBe(`127.0.0.5:${port}`);
    await bob!.setAdvertise([]);
    await until(alice!, () => addressesOf()?.[0] === `127.0.0.1:${port}`);
    await bob!.stop();
    expect(await codeOf(bob!.setAdvertise([]))).toBe("not-started");
  });
});
