// An accuser whose certificate has ended for all but one judge: only that one would remove the victim, and has to be answered.
import { accusation, beginning, datedCrypto, lost, predecessor, puppet, repeat, stage, tell } from "./stage.mjs";

const MINUTE_MS = 60_000;
const RING = 3;
const VICTIM = 4;

/** `nat`: so many members are behind NATs, the victim too; then all its relays but the last pass nothing on. */
export function accusedUnderAnEnd(sim, nat = 0) {
  const { names, victimsNumber } = cast(sim, nat);
  // It ends, with the tolerated five minutes, ten seconds after the beginning.
  const ends = (name, dates) => (name === names.liar ? beginning(dates) - 5 * MINUTE_MS + 10_000 : dates.notAfter);
  const crypto = datedCrypto(sim, (name, dates) => ({ ...dates, notAfter: ends(name, dates) }));
  const on = stage(sim, { crypto, nat });
  const { simulation, seats } = on;
  const victim = seats[victimsNumber];
  const liar = puppet(on, predecessor(on, victim, RING));
  for (const relay of simulation.relaysOf(victim).slice(0, -1)) {
    if (relay.id !== liar.id) simulation.corrupt(relay, [{ name: "dropper", relaying: () => "drop" }]);
  }
  const isJudge = (seat) => seat !== victim && seat.isCorrect && simulation.isBehindNat(seat) === nat > 0;
  const judge = seats.find(isJudge);
  simulation.skewClock(judge, -4 * MINUTE_MS);
  simulation.run(15_000);
  repeat(on, 6, 500, () => tell(on, liar, [accusation(sim, liar, victim, RING)], [judge]));
  return lost(on);
}

/** Who stands where, of a network that begins in the same way: the liar's name has to be known before it has a certificate. */
function cast(sim, nat) {
  const on = stage(sim, { nat });
  const isVictim = (seat) => {
    const isReachable = !on.simulation.isBehindNat(predecessor(on, seat, RING));
    return on.simulation.isBehindNat(seat) && isReachable;
  };
  const victim = nat > 0 ? on.seats.find(isVictim) : on.seats[VICTIM];
  return { names: { liar: predecessor(on, victim, RING).name }, victimsNumber: victim.number };
}
