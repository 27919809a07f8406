/** An input of one member's machine, planned. */
import type { Input, Member } from "./member.js";

/** For whichever life of the member it finds. */
export const ANY_LIFE = -1;

export abstract class PlannedInput implements Input {
  // Declared only: fields that are first defined and then set cost twice, and millions of these are made.
  declare readonly member: Member;
  declare readonly life: number;

  constructor(member: Member, life: number) {
    this.member = member;
    this.life = life;
  }

  happen(): void {
    this.member.world.deliver(this);
  }

  abstract run(member: Member, now: number): void;
}
