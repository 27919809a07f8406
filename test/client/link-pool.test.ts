/** The links that a member makes, over wires in memory. */
import { describe, expect, it } from "vitest";
import { LinkPool } from "../../client/driver/link-pool.js";
import { MemoryNetwork } from "../../client/memory.js";
import type { Link, Transport } from "../../client/transport.js";
import type { Identity, MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { codeOf } from "../support/network.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

const handlers = {
  admit: () => undefined,
  onCall: async (_: unknown, __: unknown, body: Uint8Array) => body,
  onDuplex: () => {},
};

/** A pool of a member at 127.0.0.1:1, with counted dials and clocks that the test sets. */
class Scene {
  readonly wires = new MemoryNetwork();
  readonly clock = { now: 0, wall: Date.now() };
  readonly dialled: string[] = [];
  readonly lost: MemberId[] = [];
  onDialled: () => void = () => {};
  refusal: (peer: MemberCertificate) => string | undefined = () => undefined;
  /** Of a certificate the newest one for its key. */
  current: (peer: MemberCertificate) => MemberCertificate = (peer) => peer;
  mine: readonly string[] = ["127.0.0.1:1"];

  private constructor(
    readonly network: TestNetwork,
    public self: Identity,
  ) {}

  static async create(): Promise<Scene> {
    const network = await TestNetwork.create();
    return new Scene(network, await network.member());
  }

  own(identity: Identity) {
    const current = (peer: MemberCertificate) => this.current(peer);
    return { identity: () => identity, now: () => this.clock.wall, current };
  }

  readonly pool = new LinkPool({
    transport: this.#counted(),
    now: () => this.clock.now,
    identity: () => this.self,
    wall: () => this.clock.wall,
    current: (peer) => this.current(peer),
    refusal: (peer) => this.refusal(peer),
    mine: () => this.mine,
    onLost: (id) => this.lost.push(id),
  });

  #counted(): Transport {
    const transport = () => this.wires.transport({ ...this.own(this.self), identity: () => this.self });
    return {
      listen: (options) => transport().listen(options),
      dial: async (address, options) => {
        this.dialled.push(address);
        const link = await transport().dial(address, options);
        this.onDialled();
        return link;
      },
    };
  }

  async listen(identity?: Identity, port = 0) {
    const member = identity ?? (await this.network.member());
    const listener = await this.wires.transport(this.own(member)).listen({ host: "127.0.0.1", port, handlers });
    return { id: member.certificate.id, address: `127.0.0.1:${listener.port}`, identity: member, listener };
  }

  async works(link: Link): Promise<boolean> {
    const answer = link.call("probe", Uint8Array.of(1), { timeoutMs: 1000 });
    return (await answer).length === 1;
  }
}

/** To a member of its own, named by the address. */
function fakeLink(address: string, { certificate }: Identity): Link {
  const link = {
    peer: { ...certificate, id: address as MemberId },
    closed: false,
    onClose: () => () => {},
    close: () => {
      link.closed = true;
    },
  };
  return link as unknown as Link;
}

