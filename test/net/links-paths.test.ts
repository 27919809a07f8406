/** Paths of a link: direct and relayed dials at once, what is improved and told of it, and links that are held open. */
import { describe, expect, it } from "vitest";
import { type Destination, type Path, pathOf } from "../../net/index.js";
import { KEPT_MAX, type Kept } from "../../net/links/keeping.js";
import type { LinksOptions } from "../../net/links/links.js";
import type { DialError } from "../../net/transports/dial-error.js";
import type { MemberId } from "../../rings/index.js";
import { codeOf, deferred } from "../support/network.js";
import { FakeSession, fakeOf, Scene, sessionOf, within } from "./links-scene.js";

const RELAY = `relay://${"c".repeat(64)}`;
const OTHER_RELAY = `relay://${"d".repeat(64)}`;
const relayedPath = pathOf("accepted", { scheme: "relay", host: "c".repeat(64), port: 0 });
const SECOND_MS = 1_000;
const turn = () => new Promise(setImmediate);

/** A member with an address of its own, and a relay through which it is there too. */
async function behindRelay(more: Partial<LinksOptions> = {}) {
  const scene = await Scene.create(more);
  const peer = await scene.other();
  await scene.other(peer.identity, RELAY);
  return { scene, peer, to: { id: peer.id, addresses: [peer.address, RELAY] } };
}

describe("a member that names relays", () => {
  it("is reached through them at once, while its own address is dialled; that one takes over when it answers", async () => {
    const { scene, peer, to } = await behindRelay();
    const direct = deferred();
    scene.onDialled = (address) => (address === peer.address ? direct.promise : undefined);
    const relayed = await scene.links.reach(to, within());
    expect([relayed.path.kind, relayed.path.via]).toEqual(["relayed", ["c".repeat(64)]]);
    fakeOf(relayed).active = 1;
    direct.resolve();
    await turn();
    const best = scene.links.usable(to)!;
    expect([best.path.kind, relayed.closed, fakeOf(relayed).superseded]).toEqual(["direct", false, 1]);
    // What is open on the relayed one goes on, and then it goes.
    scene.clock.now += 60 * SECOND_MS;
    scene.links.tidy();
    expect(relayed.closed).toBe(false);
    fakeOf(relayed).active = 0;
    scene.links.tidy();
    expect([relayed.closed, best.closed]).toEqual([true, false]);
  });

  it("and has come through them itself is dialled at its own address at once: it may not be able to dial me", async () => {
    let to: Destination | undefined;
    const { scene, peer } = await behindRelay({ destinationOf: () => to });
    to = { id: peer.id, addresses: [peer.address, RELAY] };
    scene.links.adopt(sessionOf(new FakeSession(peer.identity.certificate, relayedPath)));
    scene.links.tidy();
    await expect.poll(() => scene.links.get(peer.id)?.best?.path.kind).toBe("direct");
  });

  it("is not dialled through them any more when its own address was faster", async () => {
    const { scene, to } = await behindRelay();
    const relay = deferred();
    scene.onDialled = (address) => (address === RELAY ? relay.promise : undefined);
    expect((await scene.links.reach(to, within())).path.kind).toBe("direct");
    relay.resolve();
    await turn();
    expect(scene.links.get(to.id)!.paths.map(({ kind }) => kind)).toEqual(["direct"]);
  });

  it("fails with what says most when nothing leads to it, and no refusal of its address is evidence alone", async () => {
    const { scene, peer, to } = await behindRelay();
    for (const address of [peer.address, RELAY]) scene.gone(address);
    const error = await scene.links.reach(to, within()).catch((reason: DialError) => reason);
    expect((error as DialError).reasons.length).toBe(2);
    expect([...scene.links.unreached()].map(([id]) => id)).toEqual([to.id]);
  });

  it("is dialled directly again while it is reached through them, with pauses that double", async () => {
    let to: Destination | undefined;
    const { scene, peer, to: found } = await behindRelay({ destinationOf: () => to });
    to = found;
    scene.gone(peer.address);
    const relayed = await scene.links.reach(found, within());
    expect(scene.links.get(found.id)!.failure?.reason).toBe("refused");
    scene.dialled.length = 0;
    const dials: number[] = [];
    for (; scene.clock.now <= 100 * SECOND_MS; scene.clock.now += SECOND_MS) {
      fakeOf(relayed).bytesRead++; // It is in use.
      scene.links.tidy();
      await turn();
      for (const _ of scene.dialled.splice(0)) dials.push(scene.clock.now / SECOND_MS);
    }
    expect(dials).toEqual([10, 20, 40, 80]);
    scene.links.moved(found.id, found.addresses);
    scene.links.tidy();
    expect(scene.dialled).toEqual([peer.address]);
  });

  it("that changes its relays is reached through the new ones from then on", async () => {
    const { scene, peer, to } = await behindRelay();
    scene.gone(peer.address);
    const old = await scene.links.reach(to, within());
    await scene.other(peer.identity, OTHER_RELAY);
    const moved = { id: to.id, addresses: [peer.address, OTHER_RELAY] };
    scene.links.moved(to.id, moved.addresses);
    const fresh = await scene.links.reach(moved, within());
    expect([fresh.path.address.host, old.closed]).toEqual(["d".repeat(64), false]);
    expect(scene.links.usable(moved)).toBe(fresh);
  });
});

