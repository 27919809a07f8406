/** A strict program of somebody else: type-checked against the packed declarations, and run from an empty folder. */
import { type Change, Client, type ClientOptions, FirefliesError, type Member, tcpTransport } from "fireflies";
import { CertificateAuthority, serveAuthority } from "fireflies/ca";
import { parseServiceAddress, type ServiceAddress } from "fireflies/forward";
import { Machine, type Output } from "fireflies/gossip";
import { memberOfHost } from "fireflies/http";
import { MemberMetrics } from "fireflies/ops";
import { RdvClient, RdvServer } from "fireflies/rdv";
import { Simulation, type SimulationOptions } from "fireflies/sim";
import { type ContractTest, transportPromises } from "fireflies/testing";

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

const carol = await member("carol");
const dave = await member("dave");
for await (const change of carol.changes()) {
  const { kind }: Change = change;
  if (kind === "joined") break;
}
const [other]: Member[] = carol.members();
if (!other) throw new Error("carol sees nobody");
const { text } = await new MemberMetrics(carol).page();
if (!text.includes("fireflies_members 1")) throw new Error("the metrics do not see the other one");
const reply = new TextDecoder().decode(await carol.sendToId(other.id, new Uint8Array(7)));
console.log(reply === `7 from ${carol.id}` ? "replied" : reply);

try {
  await carol.sendToId("0".repeat(64), new Uint8Array());
} catch (error) {
  if (error instanceof FirefliesError) console.log(error.code);
}

const outputs: Output[] = [];
console.log(typeof Machine, outputs.length);
console.log(new RdvServer().metrics().waiting, typeof new RdvClient().dial);
const simulated: SimulationOptions = { members: 3, seed: 1 };
console.log(new Simulation(simulated).isWhole() ? "whole" : "not whole");
const promises: ContractTest[] = transportPromises({ create: tcpTransport, host: "127.0.0.1" }, { lives: 10 });
for (const { run } of promises) await run();
console.log("contract kept");
const target: ServiceAddress | undefined = parseServiceAddress("/ip4/127.0.0.1/tcp/8000");
console.log(target?.kind, memberOfHost("bob.fireflies"));
await Promise.all([carol.stop(), dave.stop()]);
await server.close();
await authority.close();
