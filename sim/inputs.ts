/** The inputs that the engine itself plans for members: their deadlines, verdicts, turns of behaviours, and what is to be done later. */
import type { Check } from "../gossip/index.js";
import { TURN_MS } from "./actor.js";
import { PlannedInput } from "./members/input.js";
import type { Member } from "./members/member.js";

/** The machine's deadline, or one that was. */
export class Wake extends PlannedInput {
  override happen(): void {
    const { member } = this;
    if (this.life !== member.life || member.state !== "up") return;
    const { world } = member;
    member.wakeAt = Number.POSITIVE_INFINITY;
    const { deadline } = member.machine;
    if (deadline !== undefined && deadline <= world.now) world.perform(member, this);
    else world.arm(member);
  }

  run(member: Member, now: number): void {
    member.machine.tick(now);
  }
}

/** The verdicts on what a machine asked to have checked. */
export class Checked extends PlannedInput {
  readonly #batch: number;
  readonly #checks: readonly Check[];

  constructor(member: Member, life: number, batch: number, checks: readonly Check[]) {
    super(member, life);
    this.#batch = batch;
    this.#checks = checks;
  }

  run(member: Member, now: number): void {
    const { verdicts } = member.world;
    const given = this.#checks.map((check) => verdicts.check(check, member.wall));
    member.machine.verified(this.#batch, given, now);
  }
}

/** A turn of a member's behaviours, and the next one. */
export class Turn extends PlannedInput {
  override happen(): void {
    const { member } = this;
    if (this.life !== member.life || member.state === "down") return;
    if (member.state === "up") member.world.perform(member, this);
    member.world.plan(TURN_MS, this);
  }

  run(member: Member): void {
    for (const behaviour of member.behaviours) behaviour.turn?.(member);
  }
}

/** Something to be done for a member later, unless its life has ended by then. */
export class Later extends PlannedInput {
  readonly #act: () => void;

  constructor(member: Member, life: number, act: () => void) {
    super(member, life);
    this.#act = act;
  }

  run(): void {
    this.#act();
  }
}