describe("a host that has moved", () => {
  /** Members with these paths to them; the relay has the id of RELAY. */
  async function links(...schemes: readonly string[]) {
    const blamed: string[] = [];
    const scene = await Scene.create({ onRelayFailed: (_, __, what) => blamed.push(what) });
    const relay = { ...(await scene.network.member()).certificate, id: "c".repeat(64) as MemberId };
    const toRelay = schemes.map(
      (scheme) => new FakeSession(relay, pathOf("dialled", { scheme, host: "192.0.2.1", port: 1 })),
    );
    const behind = new FakeSession((await scene.network.member()).certificate, relayedPath);
    // What a relay carries is lost with the session with the relay.
    for (const session of toRelay) session.onClose(() => behind.lose());
    for (const session of [...toRelay, behind]) scene.links.adopt(sessionOf(session));
    return { scene, toRelay, behind, blamed };
  }

  it("keeps what a relay carries over reliable UDP, which moves", async () => {
    const { scene, toRelay, behind } = await links("udx");
    scene.links.renew();
    expect([...toRelay, behind].map(({ closed }) => closed)).toEqual([false, false]);
  });

  it.each([[["tcp"]], [["udx", "tcp"]]])(
    "closes what a relay carries over %j, since it may be dead, and blames no relay",
    async (schemes) => {
      const { scene, toRelay, behind, blamed } = await links(...schemes);
      scene.links.renew();
      expect(toRelay.map(({ closed }) => closed)).toEqual(schemes.map((scheme) => scheme === "tcp"));
      expect([behind.closed, behind.wasLost, blamed]).toEqual([true, false, []]);
    },
  );

  it("closes what a relay carries that it has no session with any more", async () => {
    const { scene, behind } = await links();
    scene.links.renew();
    expect(behind.closed).toBe(true);
  });
});

describe("a relay", () => {
  const told: string[] = [];
  const onRelayFailed: LinksOptions["onRelayFailed"] = (_, { via = [] }, what) => told.push(`${via[0]![0]} ${what}`);

  /** A member that two relays lead to, and nothing else. */
  async function twoRelays() {
    told.length = 0;
    let to: Destination | undefined;
    const { scene, peer } = await behindRelay({ onRelayFailed, destinationOf: () => to });
    scene.gone(peer.address);
    await scene.other(peer.identity, OTHER_RELAY);
    to = { id: peer.id, addresses: [RELAY, OTHER_RELAY] };
    return { scene, to };
  }

  it("that loses a connection is told of, and the next one leads through the other one first", async () => {
    const { scene, to } = await twoRelays();
    for (const [host, what] of [
      ["c", "cut"],
      ["d", "silent"],
    ]) {
      const session = await scene.links.reach(to, within());
      expect(session.path.address.host[0]).toBe(host);
      fakeOf(session).isDoubtful = what === "silent";
      fakeOf(session).lose();
      await turn();
    }
    expect(told).toEqual(["c cut", "d silent"]);
    // Of two that were blamed the one of longer ago.
    expect((await scene.links.reach(to, within())).path.address.host[0]).toBe("c");
  });

  it("that takes long is compared with another one after ten seconds, which serves from then on", async () => {
    const { scene, to } = await twoRelays();
    const slow = await scene.links.reach(to, within());
    for (const [seconds, ms] of [
      [10, 700],
      [30, 800],
    ] as const) {
      scene.clock.now = seconds * SECOND_MS;
      fakeOf(slow).bytesRead++;
      fakeOf(slow).onMeasure = (done) => {
        scene.clock.now += ms;
        done();
      };
      scene.links.tidy();
      await turn();
    }
    expect(told).toEqual(["c slow"]);
    expect(slow.closed).toBe(false);
    expect(scene.links.usable(to)!.path.address.host[0]).toBe("d");
  });

  it("that takes long serves while there is no other one", async () => {
    const { scene, to } = await twoRelays();
    scene.gone(OTHER_RELAY);
    const slow = await scene.links.reach(to, within());
    fakeOf(slow).onMeasure = (done) => {
      scene.clock.now += 5 * SECOND_MS;
      done();
    };
    scene.clock.now = 10 * SECOND_MS;
    scene.links.tidy();
    await turn();
    expect(scene.links.usable(to)).toBe(slow);
  });

  it("that leads to somebody else is told of", async () => {
    const { scene, to } = await twoRelays();
    await scene.other(undefined, RELAY);
    expect(await codeOf(scene.links.reach({ ...to, addresses: [RELAY] }, within()))).toBe("peer-mismatch");
    expect(told).toEqual(["c misled"]);
  });
});

