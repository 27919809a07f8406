/** What a later version adds to a note is passed on as it was signed, by members that do not know it. */
import { expect, it } from "vitest";
import { TRANSPORT_GRPC } from "../../gossip/index.js";
import { toHex } from "../../rings/index.js";
import { Overlay } from "../support/gossip/overlay.js";
import { noteOf, noteStatement } from "../support/gossip/statements.js";

it("a note with unknown kinds of address and extension reaches everyone, byte for byte", () => {
  const overlay = new Overlay({ seed: 1 });
  const seats = overlay.grow(6);
  overlay.run(5000);
  const later = seats[5]!;
  const note = noteOf(later.certificate, {
    epoch: later.machine.epoch + 1n,
    addresses: [
      { transport: 200, text: "ws://example.org/x" },
      { transport: TRANSPORT_GRPC, text: later.address },
    ],
    extensions: [{ type: 4_000, data: Uint8Array.of(1, 2, 3) }],
  });
  const bytes = noteStatement(note);
  overlay.tell(later, seats[0]!, bytes);
  const others = seats.slice(0, 5);
  const holds = () =>
    others.filter((seat) => seat.machine.statements().some((each) => toHex(each) === toHex(bytes))).length;
  // Its member answers what it did not write itself with a newer note: until then everyone has this one.
  overlay.passes = (from, to) => from !== later && to !== later;
  overlay.run(200);
  expect(holds()).toBe(5);
});
