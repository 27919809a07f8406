/** The links of a member: which session is used, when one is made, and when it is closed. Sessions here are records. */
import type { Duplex } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import type { FirefliesError, Identity, MemberCertificate } from "../../identity/index.js";
import type { Dialler } from "../../net/dialling/dialler.js";
import { type Address, deadlineIn, formatAddress, parseAddress, pathOf, type Session } from "../../net/index.js";
import { Links } from "../../net/links/links.js";
import { DialError, PeerMismatch } from "../../net/transports/dial-error.js";
import type { MemberId } from "../../rings/index.js";
import { codeOf } from "../support/network.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

class FakeSession {
  closed = false;
  readonly active = 0;
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly peer: MemberCertificate,
    readonly path: Session["path"],
  ) {}

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.#listeners) listener();
  }

  onClose(listener: (reason: FirefliesError) => void): () => void {
    this.#listeners.add(() => listener(undefined as never));
    return () => {};
  }
}

const within = (ms = 5_000) => ({ deadline: deadlineIn(ms) });

/** A member at 127.0.0.1:1 with its links, others at addresses, and clocks that the test sets. */
class Scene {
  readonly clock = { now: 0, wall: Date.now() };
  readonly dialled: string[] = [];
  readonly lost: MemberId[] = [];
  readonly held = new Set<MemberId>();
  readonly #there = new Map<string, Identity>();
  #nextPort = 5_000;
  onDialled: () => void | Promise<void> = () => {};
  refusal: (peer: MemberCertificate) => string | undefined = () => undefined;
  current: (peer: MemberCertificate) => MemberCertificate = (peer) => peer;

  private constructor(
    readonly network: TestNetwork,
    public self: Identity,
  ) {}

  static async create(): Promise<Scene> {
    const network = await TestNetwork.create();
    return new Scene(network, await network.member());
  }

  /** Addresses one after the other; the first that somebody listens at wins. */
  readonly #dialler: Pick<Dialler, "dial" | "forgive"> = {
    dial: async (addresses, { signal = new AbortController().signal }, attempt) => {
      for (const text of addresses) {
        this.dialled.push(text);
        await this.onDialled();
        if (this.#there.has(text)) return await attempt({} as Duplex, parseAddress(text)!, signal);
      }
      throw new DialError("refused", addresses[0] ?? "");
    },
    forgive: () => {},
  };

  readonly #host = {
    connect: async (
      _: Duplex,
      { path, expect: expected }: { path: Session["path"]; expect?: MemberId | undefined },
    ) => {
      const { certificate } = this.#there.get(formatAddress(path.address))!;
      if (expected !== undefined && certificate.id !== expected)
        throw new PeerMismatch(formatAddress(path.address), expected, certificate.id);
      return new FakeSession(certificate, path) as unknown as Session;
    },
  };

  readonly links = new Links({
    host: this.#host,
    dialler: this.#dialler,
    now: () => this.clock.now,
    identity: () => this.self,
    wall: () => this.clock.wall,
    current: (peer) => this.current(peer),
    refusal: (peer) => this.refusal(peer),
    isHeld: (id) => this.held.has(id),
    onLost: (id) => this.lost.push(id),
  });

  async other(identity?: Identity) {
    const member = identity ?? (await this.network.member());
    const address = `127.0.0.1:${this.#nextPort++}`;
    this.#there.set(address, member);
    const to = { id: member.certificate.id, addresses: [address] };
    return { ...to, to, address, identity: member };
  }

  /** Nobody listens there any more. */
  gone(address: string): void {
    this.#there.delete(address);
  }

  /** The member has dialled me. */
  accept({ identity }: { identity: Identity }): Session {
    const address: Address = { scheme: "tcp", host: "203.0.113.9", port: 40_000 };
    const session = new FakeSession(identity.certificate, pathOf("accepted", address));
    this.links.adopt(session as unknown as Session);
    return session as unknown as Session;
  }
}

