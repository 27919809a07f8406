/**
 * An application in the simulator: a lock service in which the live member with the lowest id is the leader. Twenty-four members
 * in one thread, an eighth of them liars; the leader crashes, the network parts and heals, and minutes pass in a second.
 * Nothing is real here, so everything can be asked: who leads in whose view, and how long until all agree again.
 */
import { adversary, partition, type Reply, type Seat, Simulation } from "fireflies/sim";

const SEED = 7;
const DEADLINE_MS = 60_000;
const simulation = new Simulation({
  members: 24,
  byzantine: 3,
  seed: SEED,
  network: { loss: 0.02 },
  behaviours: () => [adversary("false-accuser")?.create() ?? []].flat(),
});
const correct = simulation.members.filter((seat) => seat.isCorrect);
console.log(
  `${simulation.members.length} members, ${correct.length} of them correct, on ${simulation.ringCount} rings, seed ${SEED}`,
);

/** What the application itself would ask its client: the lowest of the live members, myself included. */
function leaderFor(seat: Seat): string {
  const ids = seat.machine.members().map(({ id }) => id);
  return [seat.id, ...ids].reduce((lowest, id) => (id < lowest ? id : lowest));
}

const up = () => correct.filter(({ state }) => state === "up");
const leaders = (seats: readonly Seat[]) => new Set(seats.map(leaderFor));
const seatOf = (id: string) => simulation.members.find((seat) => seat.id === id);
const agreed = () => leaders(up()).size === 1;

/** The lock, held by whoever asked first. Each member runs it; only the leader grants. */
let holder: string | undefined;
for (const seat of simulation.members) {
  simulation.onMessage(seat, ({ from, to }) => {
    if (leaderFor(to) !== to.id) return Uint8Array.of(0);
    holder ??= from.name;
    return Uint8Array.of(holder === from.name ? 1 : 0);
  });
}

/** Asks the leader, and asks again until it is granted or the time is over. */
function lock(seat: Seat, onGranted: (afterMs: number) => void, since = simulation.now): void {
  const leader = seatOf(leaderFor(seat));
  const again = () => simulation.at(100, () => lock(seat, onGranted, since));
  if (!leader || simulation.now - since > DEADLINE_MS) return;
  const onReply = (reply: Reply) => {
    if (reply.ok && reply.data[0] === 1) onGranted(simulation.now - since);
    else again();
  };
  simulation.message(seat, leader, new Uint8Array(0), onReply, { timeoutMs: 1000 });
}

simulation.run(5000);
const [first] = leaders(up());
const leader = seatOf(first ?? "");
console.log(`all lead by ${leader?.name}: ${agreed()}`);

if (leader) simulation.crash(leader);
const client = up().at(-1);
if (client) lock(client, (ms) => console.log(`  ${client.name} has the lock after ${(ms / 1000).toFixed(1)} s`));
const settled = simulation.runUntil(() => agreed() && !leaders(up()).has(first ?? ""), DEADLINE_MS);
console.log(`it crashes; all follow another one after ${((settled ?? Number.NaN) / 1000).toFixed(1)} s`);
simulation.run(15_000);

const halves = [simulation.members.slice(0, 12), simulation.members.slice(12)];
const split = simulation.network.add(partition("split", halves));
simulation.run(30_000);
console.log(`parted for half a minute, they follow ${leaders(up()).size} leaders`);
simulation.network.remove(split);
const healed = simulation.runUntil(() => agreed() && simulation.isWhole(), DEADLINE_MS);
console.log(`healed: one leader, all views whole after ${((healed ?? Number.NaN) / 1000).toFixed(1)} s`);
console.log(`digest ${simulation.digest()}: the same on your machine`);
