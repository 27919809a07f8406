/**
 * Gossip: each member sets what it has to say, and in every round hands it to a neighbour on one of the rings. What the
 * gossip handler returns goes back to the neighbour's response handler. Here they agree on the largest number drawn.
 */
import type { Client } from "fireflies";
import { bytes, openNetwork, text } from "./network.js";

await using network = await openNetwork();
const names = ["ada", "ben", "cleo", "dan", "eva"];
const largest = new Map<string, number>();

let agree = () => {};
const agreement = new Promise<void>((resolve) => {
  agree = resolve;
});

/** Everything a member must do to take part: learn from what it hears, and repeat the best it knows. */
function takePart(client: Client, name: string, drawn: number): void {
  const learn = (heard: number) => {
    if (heard <= (largest.get(name) ?? -1)) return;
    largest.set(name, heard);
    client.setGossipContent(bytes(String(heard)));
    if (new Set(largest.values()).size === 1 && largest.size === names.length) agree();
  };
  client.registerGossipHandler((data) => {
    learn(Number(text(data)));
    return bytes(String(largest.get(name))); // The neighbour learns from me in the same round.
  });
  client.registerResponseHandler((data) => learn(Number(text(data))));
  console.log(`${name} draws ${drawn}`);
  learn(drawn);
}

const draws = [17, 4, 42, 23, 8];
names.forEach((name, index) => {
  takePart(network.member(name), name, draws[index] ?? 0);
});
await network.start();
await agreement;
for (const [name, number] of largest) console.log(`${name} knows ${number}`);
