import { Client } from "fireflies";

const client = new Client(); // fireflies.yaml, FIREFLIES_* variables, defaults
client.registerMessageHandler((data, { from }) => {
  console.log(`${from.name} says ${new TextDecoder().decode(data)}`);
  return data;
});

await client.start();
for (const member of client.members()) {
  const reply = await client.sendToId(member.id, new TextEncoder().encode("hello"));
  console.log(`${member.name} answers ${new TextDecoder().decode(reply)}`);
}
await client.stop();
