/** The failure detector alone: what it asks for, and when it accuses (protocol section 4). */
import { describe, expect, it } from "vitest";
import { type Detection, Detector, type Target } from "../../gossip/detection/detector.js";
import { idOf } from "../support/gossip/authority.js";

const target: Target = { id: idOf("target"), ring: 1, epoch: 5n, pingable: true };

function detectorOf() {
  let nonce = 0n;
  return new Detector({ monitorMs: 1000, pingLimit: 3, nonce: () => ++nonce });
}

const kinds = (detections: readonly Detection[]) => detections.map((detection) => detection.kind);
const nonceOf = (detections: readonly Detection[]) =>
  detections.flatMap((detection) => (detection.kind === "ping" ? [detection.nonce] : []))[0]!;

/** Ticks at each deadline until `until`; returns what was asked with its time. */
function runTo(detector: Detector, until: number): [number, string][] {
  const seen: [number, string][] = [];
  for (let at = detector.deadline; at !== undefined && at <= until; at = detector.deadline) {
    for (const kind of kinds(detector.tick(at))) seen.push([at, kind]);
  }
  return seen;
}

describe("a visit", () => {
  it("ends well with a pong, and measures the way", () => {
    const detector = detectorOf();
    const nonce = nonceOf(detector.visit(target, 0));
    expect(detector.pong(target.id, nonce, 40)).toBe(true);
    expect(detector.path(target.id).srtt).toBe(40);
    expect(detector.isVisiting(target.id)).toBe(false);
    expect(detector.deadline).toBeUndefined();
  });

  it("probes again at the timeout, tries the main transport beside the last probe, and then accuses", () => {
    const detector = detectorOf();
    expect(kinds(detector.visit(target, 0))).toEqual(["ping"]);
    expect(runTo(detector, 899)).toEqual([
      [300, "ping"],
      [600, "try"],
      [600, "ping"],
    ]);
    expect(detector.tried(target.id, "silent", 700)).toEqual([]);
    expect(detector.tick(900)).toEqual([{ kind: "accuse", target }]);
    expect(detector.isVisiting(target.id)).toBe(false);
  });

  it("does not accuse while the try runs, nor when it succeeds", () => {
    const detector = detectorOf();
    detector.visit(target, 0);
    expect(kinds(runTo(detector, 2000).map(([, kind]) => ({ kind }) as Detection))).not.toContain("accuse");
    expect(detector.tried(target.id, "answered", 2000)).toEqual([]);
    expect(detector.isVisiting(target.id)).toBe(false);
  });

  it("takes a late pong before the verdict as well as any", () => {
    const detector = detectorOf();
    const first = nonceOf(detector.visit(target, 0));
    runTo(detector, 900);
    expect(detector.pong(target.id, first, 1000)).toBe(true);
    expect(detector.tried(target.id, "silent", 1100)).toEqual([]);
    expect(detector.path(target.id).srtt).toBe(1000);
  });

  it("takes no pong of another member, another nonce, or twice", () => {
    const detector = detectorOf();
    const nonce = nonceOf(detector.visit(target, 0));
    expect(detector.pong(idOf("other"), nonce, 10)).toBe(false);
    expect(detector.pong(target.id, nonce + 1n, 10)).toBe(false);
    expect(detector.pong(target.id, nonce, 10)).toBe(true);
    expect(detector.pong(target.id, nonce, 10)).toBe(false);
  });

  it("is not begun twice at once", () => {
    const detector = detectorOf();
    detector.visit(target, 0);
    expect(detector.visit({ ...target, ring: 2 }, 10)).toEqual([]);
  });

  it("asks for more misses where the way is known to lose pings", () => {
    const detector = detectorOf();
    let now = 0;
    for (let visit = 0; visit < 60; visit++) {
      detector.visit(target, now);
      const [again] = detector.tick(now + 1000);
      detector.pong(target.id, nonceOf([again!]), now + 1005);
      now += 2000;
    }
    expect(detector.path(target.id).loss).toBeGreaterThan(0.5);
    detector.visit(target, now);
    const pings = runTo(detector, now + 60_000).filter(([, kind]) => kind === "ping");
    expect(pings.length).toBe(13);
  });
});

