/** Starting: enrolment, restoring, what may be in the way, and that nothing is left open. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { ClientOptions } from "../../client/config/index.js";
import { loadIdentity, saveIdentity } from "../../identity/index.js";
import {
  codeOf,
  DEADLINE_MS,
  DELTA_MS,
  OfflineNetwork,
  OnlineNetwork,
  read,
  Stage,
  text,
  until,
  whole,
} from "../support/network.js";
import { SmallDisk } from "../support/small-disk.js";

const DAY_MS = 86_400_000;
/** Closing takes a few turns, and the work of the kernel and of the thread pool. */
const CLOSING_MS = 5_000;

async function takenPort(stage: Stage): Promise<number> {
  const server = stage.closing(
    createServer((socket) => socket.on("error", () => {})),
    (each) => each.close(),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Sockets and servers of this process, by kind. */
function handles(): readonly string[] {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|UDP/.test(kind));
}

/** Those that are more than before; what an earlier test had open then may be gone. */
function openedSince(before: readonly string[]): readonly string[] {
  const left = [...before];
  return handles().filter((kind) => {
    const at = left.indexOf(kind);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

describe("with an authority, a client", () => {
  it("enrols by token, finds the others, and is restored with the same id and a higher epoch", async () => {
    await using network = await OnlineNetwork.create();
    const token = await network.authority.createToken("alice");
    const dir = network.directory();
    const bob = await network.start(network.named("bob"));
    const alice = await network.start({ dir, token });
    await whole([alice, bob]);
    const { epoch } = alice.info();
    await alice.stop();
    const again = await network.start({ dir });
    await whole([again, bob]);
    expect(again.id).toBe(alice.id);
    expect(again.info().epoch).toBeGreaterThan(epoch);
    expect(again.alarms).toEqual([]);
  });

  it("starts without the authority once it has an identity, and finds those it knew", async () => {
    await using network = await OnlineNetwork.create();
    const dirs = [network.directory(), network.directory()];
    const options = dirs.map((dir, index): ClientOptions => ({ dir, ...network.named(`m${index}`) }));
    const before = await Promise.all(options.map((each) => network.start(each)));
    await whole(before);
    const ids = before.map(({ id }) => id);
    const ports = before.map(({ address }) => address);
    await Promise.all(before.map((client) => client.stop()));
    await network.pause();
    const after = await Promise.all(options.map((each, index) => network.start({ ...each, listen: ports[index]! })));
    await whole(after);
    expect(after.map(({ id }) => id)).toEqual(ids);
    expect(after.flatMap(({ alarms }) => alarms.map(({ code }) => code))).toContain("authority-unreachable");
    await network.resume();
  });

  it("whose certificate is due is renewed under its id, and everybody goes on with the new one", async () => {
    // Enrolled six days ago, for seven.
    await using network = await OnlineNetwork.create({ behindMs: 6 * DAY_MS });
    const [dir, other] = [network.directory(), network.directory()];
    const before = await network.start({ dir, ...network.named("alice") });
    expect(before.info().certificateEnds).toBeLessThan(Date.now() + 2 * DAY_MS);
    await before.stop();
    network.behindMs = 0;
    await network.pause();
    await network.resume();
    const bob = await network.start({ dir: other, ...network.named("bob") });
    const alice = await network.start({ dir });
    const isRenewed = () => alice.info().certificateEnds > Date.now() + 6 * DAY_MS;
    await until(bob, () => bob.ids.includes(alice.id));
    await until(alice, () => bob.ids.length === 1 && alice.ids.length === 1);
    bob.registerMessageHandler((data) => data);
    alice.registerMessageHandler((data) => data);
    // A renewal is no news for the application: it is looked for.
    await vi.waitFor(() => expect(isRenewed()).toBe(true), DEADLINE_MS);
    expect(alice.id).toBe(before.id);
    await vi.waitFor(() => expect(bob.info().fingerprint).toBe(alice.info().fingerprint), DEADLINE_MS);
    expect(read(await alice.sendToId(bob.id, text("there")))).toBe("there");
    expect(read(await bob.sendToId(alice.id, text("and back")))).toBe("and back");
    expect(bob.verifySignature(text("x"), alice.sign(text("x")), alice.id)).toBe(true);
    expect([...alice.alarms, ...bob.alarms]).toEqual([]);
    await alice.stop();
    const saved = await network.start({ dir });
    expect(saved.info().certificateEnds).toBeGreaterThan(Date.now() + 6 * DAY_MS);
  });

  it.each([
    ["for a day is renewed under its id", 8, false],
    ["for longer than it had lived needs a token, and keeps its id with one", 15, true],
  ])("whose certificate has ended %s", async (_, days, needsToken) => {
    await using network = await OnlineNetwork.create({ behindMs: days * DAY_MS });
    const dir = network.directory();
    const identity = await network.authority.createIdentity({ principal: "alice" });
    await saveIdentity(dir, identity);
    network.behindMs = 0;
    await network.pause();
    await network.resume();
    if (needsToken) {
      expect(await codeOf(network.client({ dir, ...network.named("alice") }).start())).toBe("identity-expired");
    }
    const how = needsToken ? { token: await network.authority.createToken("alice") } : network.named("alice");
    const alice = await network.start({ dir, ...how });
    expect(alice.id).toBe(identity.certificate.id);
    expect(alice.info().certificateEnds).toBeGreaterThan(Date.now());
    await alice.stop();
    expect((await loadIdentity(dir, { now: Date.now() }))?.certificate.id).toBe(alice.id);
  });

  it("remembers its first company at once: a crash a moment later, with the authority away, loses nobody", async () => {
    await using network = await OnlineNetwork.create();
    const [dir, copy] = [network.directory(), network.directory()];
    const bob = await network.start(network.named("bob"));
    const alice = await network.start({ dir, ...network.named("alice") });
    await until(alice, () => alice.ids.includes(bob.id));
    // What a crash leaves: the files as they are by now, without the goodbyes of stop(). The usual pause is 2 s.
    await vi.waitFor(() => readFile(join(dir, "members")), { timeout: 1_900, interval: 10 });
    await cp(dir, copy, { recursive: true, filter: (path) => !path.includes("lock") });
    await alice.stop();
    await network.pause();
    const again = await network.start({ dir: copy });
    await whole([again, bob]);
    expect(again.id).toBe(alice.id);
  });

  it.each([
    ["is damaged", (file: string) => writeFile(file, '{"urls":["https://127')],
    ["names nothing that could be an authority", (file: string) => writeFile(file, '{"urls":[7,"http://a"]}')],
    ["is missing", (file: string) => rm(file)],
    ["cannot be read", (file: string) => rm(file).then(() => mkdir(file))],
  ])("whose authority.json %s says so, and renews again once it was named", async (_, spoil) => {
    await using network = await OnlineNetwork.create();
    const dir = network.directory();
    await (await network.start({ dir, ...network.named("alice") })).stop();
    const file = join(dir, "authority.json");
    await spoil(file);
    const alice = await network.start({ dir });
    expect(alice.alarms.map(({ code }) => code)).toContain("authority-unknown");
    const { message, advice } = alice.alarms.find(({ code }) => code === "authority-unknown")!;
    expect(message).toContain(file);
    expect(advice).toContain("--ca URL");
    expect(await codeOf(alice.renew())).toBe("authority-unreachable");
    await alice.stop();
    if ((await stat(file).catch(() => undefined))?.isDirectory()) await rm(file, { recursive: true });
    const named = await network.start({ dir, ca: network.url });
    expect([named.alarms, await codeOf(named.renew())]).toEqual([[], "none"]);
    await named.stop();
    // And is kept.
    const again = await network.start({ dir });
    expect([again.alarms, await codeOf(again.renew())]).toEqual([[], "none"]);
  });

  it("takes an authority that has moved from a token, and keeps it", async () => {
    await using network = await OnlineNetwork.create();
    const dir = network.directory();
    await (await network.start({ dir, ...network.named("alice") })).stop();
    const urls = ["https://127.0.0.1:1", network.url];
    await (await network.start({ dir, token: await network.authority.createToken("alice", { urls }) })).stop();
    expect(JSON.parse(await readFile(join(dir, "authority.json"), "utf8"))).toEqual({ urls });
  });

  it("says that a token was used, is none, or that the authority is away", async () => {
    await using network = await OnlineNetwork.create();
    const token = await network.authority.createToken("alice");
    await network.start({ token });
    expect(await codeOf(network.client({ token }).start())).toBe("token-used");
    expect(await codeOf(network.client({ token: "nonsense" }).start())).toBe("token-invalid");
    await expect(network.client({}).start()).rejects.toMatchObject({
      code: "token-required",
      advice: expect.stringContaining("--join"),
    });
    await expect(network.client({ ca: network.url }).start()).rejects.toMatchObject({
      code: "token-required",
      advice: expect.stringContaining("give ca_fingerprint and name too"),
    });
    const { url } = network;
    await network.pause();
    const away = { ca: url, caFingerprint: "00".repeat(32), name: "bob" };
    expect(await codeOf(network.client(away).start())).toBe("authority-unreachable");
    await network.resume();
    expect(await codeOf(network.client(away).start())).toBe("authority-untrusted");
  });

  it("refuses another authority's token for a directory that has an identity", async () => {
    await using network = await OnlineNetwork.create();
    await using other = await OnlineNetwork.create();
    const dir = network.directory();
    await (await network.start({ dir, ...network.named("alice") })).stop();
    const before = await readFile(join(dir, "certificate.pem"), "utf8");
    const token = await other.authority.createToken("alice");
    expect(await codeOf(network.client({ dir, token }).start())).toBe("authority-untrusted");
    expect(await codeOf(network.client({ dir, ...other.named("alice") }).start())).toBe("authority-untrusted");
    expect(await readFile(join(dir, "certificate.pem"), "utf8")).toBe(before);
    // And the token is still unused.
    expect((await other.start({ token })).id).toMatch(/^[0-9a-f]{64}$/);
  });

  it("without a directory keeps nothing, and is another member next time", async () => {
    await using network = await OnlineNetwork.create();
    const first = await network.start(network.named("alice"));
    const second = await network.start(network.named("alicia"));
    expect(second.id).not.toBe(first.id);
    await whole([first, second]);
  });
});

describe("without an authority, a client", () => {
  it("starts from an identity in files and the contacts in entry_addrs", async () => {
    await using made = await OfflineNetwork.of(3);
    for (const client of made.clients) expect(client.alarms).toEqual([]);
  });

  it("says that its identity is missing", async () => {
    await using stage = new Stage();
    expect(await codeOf(stage.client({ useCa: false, dir: stage.directory() }).start())).toBe("identity-missing");
    expect(await codeOf(stage.client({ useCa: false }).start())).toBe("identity-missing");
  });

  it("is ready also when no contact answers, and joins when one comes up", async () => {
    await using network = await OfflineNetwork.create();
    const port = await takenPort(network);
    const lone = await network.start({ entryAddrs: [`127.0.0.1:${port}`, "127.0.0.1:1"] });
    expect(lone.ids).toEqual([]);
    const other = await network.start({ entryAddrs: [lone.address] });
    await whole([lone, other]);
  });
});

describe("a client", () => {
  it("starts once", async () => {
    await using network = await OfflineNetwork.create();
    const client = await network.start();
    expect(await codeOf(client.start())).toBe("already-started");
    await client.stop();
    expect(await codeOf(client.start())).toBe("already-started");
  });

  it("that was never started has no id, and stops", async () => {
    await using stage = new Stage();
    const client = stage.client();
    expect(() => client.id).toThrow(expect.objectContaining({ code: "not-started" }));
    expect(() => client.members()).toThrow(expect.objectContaining({ code: "not-started" }));
    expect(await codeOf(client.sendToId("00".repeat(32), text("x")))).toBe("not-started");
    await client.stop();
    await client.stop();
  });

  it("whose start is cancelled beforehand opens nothing", async () => {
    await using network = await OfflineNetwork.create();
    const before = handles();
    const client = await network.member();
    expect(await codeOf(client.start({ signal: AbortSignal.abort() }))).toBe("cancelled");
    expect(openedSince(before)).toEqual([]);
  });

  it("whose start is cancelled while it waits for the authority or for contacts leaves nothing open", async () => {
    await using network = await OnlineNetwork.create();
    const dir = network.directory();
    await (await network.start({ dir, ...network.named("alice") })).stop();
    // Something that accepts and never answers, where the authority is said to be.
    const silent = network.closing(createServer(), (each) => each.close());
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const ca = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const before = handles();
    const abort = new AbortController();
    const connected = once(silent, "connection");
    const started = codeOf(network.client({ dir, ca }).start({ signal: abort.signal }));
    const [socket] = (await connected) as [Socket];
    const closed = once(
      socket.resume().on("error", () => {}),
      "close",
    );
    abort.abort();
    expect(await started).toBe("cancelled");
    await closed;
    await closedAll(before);
  });

  it("that is stopped while it starts does not start", async () => {
    await using network = await OfflineNetwork.create();
    const before = handles();
    const dir = network.directory();
    const client = await network.member({ dir });
    const started = codeOf(client.start());
    await client.stop();
    expect(await started).toBe("cancelled");
    expect(() => client.members()).toThrow(expect.objectContaining({ code: "not-started" }));
    await closedAll(before);
    await network.start({ dir }); // Its directory is free.
  });

  it("whose port is taken says which, and leaves nothing open, TCP and UDP", async () => {
    await using network = await OfflineNetwork.create();
    const port = await takenPort(network);
    const udp = network.closing(createSocket("udp4"), (socket) => socket.close());
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    const before = handles();
    const dir = network.directory();
    const clash = network.member({ dir, listen: `127.0.0.1:${port}` });
    await expect((await clash).start()).rejects.toMatchObject({
      code: "address-in-use",
      message: expect.stringContaining(`${port}`),
    });
    expect(await codeOf((await network.member({ dir, udpPort: udp.address().port })).start())).toBe("address-in-use");
    expect(await codeOf((await network.member({ dir, listen: "192.0.2.1:0" })).start())).toBe("address-invalid");
    await closedAll(before);
    // The directory is free again as well.
    await (await network.start({ dir })).stop();
  });

  it("shares its directory with nobody", async () => {
    await using network = await OfflineNetwork.create();
    const dir = network.directory();
    const first = await network.start({ dir });
    expect(await codeOf(network.client({ dir, useCa: false }).start())).toBe("state-in-use");
    await first.stop();
    const second = network.client({ dir, useCa: false });
    await second.start();
    expect(second.id).toBe(first.id);
  });

  it("goes on without damaged state, keeps it aside and says so", async () => {
    await using network = await OfflineNetwork.create();
    const dir = network.directory();
    const other = await network.start();
    const first = await network.start({ dir, entryAddrs: [other.address] });
    await whole([first, other]);
    const { epoch } = first.info();
    await first.stop();
    await writeFile(join(dir, "members"), "not what was written");
    await writeFile(join(dir, "epoch"), "12\n");
    const second = network.client({ dir, useCa: false, entryAddrs: [other.address] });
    await second.start();
    await whole([second, other]);
    expect(second.alarms.map(({ code }) => code)).toEqual(["state-unreadable", "state-unreadable"]);
    const files = await readdir(dir);
    expect(files).toEqual(expect.arrayContaining(["members.corrupt-1", "epoch.corrupt-1"]));
    expect(await readFile(join(dir, "members.corrupt-1"), "utf8")).toBe("not what was written");
    expect(second.info().epoch).toBeGreaterThan(epoch);
  });

  it.each([
    ["missing", (file: string) => rm(file)],
    ["damaged", (file: string) => writeFile(file, "junk")],
  ])("whose file of members is %s says so when there is no other way in", async (_, spoil) => {
    await using network = await OfflineNetwork.create();
    const dir = network.directory();
    const other = await network.start();
    const first = await network.start({ dir, entryAddrs: [other.address] });
    await whole([first, other]);
    await first.stop();
    await spoil(join(dir, "members"));
    const second = network.client({ dir, useCa: false });
    await second.start();
    expect(second.alarms.map(({ code }) => code)).toContain("alone");
    expect(second.alarms.at(-1)?.message).toContain("lost with the file members");
    await second.stop();
    await spoil(join(dir, "members"));
    const third = network.client({ dir, useCa: false, entryAddrs: [other.address] });
    await third.start();
    await whole([third, other]);
    expect(third.alarms.map(({ code }) => code)).not.toContain("alone");
  });

  it("with a damaged identity says so and changes nothing", async () => {
    await using network = await OfflineNetwork.create();
    const dir = network.directory();
    const client = await network.member({ dir });
    await writeFile(join(dir, "certificate.pem"), "junk");
    expect(await codeOf(client.start())).toBe("identity-corrupt");
    expect(await readFile(join(dir, "certificate.pem"), "utf8")).toBe("junk");
  });

  it("refuses a removal timeout below 2 Delta before it opens anything", async () => {
    await using network = await OfflineNetwork.create();
    const before = handles();
    const client = await network.member({ removalTimeoutMs: 2 * DELTA_MS - 1 });
    await expect(client.start()).rejects.toMatchObject({
      code: "config-bad-value",
      message: expect.stringContaining("removal_timeout"),
    });
    expect(openedSince(before)).toEqual([]);
    await (await network.start({ removalTimeoutMs: 2 * DELTA_MS })).stop();
  });

  it("refuses metadata that is too large before it opens anything", async () => {
    await using network = await OfflineNetwork.create();
    const dir = network.directory();
    const client = await network.member({ dir });
    await expect(client.setMetadata({ much: "x".repeat(5000) })).rejects.toMatchObject({ code: "metadata-too-large" });
    await client.start();
  });
});

describe("addresses", () => {
  it.each<[string, ClientOptions, RegExp]>([
    ["IPv6", { listen: "[::1]:0" }, /^\[::1\]:\d+$/],
    ["a host name", { listen: "127.0.0.1:0", advertise: ["localhost"] }, /^localhost:\d+$/],
    [
      "all interfaces, told apart from what is advertised",
      { listen: "0.0.0.0:0", advertise: ["127.0.0.1"] },
      /^127\.0\.0\.1:\d+$/,
    ],
    ["all interfaces of IPv6", { listen: "[::]:0", advertise: ["127.0.0.1"] }, /^127\.0\.0\.1:\d+$/],
  ])("of %s work: members, messages and pings", async (_what, options, expected) => {
    await using network = await OfflineNetwork.create();
    const [alice, bob] = await network.startMany(2, options);
    expect(alice!.address).toMatch(expected);
    bob!.registerMessageHandler((data) => data);
    expect(read(await alice!.sendTo(bob!.address, text("x")))).toBe("x");
    expect(read(await alice!.sendToId(bob!.id, text("y")))).toBe("y");
  });

  it("of a member that has moved are learned from its next note", async () => {
    await using network = await OfflineNetwork.create();
    const [identity, dir] = [await network.authority.member(), network.directory()];
    const other = await network.start();
    const first = await network.start({ dir, entryAddrs: [other.address] }, identity);
    await whole([first, other]);
    await first.stop();
    const second = await network.start({ dir, entryAddrs: [other.address] }, identity);
    await until(other, () => other.members().some(({ address }) => address === second.address));
    second.registerMessageHandler((data) => data);
    expect(read(await other.sendToId(first.id, text("x")))).toBe("x");
  });

  it("of several networks in one process do not disturb each other", async () => {
    const networks = await Promise.all([OfflineNetwork.of(2), OfflineNetwork.of(2)]);
    await using _a = networks[0];
    await using _b = networks[1];
    const ids = networks.map(({ clients }) => new Set(clients.map(({ id }) => id)));
    for (const [index, { clients }] of networks.entries()) {
      for (const client of clients) for (const { id } of client.members()) expect(ids[index]!.has(id)).toBe(true);
    }
  });
});

/** Nothing is open that was not before, soon. */
async function closedAll(before: readonly string[]): Promise<void> {
  const end = performance.now() + CLOSING_MS;
  while (performance.now() < end && openedSince(before).length > 0) await new Promise(setImmediate);
  expect(openedSince(before)).toEqual([]);
}

describe.runIf(SmallDisk.isPossible)("on a disk that is full (needs root to mount it), a client", () => {
  it("starts in memory with an alarm, and saves again when there is room", async () => {
    using disk = new SmallDisk();
    await using network = await OnlineNetwork.create();
    const dir = join(disk.path, "alice");
    const alice = await network.start({ ...network.named("alice"), dir });
    await alice.stop();
    disk.fill();
    const again = await network.start({ dir });
    expect(again.id).toBe(alice.id);
    expect(new Set(again.alarms.map(({ code }) => code))).toEqual(new Set(["state-write-failed"]));
    const bob = await network.start(network.named("bob"));
    await whole([again, bob]);
    disk.free();
    const before = await stat(join(dir, "members"));
    await again.stop();
    expect((await stat(join(dir, "members"))).mtimeMs).toBeGreaterThan(before.mtimeMs);
    expect((await network.start({ dir })).alarms).toEqual([]);
  });

  it("does not spend its token when there is no room for its key", async () => {
    using disk = new SmallDisk();
    await using network = await OnlineNetwork.create();
    const token = await network.authority.createToken("alice");
    const dir = join(disk.path, "alice");
    await mkdir(dir);
    disk.fill();
    expect(await codeOf(network.start({ dir, token }))).toBe("state-write-failed");
    disk.free();
    await network.start({ dir, token });
  });
});
