/** An input of one member's machine, planned. */
import type { Happening } from "./calendar.js";
import type { Member } from "./member.js";

/** For whichever life of the member it finds. */
export const ANY_LIFE = -1;

/** What a machine is told, and for which life of its member. */
export abstract class Input implements Happening {
  // Declared only: fields that are first defined and then set cost twice, and millions of these are made.
  declare readonly member: Member;
  declare readonly life: number;

  constructor(member: Member, life: number) {
    this.member = member;
    this.life = life;
  }

  happen(): void {
    this.member.engine.deliver(this);
  }

  /** Hands it to the machine. */
  abstract run(member: Member, now: number): void;
}