describe("a session", () => {
  it("is dialled once for all who ask at the same time, and kept", async () => {
    const scene = await Scene.create();
    const { to, address } = await scene.other();
    const sessions = await Promise.all(Array.from({ length: 5 }, () => scene.links.reach(to, within())));
    expect(new Set(sessions).size).toBe(1);
    expect(await scene.links.reach(to, within())).toBe(sessions[0]);
    expect(scene.links.usable(to)).toBe(sessions[0]);
    expect(scene.dialled).toEqual([address]);
    expect(scene.links.size).toBe(1);
  });

  it("is one when a member is dialled by address and by id", async () => {
    const scene = await Scene.create();
    const { to, addresses } = await scene.other();
    const [a, b] = await Promise.all([scene.links.reach({ addresses }, within()), scene.links.reach(to, within())]);
    expect(a).toBe(b);
    expect(scene.links.size).toBe(1);
  });

  it("is not made with another member than the one that is meant", async () => {
    const scene = await Scene.create();
    const [a, b] = [await scene.other(), await scene.other()];
    expect(await codeOf(scene.links.reach({ id: a.id, addresses: [b.address] }, within()))).toBe("peer-mismatch");
    expect(await codeOf(scene.links.reach({ id: a.id, addresses: [] }, within()))).toBe("peer-unreachable");
  });

  it("ends the wait of each caller at the caller's own deadline; the dial goes on for others", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const scene = await Scene.create();
      const { to } = await scene.other();
      let arrive = () => {};
      scene.onDialled = () => new Promise((resolve) => (arrive = resolve));
      const hasty = codeOf(scene.links.reach(to, within(100)));
      const patient = scene.links.reach(to, within(2_000));
      await vi.advanceTimersByTimeAsync(100);
      expect(await hasty).toBe("timeout");
      arrive();
      expect((await patient).closed).toBe(false);
      expect(scene.dialled.length).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("that was lost is told, one that was closed here is not; the next call dials again", async () => {
    const scene = await Scene.create();
    const [a, b] = [await scene.other(), await scene.other()];
    const first = await scene.links.reach(a.to, within());
    await scene.links.reach(b.to, within());
    first.close();
    expect(scene.lost).toEqual([a.id]);
    scene.links.drop(b.id);
    expect(scene.lost).toEqual([a.id]);
    expect(scene.links.size).toBe(0);
    expect(await scene.links.reach(a.to, within())).not.toBe(first);
  });

  it("that nobody uses is closed after half an hour, unless something is open on it", async () => {
    const scene = await Scene.create();
    const others = [await scene.other(), await scene.other(), await scene.other(), await scene.other()];
    const [idle, used, asked, held] = await Promise.all(others.map(({ to }) => scene.links.reach(to, within())));
    scene.held.add(others[3]!.id);
    const HALF_HOUR_MS = 30 * 60_000;
    scene.clock.now += HALF_HOUR_MS;
    await scene.links.reach(others[1]!.to, within());
    scene.links.touch(others[2]!.id);
    scene.links.closeIdle();
    expect(idle!.closed).toBe(false);
    scene.clock.now += 1;
    scene.links.closeIdle();
    expect([idle, used, asked, held].map((session) => session!.closed)).toEqual([true, false, false, false]);
    expect(scene.lost).toEqual([]);
  });

  it("is one of 512 that were dialled; beyond, the longest unused is closed", async () => {
    const DIALLED_MAX = 512;
    const scene = await Scene.create();
    const { identity } = await scene.other();
    const sessions: Session[] = [];
    for (let count = 0; count <= DIALLED_MAX; count++) {
      scene.clock.now++;
      const id = count.toString(16).padStart(64, "0") as MemberId;
      const to = await scene.other({ ...identity, certificate: { ...identity.certificate, id } });
      sessions.push(await scene.links.reach(to.to, within()));
      // The first stays in use.
      if (count === DIALLED_MAX - 1) scene.links.usable({ id: sessions[0]!.peer.id, addresses: [] });
    }
    expect(scene.links.size).toBe(DIALLED_MAX);
    expect(sessions.flatMap(({ closed }, index) => (closed ? [index] : []))).toEqual([1]);
  });

  it("is closed with everything, also while it is being dialled", async () => {
    const scene = await Scene.create();
    const [a, b] = [await scene.other(), await scene.other()];
    const session = await scene.links.reach(a.to, within());
    const late = scene.links.reach(b.to, within());
    scene.links.close();
    expect(session.closed).toBe(true);
    expect((await late).closed).toBe(true);
    expect(scene.links.size).toBe(0);
    expect(scene.lost).toEqual([]);
  });
});

describe("a session that the other side has made", () => {
  it("is used at once when my dial fails, and my dial is tried again only now and then", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.gone(peer.address);
    const accepted = scene.accept(peer);
    expect(await scene.links.reach(peer.to, within())).toBe(accepted);
    expect(scene.links.usable(peer.to)).toBe(accepted);
    expect([...scene.links.unreached()]).toEqual([]);
    for (let call = 0; call < 5; call++) expect(await scene.links.reach(peer.to, within())).toBe(accepted);
    expect(scene.dialled.length).toBe(2); // The first, and one more behind the back of these five.
    scene.clock.now += 30_000;
    await scene.links.reach(peer.to, within());
    expect(scene.dialled.length).toBe(3);
  });

  it("says nothing of my own ways to the member", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.accept(peer);
    expect(scene.links.get(peer.id)?.wasDialled).toBe(false);
    await scene.links.reach(peer.to, within());
    scene.links.renew();
    expect(scene.links.get(peer.id)?.wasDialled).toBe(true);
  });

  it("gives way to mine as soon as I can dial", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    const accepted = scene.accept(peer);
    const mine = await scene.links.reach(peer.to, within());
    expect(mine).not.toBe(accepted);
    expect(scene.links.usable(peer.to)).toBe(mine);
    expect(scene.links.get(peer.id)!.paths.map(({ direction }) => direction)).toEqual(["dialled", "accepted"]);
    mine.close();
    expect(scene.links.usable(peer.to)).toBeUndefined();
  });

  it("is used 250 ms later when my dial gets no answer, and when it comes while I dial", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const scene = await Scene.create();
      const [early, late] = [await scene.other(), await scene.other()];
      scene.onDialled = () => new Promise(() => {});
      const accepted = scene.accept(early);
      const reached = scene.links.reach(early.to, within());
      const waiting = scene.links.reach(late.to, within());
      await vi.advanceTimersByTimeAsync(250);
      expect(await reached).toBe(accepted);
      const other = scene.accept(late);
      expect(await waiting).toBe(other);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is not used for a member that is refused, nor told when it is lost", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.gone(peer.address);
    const accepted = scene.accept(peer);
    scene.refusal = () => "revoked";
    expect(await codeOf(scene.links.reach(peer.to, within()))).toBe("peer-unreachable");
    accepted.close();
    expect(scene.lost).toEqual([]);
  });
});

