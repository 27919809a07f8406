/** A member as a rendezvous server, and one that is met there because nobody can dial it, over real sockets and TLS. */
import { describe, expect, it } from "vitest";
import { type Asked, proofHeaders, ShownProofs } from "../../client/reach/meeting-proof.js";
import type { FirefliesError } from "../../identity/index.js";
import { parseHostPort } from "../../net/index.js";
import { AddressSpaces, RdvClient } from "../../rdv/index.js";
import { OfflineNetwork, read, text, whole } from "../support/network.js";
import { RawSocket } from "../support/raw-socket.js";

const url = ({ address }: { readonly address: string }) => `http://${address}/`;
const client = new RdvClient({ addressSpaces: AddressSpaces.none, timeoutMs: 20_000 });

describe("members that listen at a member's rendezvous", () => {
  it("are in the view with that address alone, and reach each other, whom nobody else could dial", async () => {
    await using network = await OfflineNetwork.create();
    const server = await network.start({ rdv: true });
    const hidden = { entryAddrs: [server.address], listen: `rdv://${server.address}`, behindNat: false };
    const [near, far] = [await network.start(hidden), await network.start(hidden)];
    await whole([server, near, far]);
    expect(near.member(far.id)?.addresses).toEqual([`rdv://${server.address}/${far.id}`]);
    far.registerMessageHandler((data) => text(`${read(data)}, too`));
    expect(read(await near.sendToId(far.id, text("hello")))).toBe("hello, too");
    const { path } = await near.ping(far.id);
    expect(path?.address).toMatch(/^rdv:/);
    for (const { alarms } of [server, near, far]) expect(alarms).toEqual([]);
  });
});

