/** Whom pings are exchanged with, and where they go: the table of keys, and addresses with host names. */
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { generateAgreementKey } from "../../identity/index.js";
import { refusalToDial } from "../../net/dialling/policy.js";
import type { PingPeer, Pings } from "../../net/pings/pings.js";
import { NotePings, nonceOf } from "../../net/pings/sender.js";
import { PingTable } from "../../net/pings/table.js";
import { type MemberId, memberIdFromBytes } from "../../rings/index.js";

const networkId = new Uint8Array(32).fill(9);
const id = (): MemberId => memberIdFromBytes(new Uint8Array(randomBytes(32)));

function tableOf(self: MemberId, agreement = generateAgreementKey()) {
  return { table: new PingTable({ agreement, networkId, self }), publicKey: agreement.publicKey, self };
}

describe("the ping table", () => {
  it("gives two members the same key, by prefix and by id", () => {
    const [a, b] = [tableOf(id()), tableOf(id())];
    a.table.learn(b.self, b.publicKey);
    b.table.learn(a.self, a.publicKey);
    const forB = a.table.ofMember(b.self)!;
    const forA = b.table.ofMember(a.self)!;
    expect(forB.id).toBe(b.self);
    expect(forB.key).toEqual(forA.key);
    expect(a.table.peerOf(b.self.slice(0, 16))).toBe(forB);
  });

  it("knows no strangers, and none who shares but a prefix", () => {
    const { table } = tableOf(id());
    const known = id();
    table.learn(known, generateAgreementKey().publicKey);
    expect(table.peerOf("00".repeat(8))).toBeUndefined();
    expect(table.ofMember(`${known.slice(0, 16)}${"0".repeat(48)}` as MemberId)).toBeUndefined();
  });

  it("goes by the key of the note that is held, though nobody was told of a new one: a life without a word between", () => {
    const [self, member] = [id(), id()];
    let held: Uint8Array | undefined;
    const table = new PingTable({ agreement: generateAgreementKey(), networkId, self, keyOf: () => held });
    expect(table.ofMember(member)).toBeUndefined();
    held = generateAgreementKey().publicKey;
    const first = table.ofMember(member)!;
    expect(table.peerOf(member.slice(0, 16))).toBe(first);
    held = generateAgreementKey().publicKey;
    expect(table.peerOf(member.slice(0, 16))!.key).not.toEqual(first.key);
  });

  it("follows a member's new key, and makes nothing of a useless one", () => {
    const { table } = tableOf(id());
    const member = id();
    table.learn(member, generateAgreementKey().publicKey);
    const first = table.ofMember(member)!;
    const next = generateAgreementKey().publicKey;
    table.learn(member, next);
    const second = table.ofMember(member)!;
    expect(second.key).not.toEqual(first.key);
    table.learn(member, next);
    expect(table.ofMember(member)).toBe(second);
    for (const useless of [new Uint8Array(32), new Uint8Array(0), new Uint8Array(31).fill(1)]) {
      table.learn(member, useless);
      expect(table.ofMember(member)).toBeUndefined();
    }
  });
});

describe("a ping", () => {
  /** The socket's place, taken by a list; names as a table. */
  function scene({ mine = ["127.0.0.1:1"], names = {}, preferred }: Partial<Setting> = {}) {
    const sent: { to: MemberId; address: string; nonce: bigint }[] = [];
    const ping = (to: PingPeer, address: string, nonce: Uint8Array) =>
      sent.push({ to: to.id, address, nonce: nonceOf(nonce) });
    const { table } = tableOf(id());
    const member = id();
    table.learn(member, generateAgreementKey().publicKey);
    const pings = new NotePings({
      pings: () => ({ ping }) as unknown as Pings,
      table,
      resolver: { known: (host) => names[host] },
      mayDial: (address) => refusalToDial(address, mine) === undefined,
      preferred: () => preferred,
    });
    return { sent, pings, member };
  }

  interface Setting {
    readonly mine: readonly string[];
    readonly names: Readonly<Record<string, readonly string[]>>;
    readonly preferred: string | undefined;
  }

  it("goes to the first address that may be pinged, with its nonce", () => {
    const { sent, pings, member } = scene();
    pings.ping(member, ["0.0.0.0:5", "127.0.0.1:1", "127.0.0.1:7", "127.0.0.1:8"], 0xfedcba9876543210n);
    expect(sent).toEqual([{ to: member, address: "127.0.0.1:7", nonce: 0xfedcba9876543210n }]);
  });

  it("goes where a session was made, when the first of several addresses may be a dead one", () => {
    const { sent, pings, member } = scene({ preferred: "203.0.113.8", names: { b: ["203.0.113.7", "203.0.113.8"] } });
    pings.ping(member, ["203.0.113.5:7", "b:7"], 1n);
    expect(sent.map(({ address }) => address)).toEqual(["203.0.113.8:7"]);
  });

  it("goes nowhere without an address or a key", () => {
    const { sent, pings, member } = scene({ mine: ["203.0.113.1:1"] });
    pings.ping(member, [], 1n);
    pings.ping(member, ["127.0.0.1:7", "[::ffff:7f00:1]:7", "nonsense"], 1n);
    pings.ping(id(), ["203.0.113.2:7"], 1n);
    expect(sent).toEqual([]);
  });

  it("to a host name goes out once the name is known, to an address that may be pinged", () => {
    const names: Record<string, readonly string[]> = {};
    const { sent, pings, member } = scene({ mine: ["203.0.113.1:1"], names });
    pings.ping(member, ["b.example:7"], 1n);
    expect(sent).toEqual([]);
    names["b.example"] = ["127.0.0.1", "2001:db8::5"];
    pings.ping(member, ["b.example:7"], 2n);
    expect(sent.map(({ address }) => address)).toEqual(["[2001:db8::5]:7"]);
  });
});