describe("the path to a member", () => {
  const told: (readonly [string | undefined, string | undefined])[] = [];
  const onPath = (_: MemberId, now: Path | undefined, before: Path | undefined) =>
    void told.push([now?.kind, before?.kind]);

  it("is told when it comes, changes and goes, once each, and not for a session that is worse", async () => {
    told.length = 0;
    const scene = await Scene.create({ onPath });
    const peer = await scene.other();
    const relayed = scene.accept(peer, relayedPath);
    const punched = new FakeSession(peer.identity.certificate, { ...relayedPath, kind: "punched", via: undefined });
    scene.links.offer(sessionOf(punched));
    scene.accept(peer, relayedPath);
    scene.links.tidy();
    fakeOf(relayed).lose();
    punched.lose();
    for (const session of scene.links.get(peer.id)!.sessions) session.close();
    expect(told).toEqual([
      ["relayed", undefined],
      ["punched", "relayed"],
      ["relayed", "punched"],
      [undefined, "relayed"],
    ]);
  });

  it("is no news when its member is gone: that is told anyway", async () => {
    told.length = 0;
    const scene = await Scene.create({ onPath });
    const peer = await scene.other();
    scene.accept(peer);
    scene.links.drop(peer.id);
    expect(told).toEqual([["reversed", undefined]]);
  });
});

describe("links that are held open", () => {
  it("are made without being asked for, never idle, and made again with growing pauses", async () => {
    let kept: Kept[] = [];
    const scene = await Scene.create({ kept: () => kept, idleMs: 60 * SECOND_MS });
    const peer = await scene.other();
    kept = [peer.to];
    scene.links.tidy();
    await turn();
    const first = scene.links.usable(peer.to)!;
    expect(first.closed).toBe(false);
    scene.clock.now += 3_600 * SECOND_MS;
    scene.links.tidy();
    expect(first.closed).toBe(false);
    scene.gone(peer.address);
    fakeOf(first).lose();
    scene.dialled.length = 0;
    const startedAt = scene.clock.now;
    const dials: number[] = [];
    for (; scene.clock.now <= startedAt + 40 * SECOND_MS; scene.clock.now += SECOND_MS) {
      scene.links.tidy();
      await turn();
      for (const _ of scene.dialled.splice(0)) dials.push((scene.clock.now - startedAt) / SECOND_MS);
    }
    expect(dials).toEqual([0, 1, 3, 7, 15, 31]);
    await scene.other(peer.identity, peer.address);
    scene.links.moved(peer.id, peer.addresses);
    scene.links.tidy();
    await turn();
    expect(scene.links.usable(peer.to)?.closed).toBe(false);
  });

  it("are idle like others when they are no longer wanted", async () => {
    let kept: Kept[] = [];
    const scene = await Scene.create({ kept: () => kept, idleMs: 60 * SECOND_MS });
    const peer = await scene.other();
    kept = [peer.to];
    scene.links.tidy();
    await turn();
    kept = [];
    scene.links.tidy();
    scene.clock.now += 61 * SECOND_MS;
    scene.links.tidy();
    expect(scene.links.size).toBe(0);
  });

  it(`are ${KEPT_MAX} at most, and 16 of them are made at once`, async () => {
    const wanted: Kept[] = [];
    const scene = await Scene.create({ kept: () => wanted });
    const { identity } = await scene.other();
    for (let count = 0; count < KEPT_MAX + 20; count++) {
      const id = count.toString(16).padStart(64, "0") as MemberId;
      wanted.push((await scene.other({ ...identity, certificate: { ...identity.certificate, id } })).to);
    }
    scene.links.tidy();
    expect(scene.dialled.length).toBe(16);
    for (let second = 0; second < 60; second++) {
      await turn();
      scene.clock.now += SECOND_MS;
      scene.links.tidy();
    }
    expect(scene.links.size).toBe(KEPT_MAX);
  });
});

describe("a member that is reached by nothing but a silent session", () => {
  it("is not called unreached, and its session is used again when bytes come", async () => {
    const scene = await Scene.create();
    const peer = await scene.other();
    scene.gone(peer.address);
    const silent = scene.accept(peer);
    fakeOf(silent).isDoubtful = true;
    expect(await codeOf(scene.links.reach(peer.to, within()))).toBe("none");
    fakeOf(silent).isDoubtful = false;
    expect(scene.links.usable(peer.to)).toBe(silent);
    expect(scene.dialled.length).toBe(1);
  });
});
