/** The neighbours that a machine keeps from change to change are those that it would find by looking anew at any moment. */
import { describe, expect, it } from "vitest";
import { Rings } from "../../rings/index.js";
import { sha256 } from "../support/gossip/authority.js";
import { Overlay, type Seat } from "../support/gossip/overlay.js";
import { seededRandom } from "../support/gossip/random.js";

const RINGS = 5;
const MEMBERS = 14;

function expectNeighbours(overlay: Overlay, order: Rings): void {
  for (const { machine } of overlay.up()) {
    const skip = (id: Parameters<typeof machine.standing>[0]) => machine.standing(id) !== "live";
    for (let ring = 1; ring <= RINGS; ring++) {
      expect(machine.neighboursOn(ring)).toEqual({
        predecessor: order.predecessor(ring, machine.id, skip),
        successor: order.successor(ring, machine.id, skip),
      });
    }
  }
}

/** Something happens to somebody: it comes, goes, crashes, comes back, or is accused by whoever may. */
function happen(overlay: Overlay, seats: readonly Seat[], number: () => number): void {
  const pick = () => seats[Math.floor(number() * seats.length)]!;
  const [one, other] = [pick(), pick()];
  const what = number();
  if (one.down) overlay.start(one.name, [overlay.up()[0]!.name], { keepState: what < 0.5 });
  else if (what < 0.15 && overlay.up().length > MEMBERS / 2) one.down = true;
  else if (what < 0.25 && overlay.up().length > MEMBERS / 2) overlay.input(one, () => one.machine.leave(overlay.now));
  else if (what < 0.9 && !other.down && one !== other) {
    overlay.accuse(
      one,
      other,
      [1, 2, 3, 4, 5],
      [pick(), pick(), pick()].filter((seat) => !seat.down && seat !== one),
    );
  }
}

describe("a machine's neighbours", () => {
  it.each([1, 2])("are up to date while members crash, leave, return and accuse each other (seed %d)", (seed) => {
    const overlay = new Overlay({ ringCount: RINGS, seed });
    const seats = overlay.grow(MEMBERS);
    const order = new Rings({ count: RINGS, sha256 });
    for (const { id } of seats) order.add(id);
    const { number } = seededRandom(seed);
    for (let turn = 0; turn < 40; turn++) {
      happen(overlay, seats, number);
      overlay.run(number() < 0.2 ? 2500 : 150);
      expectNeighbours(overlay, order);
    }
  });
});
