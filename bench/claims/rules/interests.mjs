// Rule R22 with its switches, as in table.mjs: what members subscribe to is bounded by whose it is, and membership waits for
// none of it.
import { puppet, repeat, stage, tell, verdict } from "./stage.mjs";

/** Bytes of each version that the liar signs: nine tenths of the largest. */
const BYTES = 60_000;

function interest(sim, liar, version) {
  const { certificate } = liar;
  const plain = { id: certificate.id, certificate: certificate.hash, version, content: new Uint8Array(BYTES) };
  const body = sim.encodeInterest(plain, sim.fromHex(certificate.hash));
  return sim.encodeStatement({
    kind: "interest",
    interest: { ...plain, body, signature: liar.sign("interest", body) },
  });
}

export const INTEREST_RULES = [
  {
    rule: "R22",
    off: "interests have no budget",
    attack: "a liar says ten versions of 60 KB what it subscribes to, each second to everybody",
    edits: [
      {
        file: "gossip/view/interest-gate.js",
        find: "return { burst: INTEREST_BURST_BYTES,",
        put: "return { burst: 1e12,",
      },
    ],
    run(sim) {
      const on = stage(sim);
      const liar = puppet(on, on.seats[3], true);
      let version = 2n ** 50n;
      repeat(on, 20, 1000, () => {
        tell(
          on,
          liar,
          Array.from({ length: 10 }, () => interest(sim, liar, version++)),
        );
      });
      const taken = on.told.filter(({ seat, output }) => seat.isCorrect && output.kind === "interest").length;
      const each = Math.round(taken / 11);
      return verdict(each > 5, `each of 11 took ${each} versions in 20 s`);
    },
  },
];
