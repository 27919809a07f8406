/**
 * Attacks that one head directs. What is asserted is what liars do and what is sent, not what comes of it: that is the
 * protocol's part, and changes with its rules.
 */
import { describe, expect, it, vi } from "vitest";
import { type Claim, parsePacket, parseStatement } from "../../../gossip/index.js";
import { tolerance } from "../../../rings/index.js";
import type { Seat } from "../../../sim/actor.js";
import { PLOTS } from "../../../sim/adversaries/index.js";
import { orderOf } from "../../../sim/adversaries/tools/order.js";
import { plot } from "../../../sim/puppets/plot.js";
import type { Program } from "../../../sim/puppets/program.js";
import * as programs from "../../../sim/puppets/programs.js";
import type { Scene } from "../../../sim/puppets/scene.js";
import { Script } from "../../../sim/puppets/script.js";
import { Plot, type Troupe } from "../../../sim/puppets/troupe.js";
import { Trial, type TrialOptions } from "../../support/sim/trial.js";

vi.setConfig({ testTimeout: 120_000 });

/** One statement that a liar has brought to a correct member. */
interface Heard {
  readonly at: number;
  readonly by: Seat;
  readonly to: Seat;
  readonly claim: Claim;
}

/** A program at work, and all that liars' own packets said. */
class Performance {
  readonly trial: Trial;
  readonly heard: Heard[] = [];
  #script: Script | undefined;

  constructor(program: Program, options: Partial<TrialOptions> = {}) {
    const create = plot("program", () => {
      this.#script = new Script(program);
      return this.#script;
    });
    this.trial = new Trial({ members: 20, byzantine: 4, liars: () => [create()], ...options });
    for (const liar of this.trial.liars) {
      const call = liar.call.bind(liar);
      liar.call = (to, packet, onAnswer) => {
        const parsed = parsePacket(packet);
        const items = parsed.ok ? parsed.items : [];
        for (const item of items) {
          const claim = item.kind === "statement" ? parseStatement(item.bytes) : undefined;
          if (claim) this.heard.push({ at: this.trial.sim.now, by: liar, to, claim });
        }
        call(to, packet, onAnswer);
      };
    }
  }

  get scenes(): readonly Scene[] {
    return this.#script?.scenes ?? [];
  }

  get scene(): Scene {
    const [scene] = this.scenes;
    if (!scene) throw new Error("there is no scene");
    return scene;
  }

  get others(): Seat[] {
    return this.trial.correct.filter((seat) => seat !== this.scene.victim);
  }

  /** What this member was told, of one kind. */
  told<K extends Claim["kind"]>(to: Seat, kind: K): Extract<Claim, { kind: K }>[] {
    return this.heard.flatMap(({ to: hearer, claim }) => {
      return hearer === to && claim.kind === kind ? [claim as Extract<Claim, { kind: K }>] : [];
    });
  }
}

describe("the two-faced leaver", () => {
  const played = new Performance(programs.TWO_FACED_LEAVER);
  played.trial.seconds(3);
  const { scene, others, trial } = played;
  const { victim, screen, accuser, ring } = scene;

  it("is cast where two liars stand in a row before one that is not exposed", () => {
    const nearest = orderOf(accuser.actor).before(ring, victim).slice(0, 2);
    expect(nearest.map(({ id }) => id)).toEqual([screen.id, accuser.id]);
    expect(trial.exposed).not.toContain(victim);
  });

  it("has left for all but the victim, for whom it lives, each time with a higher epoch", () => {
    for (const seat of others) expect(epochsOf(played, seat, true).length).toBeGreaterThan(1);
    expect(epochsOf(played, victim, true)).toEqual([]);
    const epochs = epochsOf(played, victim, false);
    expect(epochs.length).toBeGreaterThan(tolerance(trial.sim.ringCount) + 1);
    const [first, second] = new Set(epochsOf(played, others[0]!, true));
    expect(epochs.some((epoch) => epoch > first! && epoch < second!)).toBe(true);
  });

  it("has the accuser use up what the victim has for a stranger, on rings on which somebody correct is between", () => {
    const first = played.heard.filter(({ to, claim }) => to === victim && claim.kind === "accusation").slice(0, 5);
    expect(first.length).toBe(5);
    for (const { claim } of first) {
      const { accusation } = claim as Extract<Claim, { kind: "accusation" }>;
      expect(accusation.accuser).toBe(accuser.id);
      expect(accusation.ring).not.toBe(ring);
    }
  });

  it("has all others told of the accusation on the ring, at each epoch of the victim", () => {
    const { epoch } = victim.machine;
    for (const seat of others) {
      const rings = played.told(seat, "accusation").filter(({ accusation }) => accusation.accused === victim.id);
      expect(new Set(rings.map(({ accusation }) => accusation.ring))).toEqual(new Set([ring]));
      expect(rings.at(-1)?.accusation.epoch).toBe(epoch);
    }
  });

  it("takes other scenes when the time of the first is over", () => {
    trial.seconds(12);
    expect(played.scenes.length).toBe(2);
  });
});

