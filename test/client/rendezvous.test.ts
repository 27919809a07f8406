/** A member as a rendezvous server, and one that is met there because nobody can dial it, over real sockets and TLS. */
import { describe, expect, it } from "vitest";
import { proofOf } from "../../client/reach/rendezvous.js";
import { AddressSpaces, RdvClient } from "../../rdv/index.js";
import { OfflineNetwork, read, text, whole } from "../support/network.js";

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
  it("serves members who prove it, each waiting by its own id alone", async () => {
    await using network = await OfflineNetwork.create();
    const server = await network.start({ rdv: true });
    const identity = await network.authority.member();
    const other = await network.start({ entryAddrs: [server.address] });
    await whole([server, other]);
    const refused = async (method: "DIAL" | "ACCEPT", token: string, headers: Readonly<Record<string, string>>) =>
      expect(client.do(method, url(server), token, { headers })).rejects.toMatchObject({ response: { status: 403 } });
    await refused("DIAL", other.id, {});
    await refused("ACCEPT", other.id, proofOf(identity, { method: "ACCEPT", token: other.id, at: Date.now() }));
    await refused("DIAL", other.id, { "Fireflies-Member": other.id, "Fireflies-Time": `${Date.now()}` });
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