describe("a member's own rendezvous server", () => {
  it("begins and ends while the member runs, and who waits there in vain is told once", async () => {
    await using network = await OfflineNetwork.create();
    const server = await network.start();
    expect(server.adjust({ rdv: true })).toMatchObject({ rdv: false, relay: true });
    const hidden = { entryAddrs: [server.address], listen: `rdv://${server.address}`, behindNat: false };
    const far = await network.start(hidden);
    await whole([server, far]);
    const alarm = new Promise<FirefliesError>((told) =>
      far.registerAlarmHandler((each) => each.code === "rendezvous-unreachable" && told(each)),
    );
    expect(server.adjust({ rdv: false })).toMatchObject({ rdv: "members" });
    expect(await alarm).toMatchObject({
      code: "rendezvous-unreachable",
      message: expect.stringContaining(server.address),
    });
    expect(() => server.adjust({ listen: "127.0.0.1:1" } as never)).toThrow(TypeError);
    expect(() => server.adjust({ relayConnections: -1 })).toThrow(/relayConnections/);
  });

  it("serves members who prove it, each waiting by its own id alone", async () => {
    await using network = await OfflineNetwork.create();
    const server = await network.start({ rdv: true });
    const identity = await network.authority.member();
    const other = await network.start({ entryAddrs: [server.address] }, identity);
    await whole([server, other]);
    const { address: at } = server;
    const ask = (method: "DIAL" | "ACCEPT", token: string, headers: Readonly<Record<string, string>>) =>
      client.do(method, url(server), token, { headers, timeoutMs: 5_000 });
    const refused = async (status: number, ...[method, token, headers]: Parameters<typeof ask>) =>
      expect(ask(method, token, headers)).rejects.toMatchObject({ response: { status } });
    const proof = (more: Partial<Asked> = {}, time = Date.now()) =>
      proofHeaders(identity, { method: "DIAL", token: "token", server: at, ...more }, time);

    await refused(403, "DIAL", "token", {});
    await refused(403, "DIAL", "token", { ...proof(), "Fireflies-Signature": "" });
    await refused(403, "DIAL", "token", proof({ token: "another" }));
    await refused(403, "DIAL", "token", proof({ method: "ACCEPT" }));
    await refused(403, "DIAL", "token", proof({}, Date.now() - 130_000));
    await refused(403, "ACCEPT", "token", proof({ method: "ACCEPT" }));
    await refused(403, "DIAL", "token", proof({ server: "evil.example:8400" }));

    const stranger = await network.authority.member();
    await refused(
      403,
      "DIAL",
      "token",
      proofHeaders(stranger, { method: "DIAL", token: "token", server: at }, Date.now()),
    );

    // Good once. Nobody comes, and it is not good again.
    const shown = proof();
    await expect(client.dial(url(server), "token", { headers: shown, timeoutMs: 300 })).rejects.toMatchObject({
      code: "rdv-timeout",
    });
    await refused(403, "DIAL", "token", shown);
  });

  it("does not take what another server was shown, whatever that one says it is", async () => {
    await using network = await OfflineNetwork.create();
    const server = await network.start({ rdv: true });
    const identity = await network.authority.member();
    const other = await network.start({ entryAddrs: [server.address] }, identity);
    await whole([server, other]);
    const elsewhere = { method: "DIAL", token: "token", server: "evil.example:8400" } as const;
    const headers = Object.entries(proofHeaders(identity, elsewhere, Date.now()));
    const lines = ["DIAL /token HTTP/1.1", "Host: evil.example:8400", "Connection: upgrade", "Upgrade: rdv/1"];
    const { host, port } = parseHostPort(server.address)!;
    const socket = await RawSocket.connect({ host, port });
    socket.send(`${[...lines, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\r\n")}\r\n\r\n`);
    expect(await socket.rest()).toMatch(/^HTTP\/1\.1 421 /);
    socket.destroy();
  });

  it("is called by any address that it advertises, and by that of the connection", async () => {
    await using network = await OfflineNetwork.create();
    const server = await network.start({ rdv: true });
    const identity = await network.authority.member();
    const other = await network.start({ entryAddrs: [server.address] }, identity);
    await whole([server, other]);
    for (const name of [server.address, server.address.replace("127.0.0.1", "localhost")]) {
      const asked = { method: "DIAL", token: name, server: name } as const;
      const headers = proofHeaders(identity, asked, Date.now());
      const dial = client.dial(`http://${name}/`, name, { headers, timeoutMs: 300 });
      await expect(dial).rejects.toMatchObject({ code: "rdv-timeout" });
    }
  });

  it("is none unless it is said, and its port goes on to take members", async () => {
    await using network = await OfflineNetwork.create();
    const plain = await network.start({});
    await expect(client.dial(url(plain), "token")).rejects.toMatchObject({ code: "rdv-closed" });
    const open = await network.start({ entryAddrs: [plain.address], rdv: "all" });
    await whole([plain, open]);
    const [dialer, accepter] = await Promise.all([client.dial(url(open), "token"), client.accept(url(open), "token")]);
    dialer.end("for everybody");
    let heard = "";
    for await (const chunk of accepter) heard += chunk;
    expect(heard).toBe("for everybody");
    dialer.on("error", () => {}).destroy();
  });
});

describe("proofs that were shown", () => {
  const proof = (nonce: number, member = "a") =>
    ({ member, nonce: String(nonce), at: 0, signature: new Uint8Array() }) as unknown as Parameters<
      ShownProofs["remember"]
    >[0];

  it("are remembered as long as they would be good, and a member has a share of the room", () => {
    const shown = new ShownProofs();
    for (let nonce = 0; nonce < 1_024; nonce += 1) expect(shown.remember(proof(nonce), nonce)).toBe(true);
    expect(shown.remember(proof(2_000), 1_024)).toBe(false);
    expect(shown.remember(proof(2_000, "b"), 1_024)).toBe(true);
    expect([shown.isShown(proof(0)), shown.isShown(proof(2_000))]).toEqual([true, false]);
    expect(shown.remember(proof(2_000), 240_001)).toBe(true);
    expect([shown.isShown(proof(0)), shown.isShown(proof(1))]).toEqual([false, true]);
  });
});
