/** Whatever sessions come and go, in any order: the best live one is used, nothing open is cut, and nothing is left. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Path, pathOf } from "../../net/index.js";
import { rankOf } from "../../net/links/ranking.js";
import type { MemberId } from "../../rings/index.js";
import { FakeSession, Scene, sessionOf } from "./links-scene.js";

const host = { scheme: "tcp", host: "203.0.113.9", port: 40_000 };
const relay = { scheme: "relay", host: "c".repeat(64), port: 0 };
const twoRelays = { ...relay, path: `/${"d".repeat(64)}` };
const PATHS: readonly Path[] = (["dialled", "accepted"] as const).flatMap((direction) => [
  pathOf(direction, host),
  { kind: "punched", direction, address: host },
  pathOf(direction, relay),
  pathOf(direction, twoRelays),
]);

/** Of one of two members, and of the n-th of its sessions so far. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("come" as const), path: fc.nat(PATHS.length - 1), rtt: fc.nat(300) }),
  fc.record({ kind: fc.constantFrom("lose", "close", "open", "end", "doubt", "answer") }),
  fc.record({ kind: fc.constantFrom("wait", "tidy") }),
);
const steps = fc.array(fc.tuple(step, fc.nat(1), fc.nat(7), fc.nat(20_000)), { maxLength: 60 });

describe("sessions that come and go in any order", () => {
  it("keep the promises of links", async () => {
    const first = await Scene.create();
    const peers = await Promise.all([0, 1].map(() => first.network.member()));
    fc.assert(
      fc.property(steps, (drawn) => {
        const scene = first.again();
        const all = peers.map((): FakeSession[] => []);
        for (const [one, who, nth, ms] of drawn) {
          const { certificate } = peers[who]!;
          const session = all[who]!.at(-1 - nth);
          if (one.kind === "come" && "path" in one) {
            const come = new FakeSession(certificate, PATHS[one.path]!);
            come.roundTripMs = one.rtt || undefined;
            all[who]!.push(come);
            if (come.path.direction === "dialled") scene.links.offer(sessionOf(come));
            else scene.links.adopt(sessionOf(come));
          } else if (one.kind === "wait") scene.clock.now += ms;
          else if (one.kind === "tidy") scene.links.tidy();
          else if (session && !session.closed) act(session, one.kind);
          for (const [index, sessions] of all.entries()) judge(scene, peers[index]!.certificate.id, sessions);
        }
        wind(scene, all);
      }),
      { numRuns: 300 },
    );
  });
});

function act(session: FakeSession, kind: string): void {
  if (kind === "lose") session.lose();
  if (kind === "open") session.active++;
  if (kind === "end") session.active = Math.max(0, session.active - 1);
  if (kind === "doubt") session.isDoubtful = true;
  if (kind === "answer") {
    session.isDoubtful = false;
    session.bytesRead++;
  }
  if (kind === "close" && session.active === 0) session.close();
}

function judge(scene: Scene, id: MemberId, sessions: readonly FakeSession[]): void {
  const open = sessions.filter(({ closed }) => !closed);
  const sound = open.filter(({ isDoubtful }) => !isDoubtful);
  const used = scene.links.usable({ id, addresses: [] });
  expect(used === undefined).toBe(sound.length === 0);
  if (used !== undefined) expect(rankOf(used.path)).toBe(Math.min(...sound.map(({ path }) => rankOf(path))));
  expect(new Set(scene.links.get(id)?.sessions ?? [])).toEqual(new Set(open));
  // What the links close has nothing open on it; a session that a test loses is not theirs.
  for (const session of sessions) if (session.closed && !session.wasLost) expect(session.wasCut).toBe(false);
}

/** When nothing is open any more, one session of mine is left for each member, then none. */
function wind(scene: Scene, all: readonly FakeSession[][]): void {
  for (const session of all.flat()) session.active = 0;
  scene.links.tidy();
  for (let time = 0; time < 3; time++) {
    scene.clock.now += 20_000;
    scene.links.tidy();
  }
  for (const sessions of all) {
    const mine = sessions.filter(({ closed, path }) => !closed && path.direction === "dialled");
    expect(mine.length).toBeLessThanOrEqual(1);
  }
  const HOUR_MS = 3_600_000;
  scene.clock.now += HOUR_MS;
  scene.links.tidy();
  const left = all.flat().filter(({ closed }) => !closed);
  expect(left.every(({ path }) => path.direction === "accepted")).toBe(true);
  scene.links.close();
  expect(all.flat().every(({ closed }) => closed)).toBe(true);
  expect(scene.links.size).toBe(0);
}
