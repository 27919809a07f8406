/** Who is there: members, changes, figures, metadata, signatures, and how a client leaves. */

import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Change } from "../../client/types.js";
import { loadIdentity, sign, signRaw, verify } from "../../identity/index.js";
import { MemoryNetwork } from "../../net/index.js";
import {
  codeOf,
  DEADLINE_MS,
  deferred,
  nextChange,
  OfflineNetwork,
  read,
  type TestClient,
  text,
  until,
  whole,
} from "../support/network.js";
import { DAY_MS } from "../support/test-network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let carol: TestClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(3);
  network = made.network;
  [alice, bob, carol] = made.clients as [TestClient, TestClient, TestClient];
});
afterAll(() => network[Symbol.asyncDispose]());

describe("members()", () => {
  it("lists the others, each with its address, and not oneself", () => {
    for (const client of [alice, bob, carol]) {
      const others = [alice, bob, carol].filter((other) => other !== client);
      expect(
        client
          .members()
          .map(({ id, address }) => [id, address])
          .sort(),
      ).toEqual(others.map(({ id, address }) => [id, address]).sort());
      for (const member of client.members()) {
        expect(member).toMatchObject({ suspected: false, metadata: {}, addresses: [member.address] });
        expect(member.since).toBeGreaterThan(Date.now() - 600_000);
        expect(member.since).toBeLessThanOrEqual(Date.now());
      }
    }
  });

  it("agrees with info() and rings()", async () => {
    const info = alice.info();
    expect(info).toMatchObject({ id: alice.id, address: alice.address, rings: 9, tolerance: 4, members: 2 });
    expect(info.network).toBe(bob.info().network);
    const rings = alice.rings();
    expect(rings.map(({ ring }) => ring)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const { predecessor, successor } of rings) {
      expect(alice.ids).toContain(predecessor);
      expect(alice.ids).toContain(successor);
    }
    await vi.waitFor(() => expect(alice.info().fingerprint).toBe(bob.info().fingerprint), DEADLINE_MS);
  });
});

describe("names", () => {
  it("come from certificates: in members, changes, figures and handlers, and mean their member", async () => {
    await using named = await OfflineNetwork.create();
    const start = async (name: string, entryAddrs: readonly string[] = []) =>
      named.start({ entryAddrs, metadata: { role: name } }, await named.authority.member({ name }));
    const ada = await start("ada");
    const ben = await start("ben", [ada.address]);
    await whole([ada, ben]);
    const { promise: heard, resolve: hear } = deferred<unknown>();
    ben.registerMessageHandler((_, { from }) => {
      hear(from);
      return undefined;
    });
    await ada.sendToId(ada.member("ben")!.id, text("hello"));
    expect(await heard).toEqual({ id: ada.id, name: "ada", address: ada.address });
    expect(ada.members({ name: "b*", metadata: { role: "ben" } }).map(({ name }) => name)).toEqual(["ben"]);
    expect(ada.members({ name: "x*" })).toEqual([]);
    expect([ada.info().name, ada.self.name, ada.member(ada.id)?.name]).toEqual(["ada", "ada", "ada"]);
    const gone = nextChange(ada, "left", ben.id);
    const departed = ben.id;
    await ben.stop();
    await gone;
    expect(ada.departed()).toMatchObject([{ member: { id: departed, name: "ben" }, reason: "left" }]);
    expect(ada.member("ben")).toBeUndefined();
  });

  it("are no condition: a certificate without one is as good", () => {
    expect(alice.members().map(({ name }) => name)).toEqual([undefined, undefined]);
    expect(alice.info().name).toBeUndefined();
  });
});

describe("changes()", () => {
  it("begins with those that are there, and ends with its signal", async () => {
    const abort = new AbortController();
    const seen: Change[] = [];
    for await (const change of alice.changes({ signal: abort.signal })) {
      seen.push(change);
      if (seen.length === 2) abort.abort();
    }
    expect(seen.map((change) => [change.kind, "member" in change && change.member.id]).sort()).toEqual(
      alice.ids.map((id) => ["joined", id]).sort(),
    );
  });

  it("tells of a join and of a leaving, and ends when the client stops", async () => {
    const told: string[] = [];
    const dora = await network.start({ entryAddrs: [alice.address] });
    await whole([alice, bob, carol, dora]);
    const ended = (async () => {
      for await (const change of dora.changes()) told.push(change.kind);
    })();
    const left = Promise.all([alice, bob, carol].map((client) => nextChange(client, "left", dora.id)));
    await dora.stop();
    await ended;
    await left;
    expect(told.slice(0, 3)).toEqual(["joined", "joined", "joined"]);
    expect(() => dora.changes()).toThrow(expect.objectContaining({ code: "not-started" }));
    for (const client of [alice, bob, carol]) expect(client.ids).not.toContain(dora.id);
  });
});

