/**
 * LANs in one process, as an end-to-end test of a program has them: real members on wires in memory. A partition parts the
 * views, messages and datagrams find their way, and healing makes all whole again.
 */
import { type Client, decodeText, encodeText } from "fireflies";
import { startTestNetwork } from "fireflies/testing";

await using network = await startTestNetwork({
  members: 1,
  prepare: (client) => client.registerMessageHandler((data) => encodeText(`${decodeText(data)}, too`)),
});
const { network: wires, lan: cloud } = network;
const office = wires.lan({ name: "office", latencyMs: 1 });
const home = wires.lan({ name: "home", latencyMs: 3, loss: 0.01, nat: "port-restricted" });
wires.link(cloud, office, { latencyMs: 5 });
wires.link(cloud, home, { latencyMs: 8, bytesPerSecond: 5_000_000 });
await network.add({ lan: office, name: "desk" });
await network.add({ lan: home, name: "laptop" });
await network.whole();

const [server, desk, laptop] = network.members as [Client, Client, Client];
console.log(`laptop hears "${decodeText(await laptop.sendToId(server.id, encodeText("hello")))}"`);

wires.partition([office], [cloud, home]);
await until(server, () => server.members().length === 1);
await until(desk, () => desk.members().length === 0);
console.log(`apart: server sees ${names(server)}, desk sees nobody`);

wires.healAll();
await network.whole();
console.log(`together: server sees ${names(server)}`);

const seen = new Promise<string>((resolve) => server.onDatagram((data) => resolve(decodeText(data))));
laptop.sendDatagram(server.id, encodeText("a datagram"));
console.log(`server got ${await seen}`);

function names(client: Client): string {
  const found = client.members().map(({ name }) => name ?? "");
  return found.sort().join(" and ");
}

async function until(client: Client, isSo: () => boolean): Promise<void> {
  if (isSo()) return;
  for await (const _ of client.changes()) if (isSo()) return;
}