describe("its variants", () => {
  it("leave for a few only", () => {
    const played = new Performance(programs.TWO_FACED_FEW);
    played.trial.seconds(3);
    const left = played.others.filter((seat) => epochsOf(played, seat, true).length > 0);
    expect(left.map(({ number }) => number)).toEqual([...played.scene.few].sort((a, b) => a - b));
  });

  it("attack as many as there are places, with another screen for each", () => {
    const played = new Performance(programs.TWO_FACED_CROWD);
    played.trial.seconds(2);
    expect(played.scenes.length).toBeGreaterThan(1);
    expect(new Set(played.scenes.map(({ screen }) => screen.id)).size).toBe(played.scenes.length);
  });

  it("answer the victim with nothing", () => {
    const played = new Performance(programs.TWO_FACED_QUIET);
    played.trial.seconds(2);
    const { victim, screen } = played.scene;
    expect(screen.response(victim.id)?.length).toBe(1);
    expect(screen.response(played.others[0]!.id)).toBeUndefined();
  });
});

describe("the proof jam", () => {
  const played = new Performance(programs.PROOF_JAM);
  played.trial.seconds(3);
  const { scene, others } = played;
  const [older, newer] = scene.screen.identities.map(({ certificate }) => certificate.hash);

  it("tells the victim ever better proofs about the older certificate, around the instant of its refill", () => {
    const proofs = played.told(scene.victim, "equivocation");
    expect(proofs.length).toBeGreaterThan(100);
    expect(proofs.every(({ pair }) => pair[0].certificate === older)).toBe(true);
    const epochs = [...new Set(proofs.map(({ pair }) => pair[0].epoch))];
    expect(epochs.every((epoch, index) => index === 0 || epoch < epochs[index - 1]!)).toBe(true);
  });

  it("tells all others one about the newer one, so that it is no member there", () => {
    for (const seat of others) {
      expect(played.told(seat, "equivocation").every(({ pair }) => pair[0].certificate === newer)).toBe(true);
      expect(seat.machine.standing(scene.screen.id)).toBe("equivocated");
    }
  });
});

describe("the ghost accuser", () => {
  it("accuses at the instant at which its certificate is over for the victim, whose clock is ahead", () => {
    const played = new Performance(programs.GHOST_ACCUSER);
    const { trial } = played;
    const ahead = trial.correct.slice(0, 8);
    for (const seat of ahead) trial.sim.skewClock(seat, 15);
    trial.seconds(3);
    const { scene } = played;
    expect(ahead).toContain(scene.victim);
    const { certificate } = scene.accuser.identities.at(-1)!;
    expect(certificate.hash).not.toBe(scene.accuser.actor.certificate.hash);
    for (const seat of played.others) {
      const [told] = played.told(seat, "accusation");
      expect(told?.accusation).toMatchObject({
        accused: scene.victim.id,
        ring: scene.ring,
        certificate: certificate.hash,
      });
    }
    expect(played.told(scene.victim, "accusation")).toEqual([]);
  });
});

describe("the forgotten leaver", () => {
  it("lives again, with an epoch below that of its last words, for the one who has forgotten them first", () => {
    const played = new Performance(programs.FORGOTTEN_LEAVER);
    const { trial } = played;
    trial.seconds(2);
    for (let joined = 0; joined < 4; joined++) trial.sim.at(500 * joined, () => trial.sim.join());
    trial.seconds(10);
    const leaving = (seat: Seat) => played.told(seat, "note").filter(({ note }) => note.leaving);
    const words = new Map(
      trial.liars.map(({ id }) => [id, leaving(trial.correct[0]!).find(({ note }) => note.id === id)!]),
    );
    expect([...words.values()].every((word) => word !== undefined)).toBe(true);
    played.heard.length = 0;
    trial.seconds(303);
    expect(played.scenes.length).toBeGreaterThan(0);
    const { victim, screen } = played.scene;
    const [again] = played.told(victim, "note").filter(({ note }) => note.id === screen.id);
    expect(again?.note.leaving).toBe(false);
    expect(again!.note.epoch).toBeLessThan(words.get(screen.id)!.note.epoch);
  });
});

