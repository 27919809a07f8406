/** Accuses on rings that there are not, on rings that the accused has disabled, and itself. */
import { isEnabled } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { tellMost } from "../tools/crowd.js";
import { accusationOf } from "../tools/forgery.js";
import { orderOf } from "../tools/order.js";

export class RingAccuser implements Behaviour {
  readonly name = "ring-accuser";

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const ring = 1 + actor.chance.below(order.ringCount);
    const victim = order.next(ring, actor);
    if (!victim?.isCorrect || victim.state !== "up") return;
    const { epoch, mask } = victim.machine;
    const disabled = order.all().filter((number) => !isEnabled(mask, number));
    const wrong = [0, order.ringCount + 1, 0xffff, ...disabled];
    const statements = wrong.map((number) => accusationOf(actor, victim.id, number, epoch));
    tellMost(actor, [...statements, accusationOf(actor, actor.id, ring, actor.machine.epoch)]);
  }
}
