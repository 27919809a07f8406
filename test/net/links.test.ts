/** The links of a member: which session is used, when one is made, and when it is closed. */
import { describe, expect, it, vi } from "vitest";
import type { MemberCertificate } from "../../identity/index.js";
import type { Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { codeOf } from "../support/network.js";
import { DAY_MS } from "../support/test-network.js";
import { fakeOf, Scene, within } from "./links-scene.js";

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

  it("that was lost is told, one that an end closed is not; the next call dials again", async () => {
    const scene = await Scene.create();
    const [a, b, c] = [await scene.other(), await scene.other(), await scene.other()];
    const first = await scene.links.reach(a.to, within());
    await scene.links.reach(b.to, within());
    (await scene.links.reach(c.to, within())).close();
    fakeOf(first).lose();
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
    fakeOf(asked!).bytesRead += 100; // The other side uses it.
    scene.links.tidy();
    expect(idle!.closed).toBe(false);
    scene.clock.now += 10_000;
    scene.links.tidy();
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
  it("is used at once, and nothing is dialled beside it", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    const accepted = scene.accept(peer);
    expect(scene.links.usable(peer.to)).toBe(accepted);
    expect(await scene.links.reach(peer.to, within())).toBe(accepted);
    expect(scene.dialled).toEqual([]);
    expect(scene.links.get(peer.id)!.paths.map(({ kind }) => kind)).toEqual(["reversed"]);
  });

  it("ends the wait of those who dial", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.onDialled = () => new Promise(() => {});
    const waiting = scene.links.reach(peer.to, within());
    const accepted = scene.accept(peer);
    expect(await waiting).toBe(accepted);
  });

  it("a dial under way hears of the member's new addresses, and ends with what comes first", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.onDialled = () => (scene.dialled.length === 1 ? new Promise(() => {}) : undefined);
    const waiting = scene.links.reach({ id: peer.id, addresses: ["192.0.2.1:9"] }, within());
    scene.links.moved(peer.id, peer.to.addresses);
    expect((await waiting).peer.id).toBe(peer.id);
    expect(scene.dialled).toEqual(["192.0.2.1:9", ...peer.to.addresses]);
  });

  it("makes a dial under way needless, before anything is said on it", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    let arrive = () => {};
    scene.onDialled = () => new Promise((resolve) => (arrive = resolve));
    const waiting = scene.links.reach(peer.to, within());
    const accepted = scene.accept(peer);
    arrive();
    expect(await waiting).toBe(accepted);
    await new Promise(setImmediate);
    expect(scene.links.get(peer.id)!.sessions).toEqual([accepted]);
  });

  it("that no longer answers leads to a dial, and is used again when that fails", async () => {
    const scene = await Scene.create();
    const [there, away] = [await scene.other(), await scene.other()];
    scene.gone(away.address);
    const [silent, only] = [scene.accept(there), scene.accept(away)];
    for (const session of [silent, only]) fakeOf(session).isDoubtful = true;
    expect(scene.links.usable(there.to)).toBeUndefined();
    const mine = await scene.links.reach(there.to, within());
    expect([mine.path.kind, scene.links.usable(there.to)]).toEqual(["direct", mine]);
    expect(await scene.links.reach(away.to, within())).toBe(only);
    expect([...scene.links.unreached()]).toEqual([]);
  });

  it("is told when it is lost, and no other session is left: nothing was dialled that could be", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    const [first, second] = [scene.accept(peer), scene.accept(peer)];
    fakeOf(first).lose();
    expect(scene.lost).toEqual([]);
    fakeOf(second).lose();
    expect(scene.lost).toEqual([peer.id]);
    expect(scene.links.get(peer.id)).toMatchObject({ wasReached: true, wasDialled: false });
  });

  it("is cut when its member is refused, and is not taken from one that is", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.gone(peer.address);
    const accepted = scene.accept(peer);
    scene.refusal = () => "revoked";
    scene.links.recheck();
    expect(accepted.closed).toBe(true);
    scene.accept(peer);
    expect(await codeOf(scene.links.reach(peer.to, within()))).toBe("peer-unreachable");
    expect(scene.lost).toEqual([]);
  });

  it("is its maker's to close, however long nothing passes", async () => {
    const scene = await Scene.create();
    const accepted = scene.accept(await scene.other());
    scene.clock.now += DAY_MS;
    scene.links.tidy();
    expect(accepted.closed).toBe(false);
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
    scene.links.tidy();
    expect([old.closed, fresh.closed]).toEqual([false, false]);
    const TOLERANCE_MS = 5 * 60_000;
    scene.clock.wall = notAfter + TOLERANCE_MS + 1000;
    scene.links.tidy();
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
    scene.links.tidy();
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
    scene.links.tidy();
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