describe("metadata", () => {
  it("reaches the others as an update", async () => {
    const updated = Promise.all([alice, carol].map((client) => nextChange(client, "updated", bob.id)));
    await bob.setMetadata({ role: "worker", zones: [1, 2], name: "böb" });
    await updated;
    for (const client of [alice, carol]) {
      const member = client.members().find(({ id }) => id === bob.id);
      expect(member?.metadata).toEqual({ role: "worker", zones: [1, 2], name: "böb" });
    }
    await bob.setMetadata({});
    await until(alice, () => Object.keys(alice.members().find(({ id }) => id === bob.id)!.metadata).length === 0);
  });

  it("is there from the start, by option or before it", async () => {
    await using other = await OfflineNetwork.create();
    const first = await other.member({ metadata: { role: "one" } });
    const second = await other.member({});
    await second.setMetadata({ role: "two" });
    await first.start();
    await second.start();
    expect(second.members()).toEqual([]); // Nobody told it of the other.
    const third = await other.start({ entryAddrs: [first.address, second.address], metadata: { role: "three" } });
    await until(third, () => third.ids.length === 2);
    expect(
      third
        .members()
        .map(({ metadata }) => metadata.role)
        .sort(),
    ).toEqual(["one", "two"]);
  });

  it("that is set while the client starts is not lost", async () => {
    await using other = await OfflineNetwork.create();
    const first = await other.start();
    const second = await other.member({ entryAddrs: [first.address] });
    const started = second.start();
    await second.setMetadata({ role: "late" });
    await started;
    await until(first, () => first.members()[0]?.metadata.role === "late");
  });

  it("over 4,096 bytes or beyond JSON is refused, and the old one stays", async () => {
    const { epoch } = carol.info();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const metadata of [{ much: "x".repeat(4100) }, { big: 1n }, cycle])
      await expect(carol.setMetadata(metadata)).rejects.toMatchObject({ code: "metadata-too-large" });
    expect(carol.info().epoch).toBe(epoch);
  });
});

describe("signatures", () => {
  it("are verified by every member that knows the signer", () => {
    const data = text("what alice said");
    const signature = alice.sign(data);
    expect(signature.length).toBe(64);
    for (const client of [alice, bob, carol]) expect(client.verifySignature(data, signature, alice.id)).toBe(true);
  });

  it("of another, of other data, of another length or of an unknown id are not", () => {
    const data = text("what alice said");
    const signature = alice.sign(data);
    const changed = signature.slice();
    changed[10]! ^= 1;
    expect(bob.verifySignature(data, signature, carol.id)).toBe(false);
    expect(bob.verifySignature(data, signature, bob.id)).toBe(false);
    expect(bob.verifySignature(text("what she did not say"), signature, alice.id)).toBe(false);
    expect(bob.verifySignature(data, changed, alice.id)).toBe(false);
    expect(bob.verifySignature(data, signature.subarray(1), alice.id)).toBe(false);
    expect(bob.verifySignature(data, new Uint8Array(0), alice.id)).toBe(false);
    expect(bob.verifySignature(data, signature, "00".repeat(32))).toBe(false);
    expect(bob.verifySignature(data, signature, "alice")).toBe(false);
  });

  it("of an application never pass as the protocol's, nor the protocol's as an application's", async () => {
    const dir = network.directory("signer");
    const identity = await network.authority.member();
    const signer = await network.start({ dir, entryAddrs: [alice.address] }, identity);
    const { networkId, publicKey } = identity.certificate;
    const data = text("a body");
    const signature = signer.sign(data);
    for (const type of ["note", "leave", "accusation", "frame", "revocation"] as const) {
      expect(verify(publicKey, type, networkId, data, signature)).toBe(false);
      const protocols = sign(identity.privateKey, type, networkId, data);
      expect(signer.verifySignature(data, protocols, signer.id)).toBe(false);
    }
    expect(verify(publicKey, "application", networkId, data, signature)).toBe(true);
    expect(signer.verifySignature(data, signRaw(identity.privateKey, data), signer.id)).toBe(false);
    await signer.stop();
    await until(alice, () => !alice.ids.includes(signer.id));
  });
});