describe("the splitter", () => {
  it("goes on with a leaving note for one half and a living one for the other in each interval", () => {
    const played = new Performance(programs.SPLITTER, { byzantine: 1 });
    played.trial.seconds(5);
    const last = played.heard.filter(({ at }) => at > 3000);
    for (const seat of played.trial.correct) {
      const notes = last.flatMap(({ to, claim }) => (to === seat && claim.kind === "note" ? [claim.note] : []));
      expect(notes.length).toBeGreaterThan(0);
      expect(notes.every(({ leaving }) => leaving === (seat.number % 2 === 0))).toBe(true);
    }
  });
});

describe("the doorstep", () => {
  it("accuses a newcomer that lacks the accuser's certificate, and liars tell it nothing", () => {
    const played = new Performance(programs.DOORSTEP, { members: 30, byzantine: 6, network: { loss: 0.1 } });
    played.trial.seconds(2);
    expect(played.scenes).toEqual([]);
    for (let joined = 0; joined < 4; joined++) played.trial.sim.join();
    const newest = played.trial.sim.members.slice(-4);
    played.trial.seconds(1);
    expect(played.scenes.length).toBeGreaterThan(0);
    for (const { victim, accuser } of played.scenes) {
      expect(newest).toContain(victim);
      expect(accuser.response(victim.id)?.length).toBe(1);
      const aboutItself = played
        .told(victim, "accusation")
        .filter(({ accusation }) => accusation.accused === victim.id);
      expect(aboutItself).toEqual([]);
      const accused = played.heard.filter(
        ({ claim }) => claim.kind === "accusation" && claim.accusation.accused === victim.id,
      );
      expect(accused.length).toBeGreaterThan(0);
    }
  });
});

describe("a proven liar", () => {
  it("is refused, so another one brings what it says", () => {
    const says = { by: "screen", to: "all" } as const;
    const played = new Performance({
      ...programs.PROOF_JAM,
      moves: [
        { ...says, say: "proof", when: { at: 0.1 } },
        { ...says, say: "live", when: { at: 2 } },
      ],
    });
    played.trial.seconds(4);
    const { scene, trial } = played;
    const bringers = (kind: Claim["kind"]) =>
      new Set(played.heard.flatMap(({ by, claim }) => (claim.kind === kind ? [by.id] : [])));
    expect(bringers("equivocation")).toEqual(new Set([scene.screen.id]));
    for (const seat of trial.correct) {
      expect(seat.machine.standing(scene.screen.id)).toBe("equivocated");
      expect(played.told(seat, "note").map(({ note }) => note.id)).toContain(scene.screen.id);
    }
    expect(bringers("note")).not.toContain(scene.screen.id);
  });
});

describe("a plot", () => {
  it("is begun once for all liars, when all have had a turn, and moves them to the millisecond", () => {
    const begun: number[] = [];
    const moments: number[] = [];
    class Clockwork extends Plot {
      begin(troupe: Troupe): void {
        begun.push(troupe.puppets.length);
        troupe.every(7, 3, () => moments.push(troupe.now));
      }
    }
    const create = plot("clockwork", () => new Clockwork());
    const trial = new Trial({ members: 8, byzantine: 3, liars: () => [create()] });
    trial.sim.run(1000);
    expect(begun).toEqual([3]);
    expect(moments.slice(0, 4)).toEqual([503, 510, 517, 524]);
    expect(moments.every((at, index) => index === 0 || at === moments[index - 1]! + 7)).toBe(true);
  });

  it("goes on when the liar whose clock it has is down", () => {
    const moments: number[] = [];
    class Clockwork extends Plot {
      begin(troupe: Troupe): void {
        troupe.every(10, 0, () => moments.push(troupe.now));
      }
    }
    const create = plot("clockwork", () => new Clockwork());
    const trial = new Trial({ members: 8, byzantine: 3, liars: () => [create()] });
    trial.sim.run(1000);
    trial.sim.crash(trial.liars[0]!);
    const before = moments.length;
    trial.sim.run(1000);
    expect(moments.length).toBeGreaterThan(before + 50);
  });

  it.each(PLOTS)("%s does nothing wrong in a network in which it finds no place", (name) => {
    const trial = new Trial({ members: 6, byzantine: 1, rings: 5, liars: [name], start: "joining" }).seconds(8);
    expect(trial.errors).toEqual([]);
    expect(trial.losses).toEqual([]);
  });

  it("stays in turns with all others", () => {
    const trial = new Trial({ members: 16, byzantine: 4, liars: [...PLOTS, "mob"] }).seconds(12);
    trial.sim.join();
    trial.seconds(8);
    expect(trial.errors).toEqual([]);
  });
});

/** Epochs of the screen's notes that a member was told, leaving or not. */
function epochsOf(played: Performance, seat: Seat, leaving: boolean): bigint[] {
  const notes = played.told(seat, "note").filter(({ note }) => note.id === played.scene.screen.id);
  return notes.filter(({ note }) => note.leaving === leaving).map(({ note }) => note.epoch);
}