describe("the pool", () => {
  it("dials once for all who ask at the same time, and keeps the link", async () => {
    const scene = await Scene.create();
    const { id, address } = await scene.listen();
    const links = await Promise.all(Array.from({ length: 5 }, () => scene.pool.reach({ id, addresses: [address] })));
    expect(new Set(links).size).toBe(1);
    expect(await scene.pool.reach({ id, addresses: [address] })).toBe(links[0]);
    expect(scene.pool.linkTo({ id, addresses: [] })).toBe(links[0]);
    expect(scene.dialled).toEqual([address]);
    expect(scene.pool.size).toBe(1);
  });

  it("keeps one link when a member is dialled by address and by id", async () => {
    const scene = await Scene.create();
    const { id, address } = await scene.listen();
    const [a, b] = await Promise.all([
      scene.pool.reach({ addresses: [address] }),
      scene.pool.reach({ id, addresses: [address] }),
    ]);
    expect(a).toBe(b);
    expect(scene.pool.size).toBe(1);
    expect(await scene.works(a)).toBe(true);
  });

  it("goes on to the next address, and says how the last one failed", async () => {
    const scene = await Scene.create();
    const { id, address, identity } = await scene.listen();
    const other = await scene.listen();
    const link = await scene.pool.reach({ id, addresses: ["127.0.0.1:9", other.address, address] });
    expect(link.peer.id).toBe(identity.certificate.id);
    expect(await codeOf(scene.pool.reach({ id: other.id, addresses: [address] }))).toBe("peer-mismatch");
    expect(await codeOf(scene.pool.reach({ id: other.id, addresses: [] }))).toBe("peer-unreachable");
  });

  it("does not dial what may not be dialled, however it is written", async () => {
    const scene = await Scene.create();
    scene.mine = ["203.0.113.1:1"];
    const forbidden = [
      "127.0.0.1:80",
      "[::ffff:7f00:1]:80",
      "localhost:80",
      "127.1:80",
      "2130706433:80",
      "0:80",
      "203.0.113.1:1",
    ];
    for (const address of forbidden) {
      expect(await codeOf(scene.pool.reach({ addresses: [address] })), address).toBe("peer-unreachable");
    }
    expect(scene.dialled).toEqual([]);
  });

  it("leaves an address that failed alone for a while, whoever claims it, unless it is forgiven", async () => {
    const scene = await Scene.create();
    const [one, two] = [await scene.network.member(), await scene.network.member()];
    const address = "127.0.0.1:5000";
    const reach = ({ certificate }: Identity) => codeOf(scene.pool.reach({ id: certificate.id, addresses: [address] }));
    expect(await reach(one)).toBe("peer-unreachable");
    expect(await reach(two)).toBe("peer-unreachable");
    expect(scene.dialled.length).toBe(1);
    scene.clock.now += 250;
    await reach(one);
    expect(scene.dialled.length).toBe(2);
    scene.pool.forgive([address]);
    await scene.listen(two, 5000);
    expect(await reach(two)).toBe("none");
  });

  it("tells of a link that was lost, not of one that it closed, and dials again", async () => {
    const scene = await Scene.create();
    const a = await scene.listen();
    const b = await scene.listen();
    const first = await scene.pool.reach({ id: a.id, addresses: [a.address] });
    await scene.pool.reach({ id: b.id, addresses: [b.address] });
    scene.wires.cut(scene.self.certificate.id, a.id);
    expect(scene.lost).toEqual([a.id]);
    scene.pool.drop(b.id);
    expect(scene.lost).toEqual([a.id]);
    expect(scene.pool.size).toBe(0);
    scene.wires.healAll();
    const second = await scene.pool.reach({ id: a.id, addresses: [a.address] });
    expect(second).not.toBe(first);
    expect(await scene.works(second)).toBe(true);
  });

  it("closes links that nobody uses, and keeps those in use", async () => {
    const scene = await Scene.create();
    const a = await scene.listen();
    const b = await scene.listen();
    const idle = await scene.pool.reach({ id: a.id, addresses: [a.address] });
    const used = await scene.pool.reach({ id: b.id, addresses: [b.address] });
    const HALF_HOUR_MS = 30 * 60_000;
    scene.clock.now += HALF_HOUR_MS;
    await scene.pool.reach({ id: b.id, addresses: [b.address] });
    scene.pool.closeIdle();
    expect([idle.closed, used.closed]).toEqual([false, false]);
    scene.clock.now += 1;
    scene.pool.closeIdle();
    expect([idle.closed, used.closed]).toEqual([true, false]);
    expect(scene.lost).toEqual([]);
  });

  it("keeps 512 links, and closes the longest unused beyond", async () => {
    const LINKS_MAX = 512;
    const { self } = await Scene.create();
    const transport = { dial: async (address: string) => fakeLink(address, self) } as unknown as Transport;
    const clock = { now: 0 };
    const pool = new LinkPool({
      transport,
      now: () => clock.now++,
      identity: () => self,
      wall: Date.now,
      mine: () => [],
      onLost: () => {},
    });
    const links: Link[] = [];
    for (let count = 0; count <= LINKS_MAX; count++) {
      links.push(await pool.reach({ addresses: [`203.0.113.1:${count + 1}`] }));
      // The first stays in use.
      if (count === LINKS_MAX - 1) pool.linkTo({ id: links[0]!.peer.id, addresses: [] });
    }
    expect(pool.size).toBe(LINKS_MAX);
    expect(links.flatMap(({ closed }, index) => (closed ? [index] : []))).toEqual([1]);
  });

  it("closes everything, also what is being dialled", async () => {
    const scene = await Scene.create();
    const a = await scene.listen();
    const b = await scene.listen();
    const link = await scene.pool.reach({ id: a.id, addresses: [a.address] });
    const late = scene.pool.reach({ id: b.id, addresses: [b.address] });
    scene.pool.close();
    expect(link.closed).toBe(true);
    expect((await late).closed).toBe(true);
    expect(scene.pool.size).toBe(0);
    expect(scene.lost).toEqual([]);
  });
});