describe("a member that is not reached", () => {
  it("is named with the newest reason and the time since when, until a session leads to it", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.gone(peer.address);
    for (let dial = 0; dial < 2; dial++) {
      scene.clock.now += 1_000;
      expect(await codeOf(scene.links.reach(peer.to, within()))).toBe("peer-unreachable");
    }
    const found = [...scene.links.unreached()].map(([id, { since, at, error }]) => [id, since, at, error.reason]);
    expect(found).toEqual([[peer.id, 1_000, 2_000, "refused"]]);
    scene.accept(peer);
    expect([...scene.links.unreached()]).toEqual([]);
  });
});

describe("a session and its certificates", () => {
  it("is made anew after my renewal; what is open on the old one goes on while that certificate lasts", async () => {
    const scene = await Scene.create();
    const { to } = await scene.other();
    const notAfter = scene.clock.wall + DAY_MS;
    const validity = { notBefore: scene.clock.wall - DAY_MS, notAfter };
    scene.self = await scene.network.member({ id: scene.self.certificate.id, validity });
    const old = await scene.links.reach(to, within());
    scene.self = await scene.network.member({ id: scene.self.certificate.id });
    const fresh = await scene.links.reach(to, within());
    expect(fresh).not.toBe(old);
    scene.links.closeIdle();
    expect([old.closed, fresh.closed]).toEqual([false, false]);
    const TOLERANCE_MS = 5 * 60_000;
    scene.clock.wall = notAfter + TOLERANCE_MS + 1000;
    scene.links.closeIdle();
    expect([old.closed, fresh.closed]).toEqual([true, false]);
    expect(scene.lost).toEqual([]);
    expect((await scene.links.reach(to, within())).closed).toBe(false);
  });

  it("goes on over renewals for the same keys at both ends, and ends with the last of them", async () => {
    const scene = await Scene.create();
    const later = (certificate: MemberCertificate) => ({ ...certificate, notAfter: scene.clock.wall + 9 * DAY_MS });
    const validity = { notBefore: scene.clock.wall - DAY_MS, notAfter: scene.clock.wall + DAY_MS };
    const [self, peer] = [await scene.network.member({ validity }), await scene.network.member({ validity })];
    scene.self = self;
    const { to } = await scene.other(peer);
    scene.current = (certificate) => later(certificate);
    const session = await scene.links.reach(to, within());
    scene.self = { ...self, certificate: later(self.certificate) };
    scene.clock.wall += 2 * DAY_MS; // Both certificates of the handshake have ended.
    scene.links.closeIdle();
    expect(await scene.links.reach(to, within())).toBe(session);
    scene.refusal = (certificate) => (certificate.notAfter > validity.notAfter ? "revoked" : undefined);
    scene.links.recheck();
    expect(session.closed).toBe(true);
  });

  it("is not made to a member that is revoked, known or found out by its proof", async () => {
    const scene = await Scene.create();
    const { id, address } = await scene.other();
    scene.refusal = (certificate) => (certificate.id === id ? "revoked" : undefined);
    expect(await codeOf(scene.links.reach({ addresses: [address] }, within()))).toBe("peer-removed");
    expect(scene.links.size).toBe(0);
  });

  it("that was being made while I renewed is made anew", async () => {
    const scene = await Scene.create();
    const { to } = await scene.other();
    const before = scene.self;
    const renewed = await scene.network.member({ id: before.certificate.id });
    scene.onDialled = () => {
      scene.self = renewed;
    };
    const first = await scene.links.reach(to, within());
    expect(scene.self).toBe(renewed);
    expect(await scene.links.reach(to, within())).not.toBe(first);
  });

  it("is made anew when the other's certificate has ended", async () => {
    const scene = await Scene.create();
    const validity = { notBefore: scene.clock.wall - DAY_MS, notAfter: scene.clock.wall + DAY_MS };
    const first = await scene.other(await scene.network.member({ validity }));
    const old = await scene.links.reach(first.to, within());
    scene.clock.wall += 2 * DAY_MS;
    const renewed = await scene.other(await scene.network.member({ id: first.id }));
    const fresh = await scene.links.reach(renewed.to, within());
    expect(old.closed).toBe(false);
    expect(fresh).not.toBe(old);
    scene.links.closeIdle();
    expect([old.closed, fresh.closed]).toEqual([true, false]);
  });

  it("is cut, also the old one, when the member has gone", async () => {
    const scene = await Scene.create();
    const { id, to } = await scene.other();
    const old = await scene.links.reach(to, within());
    scene.self = await scene.network.member({ id: scene.self.certificate.id });
    const fresh = await scene.links.reach(to, within());
    scene.links.drop(id);
    expect([old.closed, fresh.closed]).toEqual([true, true]);
  });
});