describe("a connection that broke or was refused", () => {
  it("starts ping and try at once, also beside a visit that runs", () => {
    const detector = detectorOf();
    expect(kinds(detector.hint(target, 0))).toEqual(["ping", "try"]);
    expect(detector.hint(target, 10)).toEqual([]);
    const other = detectorOf();
    other.visit(target, 0);
    expect(kinds(other.hint(target, 10))).toEqual(["try"]);
  });

  it("that its host refuses needs two missed pings, not the whole limit", () => {
    const detector = detectorOf();
    detector.hint(target, 0);
    expect(detector.tried(target.id, "refused", 5)).toEqual([]);
    expect(runTo(detector, 600)).toEqual([
      [300, "ping"],
      [600, "accuse"],
    ]);
  });

  it("is no verdict against a member that answers its ping", () => {
    const detector = detectorOf();
    const nonce = nonceOf(detector.hint(target, 0));
    detector.tried(target.id, "refused", 5);
    expect(detector.pong(target.id, nonce, 20)).toBe(true);
    expect(detector.deadline).toBeUndefined();
  });
});

describe("a try that could not even be made", () => {
  it("ends the visit without a verdict: nobody is accused for what is wrong with me", () => {
    const detector = detectorOf();
    detector.visit(target, 0);
    runTo(detector, 600);
    expect(detector.tried(target.id, "unable", 700)).toEqual([]);
    expect(detector.isVisiting(target.id)).toBe(false);
    expect(runTo(detector, 10_000)).toEqual([]);
  });
});

describe("a member without an address for pings", () => {
  it("is tried over the main transport only, three times in a row", () => {
    const detector = detectorOf();
    const dumb = { ...target, pingable: false };
    expect(kinds(detector.visit(dumb, 0))).toEqual(["try"]);
    expect(detector.tried(dumb.id, "silent", 1000)).toEqual([]);
    expect(kinds(detector.tick(detector.deadline!))).toEqual(["try"]);
    expect(detector.tried(dumb.id, "silent", 2300)).toEqual([]);
    expect(kinds(detector.tick(detector.deadline!))).toEqual(["try"]);
    expect(kinds(detector.tried(dumb.id, "silent", 3600))).toEqual(["accuse"]);
  });

  it("is found as soon after a thousand tries that were answered: they were no lost pings", () => {
    const detector = detectorOf();
    const dumb = { ...target, pingable: false };
    for (let visit = 0; visit < 1000; visit++) {
      detector.visit(dumb, visit * 1000);
      detector.tried(dumb.id, "answered", visit * 1000 + 10);
    }
    detector.visit(dumb, 1_000_000);
    const tries = [1, 2, 3].map((miss) => {
      const effects = kinds(detector.tried(dumb.id, "silent", 1_000_000 + 1000 * miss));
      detector.tick(detector.deadline ?? 0);
      return effects;
    });
    expect(tries).toEqual([[], [], ["accuse"]]);
  });

  it("has half an interval between two tries, however soon they end: relays may all say at once that it is gone", () => {
    const detector = detectorOf();
    const dumb = { ...target, pingable: false };
    detector.visit(dumb, 0);
    detector.tried(dumb.id, "answered", 10);
    detector.visit(dumb, 1000);
    detector.tried(dumb.id, "silent", 1001);
    expect(runTo(detector, 1499)).toEqual([]);
    expect(runTo(detector, 1500)).toEqual([[1500, "try"]]);
  });

  it("is left in peace when a try succeeds", () => {
    const detector = detectorOf();
    detector.visit({ ...target, pingable: false }, 0);
    detector.tried(target.id, "answered", 50);
    expect(detector.isVisiting(target.id)).toBe(false);
  });
});

describe("a driver that never ends a try", () => {
  it.each([true, false])("has it counted as failed after a while (pingable: %s)", (pingable) => {
    const detector = detectorOf();
    detector.visit({ ...target, pingable }, 0);
    expect(runTo(detector, 60_000).map(([, kind]) => kind)).toContain("accuse");
  });
});

describe("my own standstill", () => {
  it("begins all visits anew", () => {
    const detector = detectorOf();
    detector.visit(target, 0);
    runTo(detector, 600);
    detector.tried(target.id, "silent", 650);
    expect(kinds(detector.restart(5000))).toEqual(["ping"]);
    expect(runTo(detector, 5000 + 599)).toEqual([[5300, "ping"]]);
    expect(detector.isVisiting(target.id)).toBe(true);
  });

  it("and the silence of most of my targets at once accuse nobody for two windows", () => {
    const detector = detectorOf();
    const targets = Array.from({ length: 6 }, (_, index) => ({ ...target, id: idOf(`t${index}`) }));
    const accused: number[] = [];
    for (const one of targets) detector.visit(one, 0);
    for (let now = 0; now < 60_000; now += 50) {
      for (const detection of detector.tick(now)) {
        if (detection.kind === "try") detector.tried(detection.target, "silent", now);
        if (detection.kind === "accuse") accused.push(now);
      }
    }
    expect(accused.length).toBe(6);
    expect(Math.min(...accused)).toBeGreaterThan(20_000);
    expect(Math.max(...accused)).toBeLessThan(25_000);
  });
});