describe("an identity", () => {
  it("is saved as files that a client starts from, the key for its owner only", async () => {
    const [identity, dir] = [await network.authority.member(), network.directory("saved")];
    const client = await network.start({ entryAddrs: [alice.address] }, identity);
    await mkdir(dir);
    await client.saveCertificate(dir);
    await client.savePrivateKey(dir);
    await client.saveCertificate();
    await client.savePrivateKey();
    expect((await stat(join(dir, "key.pem"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, "certificate.pem"))).mode & 0o777).toBe(0o644);
    expect(await codeOf(client.savePrivateKey(join(dir, "missing")))).toBe("state-write-failed");
    await client.stop();
    await expect(loadIdentity(dir, { now: Date.now() })).rejects.toMatchObject({ code: "identity-corrupt" }); // No root.
    const again = await network.member({ dir, entryAddrs: [alice.address] }, identity);
    await client.stop();
    await again.start();
    expect(again.id).toBe(client.id);
    await again.stop();
    await until(alice, () => !alice.ids.includes(again.id));
  });
});

describe("stopping", () => {
  it("is a leaving for the others and no failure, and may be asked for twice", async () => {
    const kinds: string[] = [];
    const watching = new AbortController();
    const watched = (async () => {
      for await (const change of alice.changes({ signal: watching.signal })) kinds.push(change.kind);
    })();
    {
      await using dora = await network.start({ entryAddrs: [bob.address] });
      await whole([alice, bob, carol, dora]);
      await Promise.all([dora.stop(), dora.stop()]);
      await dora.stop();
    }
    await until(alice, () => alice.ids.length === 2);
    await until(bob, () => bob.ids.length === 2);
    await until(carol, () => carol.ids.length === 2);
    watching.abort();
    await watched;
    expect(kinds).toContain("left");
    expect(kinds).not.toContain("failed");
    expect(kinds).not.toContain("suspected");
  });
});

describe("a wall clock that steps", () => {
  it.each([
    ["400 days ahead", 400 * DAY_MS],
    ["two hours back", -DAY_MS / 12],
  ])("%s costs nobody anything but an alarm", async (_what, step) => {
    await using made = await OfflineNetwork.of(2);
    const [a, b] = made.clients as [TestClient, TestClient];
    const kinds: string[] = [];
    const watched = (async () => {
      for await (const change of a.changes()) kinds.push(change.kind);
    })();
    b.registerMessageHandler((data) => data);
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      vi.setSystemTime(Date.now() + step);
      expect(read(await a.sendToId(b.id, text("x")))).toBe("x");
      const updated = Promise.all([nextChange(a, "updated", b.id), nextChange(b, "updated", a.id)]);
      await b.setMetadata({ is: "still heard" });
      await a.setMetadata({ is: "still heard" });
      await updated;
      const stream = await a.openStream(b.id);
      stream.destroy();
      expect(a.alarms.map(({ code }) => code)).toEqual(["clock-stepped"]);
    } finally {
      vi.useRealTimers();
    }
    await a.stop();
    await watched;
    expect(kinds.filter((kind) => kind !== "joined" && kind !== "updated")).toEqual([]);
  });
});

describe("over wires in memory", () => {
  it("clients join, talk, and are whole again after a partition", async () => {
    const wires = new MemoryNetwork();
    await using made = await OfflineNetwork.of(4, { wires });
    const [a, b, c, d] = made.clients as [TestClient, TestClient, TestClient, TestClient];
    b.registerMessageHandler((data) => data);
    expect(read(await a.sendToId(b.id, text("x")))).toBe("x");
    const lost = nextChange(a, "left", d.id);
    wires.partition(["m0", "m1"], ["m2"]);
    expect(["link-closed", "peer-unreachable"]).toContain(await codeOf(a.sendToId(c.id, text("x"))));
    await d.stop();
    await lost;
    wires.healAll();
    await whole([a, b, c]);
    await until(c, () => c.ids.length === 2);
  });
});
