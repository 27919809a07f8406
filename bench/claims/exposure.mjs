/** Correct members with liars as predecessors on more than t rings, at any time: no claim is made for these (protocol section 2). */
import { hash } from "node:crypto";
import { Rings, tolerance } from "../../dist/rings/index.js";
import { correctOf } from "./run.mjs";

const nobody = () => false;

export class Exposure {
  ids = new Set();
  #simulation;
  #rings;
  #liars;
  #gone = new Set();

  constructor(simulation) {
    this.#simulation = simulation;
    this.#rings = new Rings({ count: simulation.ringCount, sha256: (data) => hash("sha256", data, "buffer") });
    this.#liars = new Set(simulation.members.filter(({ isCorrect }) => !isCorrect).map(({ id }) => id));
    for (const { id } of simulation.members) this.#rings.add(id);
    this.#look();
  }

  /** One member goes and another one joins. */
  change(goer, newcomer) {
    this.#gone.add(goer.id);
    this.#rings.delete(goer.id);
    this.#rings.add(newcomer.id);
    this.#look();
  }

  #look() {
    for (const { id } of correctOf(this.#simulation)) if (!this.#gone.has(id) && this.#isExposed(id)) this.ids.add(id);
  }

  #isExposed(id) {
    return this.liarsBefore(id) > tolerance(this.#rings.count);
  }

  /** Rings on which a liar is the predecessor. */
  liarsBefore(id) {
    let near = 0;
    for (let ring = 1; ring <= this.#rings.count; ring++) {
      if (this.#liars.has(this.#rings.predecessor(ring, id, nobody))) near += 1;
    }
    return near;
  }
}
