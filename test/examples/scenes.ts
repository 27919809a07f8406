/** What stands before programs in the documents that are no whole ones: named above them, `<!-- scene: members -->`. */

/** Two members of a network, in one process. */
const MEMBERS = `
import { openNetwork } from "../examples/network.js";
await using network = await openNetwork();
const client = network.member("alice");
const other = network.member("bob");
other.registerMessageHandler((data) => data);
await network.start();
const { id } = other.self;
`;

export const SCENES: Readonly<Record<string, string>> = {
  members: `${MEMBERS}
const data = new TextEncoder().encode("hello");
const reply = data;
const archive = new Set<Uint8Array>();
const orders = new Map<Uint8Array, Uint8Array>();
const tryAnother = async () => {};
`,
  proof: `${MEMBERS}
import { writeFile } from "node:fs/promises";
await writeFile("root.pem", network.root);
let proof = new Uint8Array();
await client.sendToId(id, Uint8Array.of(1), { onProof: (proven) => void (proof = new Uint8Array(proven)) });
`,
  services: `
import { decodeText, encodeText } from "fireflies";
import { openNetwork } from "../examples/network.js";
await using network = await openNetwork();
const client = network.member("alice");
const other = network.member("bob");
other.handle("/chat/1.0", async (stream) => {
  for await (const message of stream) stream.write(message);
  stream.end();
});
other.serve("inventory", (data) => encodeText("7 of " + decodeText(data)));
await network.start();
while (client.members({ service: "inventory" }).length === 0) await client.changes().next();
const { id } = other.self;
`,
  simulation: `
import { Simulation } from "fireflies/sim";
const simulation = new Simulation({ members: 5, seed: 1 });
`,
};
