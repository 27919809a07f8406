/** Accuses whom it monitors at epochs that are over, that are still to come, and that nobody can have. */
import type { Actor, Behaviour } from "../../actor.js";
import { tellMost } from "../tools/crowd.js";
import { accusationOf } from "../tools/forgery.js";
import { orderOf } from "../tools/order.js";

export class EpochAccuser implements Behaviour {
  readonly name = "epoch-accuser";

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const ring = 1 + actor.chance.below(order.ringCount);
    const victim = order.next(ring, actor);
    if (!victim?.isCorrect || victim.state !== "up") return;
    const { epoch } = victim.machine;
    const wrong = [epoch - 1n, epoch + 1n, epoch + 1000n, 0n, 2n ** 63n - 1n, 2n ** 64n - 1n];
    tellMost(
      actor,
      wrong.map((at) => accusationOf(actor, victim.id, ring, at)),
    );
  }
}
