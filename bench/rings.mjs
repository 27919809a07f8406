// What a change of membership costs: microseconds per insert into and removal from one ring, at N members on k rings.
// Run: npx tsc -b && node bench/rings.mjs [members] [rings]
import * as crypto from "node:crypto";
import { Rings } from "../dist/rings/index.js";

const members = Number(process.argv[2] ?? 10_000);
const rings = Number(process.argv[3] ?? 23);
const CHANGES = 500;

// One call where Node has it (20.12 on): a third of the time of a hash object.
const sha256 = crypto.hash
  ? (data) => crypto.hash("sha256", data, "buffer")
  : (data) => crypto.createHash("sha256").update(data).digest();
const ids = Array.from({ length: members + CHANGES }, (_, number) => sha256(String(number)).toString("hex"));

const microseconds = (work) => {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1000;
};
const report = (what, total, per) => console.log(`${what.padEnd(44)} ${(total / per).toFixed(2).padStart(9)} us`);

const all = new Rings({ count: rings, sha256 });
console.log(`${members} members on ${rings} rings, Node ${process.version}`);
const filling = microseconds(() => {
  for (const id of ids.slice(0, members)) all.add(id);
});
report("filling, per member", filling, members);
report("filling, per member and ring", filling, members * rings);

const fresh = ids.slice(members);
// Asked for once, a stranger's positions are kept: this tells hashing apart from inserting.
const hashing = microseconds(() => {
  for (const id of fresh) all.distance(1, id, id, 0);
});
report("hashing the positions, per member and ring", hashing, CHANGES * rings);
const churn = { add: 0, delete: 0 };
for (const id of fresh) {
  all.distance(1, id, id, 0);
  churn.add += microseconds(() => all.add(id));
  churn.delete += microseconds(() => all.delete(id));
}
report("insert, per ring", churn.add, CHANGES * rings);
report("removal, per ring", churn.delete, CHANGES * rings);

const nobody = () => false;
const asked = ids.slice(0, CHANGES);
report(
  "successor",
  microseconds(() => {
    for (const id of asked) all.successor(1, id, nobody);
  }),
  CHANGES,
);
report(
  "predecessor",
  microseconds(() => {
    for (const id of asked) all.predecessor(1, id, nobody);
  }),
  CHANGES,
);
report(
  "neighbours on all rings",
  microseconds(() => {
    for (const id of asked) all.neighbours(id, nobody);
  }),
  CHANGES,
);
report(
  "distance",
  microseconds(() => {
    for (const id of asked) all.distance(1, id, asked[0], 15);
  }),
  CHANGES,
);