describe("a link and its certificates", () => {
  it("is made anew after my renewal; what is open on the old one goes on while that certificate lasts", async () => {
    const scene = await Scene.create();
    const { id, address } = await scene.listen();
    const notAfter = scene.clock.wall + DAY_MS;
    const validity = { notBefore: scene.clock.wall - DAY_MS, notAfter };
    scene.self = await scene.network.member({ id: scene.self.certificate.id, validity });
    const old = await scene.pool.reach({ id, addresses: [address] });
    const stream = old.open("stream");
    scene.self = await scene.network.member({ id: scene.self.certificate.id });
    const fresh = await scene.pool.reach({ id, addresses: [address] });
    expect(fresh).not.toBe(old);
    scene.pool.closeIdle();
    expect([old.closed, stream.destroyed, fresh.closed]).toEqual([false, false, false]);
    const TOLERANCE_MS = 5 * 60_000;
    scene.clock.wall = notAfter + TOLERANCE_MS + 1000;
    scene.pool.closeIdle();
    expect([old.closed, stream.destroyed, fresh.closed]).toEqual([true, true, false]);
    expect(scene.lost).toEqual([]);
    expect(await scene.works(await scene.pool.reach({ id, addresses: [address] }))).toBe(true);
  });

  it("goes on over renewals for the same keys at both ends, and ends with the last of them", async () => {
    const scene = await Scene.create();
    const later = (certificate: MemberCertificate) => ({ ...certificate, notAfter: scene.clock.wall + 9 * DAY_MS });
    const validity = { notBefore: scene.clock.wall - DAY_MS, notAfter: scene.clock.wall + DAY_MS };
    const [self, peer] = [await scene.network.member({ validity }), await scene.network.member({ validity })];
    scene.self = self;
    const { id, address } = await scene.listen(peer);
    scene.current = (certificate) => later(certificate);
    const link = await scene.pool.reach({ id, addresses: [address] });
    scene.self = { ...self, certificate: later(self.certificate) };
    scene.clock.wall += 2 * DAY_MS; // Both certificates of the handshake have ended.
    scene.pool.closeIdle();
    expect(await scene.pool.reach({ id, addresses: [address] })).toBe(link);
    expect(await scene.works(link)).toBe(true);
    scene.refusal = (certificate) => (certificate.notAfter > validity.notAfter ? "revoked" : undefined);
    scene.pool.recheck();
    expect(link.closed).toBe(true);
  });

  it("is not made to who is revoked, known or found out by its proof", async () => {
    const scene = await Scene.create();
    const { id, address } = await scene.listen();
    scene.refusal = (certificate) => (certificate.id === id ? "revoked" : undefined);
    expect(await codeOf(scene.pool.reach({ addresses: [address] }))).toBe("peer-removed");
    expect(scene.pool.size).toBe(0);
  });

  it("that was being made while I renewed is made anew", async () => {
    const scene = await Scene.create();
    const { id, address } = await scene.listen();
    const before = scene.self;
    const renewed = await scene.network.member({ id: before.certificate.id });
    scene.onDialled = () => {
      scene.self = renewed;
    };
    const first = await scene.pool.reach({ id, addresses: [address] });
    expect(scene.self).toBe(renewed);
    expect(await scene.pool.reach({ id, addresses: [address] })).not.toBe(first);
  });

  it("is made anew when the other's certificate has ended", async () => {
    const scene = await Scene.create();
    const validity = { notBefore: scene.clock.wall - DAY_MS, notAfter: scene.clock.wall + DAY_MS };
    const short = await scene.network.member({ validity });
    const first = await scene.listen(short);
    const old = await scene.pool.reach({ id: first.id, addresses: [first.address] });
    scene.clock.wall += 2 * DAY_MS;
    const renewed = await scene.listen(await scene.network.member({ id: first.id }));
    const fresh = await scene.pool.reach({ id: first.id, addresses: [renewed.address] });
    expect(old.closed).toBe(false);
    expect(fresh).not.toBe(old);
    scene.pool.closeIdle();
    expect([old.closed, fresh.closed]).toEqual([true, false]);
    expect(await scene.works(fresh)).toBe(true);
  });

  it("is cut, also the old one, when the member has gone", async () => {
    const scene = await Scene.create();
    const { id, address } = await scene.listen();
    const old = await scene.pool.reach({ id, addresses: [address] });
    scene.self = await scene.network.member({ id: scene.self.certificate.id });
    const fresh = await scene.pool.reach({ id, addresses: [address] });
    scene.pool.drop(id);
    expect([old.closed, fresh.closed]).toEqual([true, true]);
  });
});
