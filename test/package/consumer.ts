/** A strict program of somebody else: type-checked against the packed declarations, and run from an empty folder. */
import { type Change, Client, type ClientOptions, FirefliesError, type Member } from "fireflies";
import { CertificateAuthority, serveAuthority } from "fireflies/ca";
import { Machine, type Output } from "fireflies/gossip";

const authority = await CertificateAuthority.open({ directory: "./authority", numRings: 5, deltaMs: 500 });
const server = await serveAuthority(authority, { port: 0 });

async function member(name: string): Promise<Client> {
  const options: ClientOptions = {
    config: false,
    preset: "local",
    token: await authority.createToken(name),
    dir: name,
  };
  const client = new Client(options);
  client.registerMessageHandler((data: Uint8Array, { from }) =>
    new TextEncoder().encode(`${data.length} from ${from.id}`),
  );
  await client.start();
  return client;
}

const alice = await member("alice");
const bob = await member("bob");
for await (const change of alice.changes()) {
  const { kind }: Change = change;
  if (kind === "joined") break;
}
const [other]: Member[] = alice.members();
if (!other) throw new Error("alice sees nobody");
const reply = new TextDecoder().decode(await alice.sendToId(other.id, new Uint8Array(7)));
console.log(reply === `7 from ${alice.id}` ? "replied" : reply);

try {
  await alice.sendToId("0".repeat(64), new Uint8Array());
} catch (error) {
  if (error instanceof FirefliesError) console.log(error.code);
}

const outputs: Output[] = [];
console.log(typeof Machine, outputs.length);
await Promise.all([alice.stop(), bob.stop()]);
await server.close();
await authority.close();
