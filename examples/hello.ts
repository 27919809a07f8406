import { Client, decodeText, encodeText } from "fireflies";

const client = new Client(); // fireflies.yaml, FIREFLIES_* variables, defaults
client.registerMessageHandler((data, { from }) => {
  console.log(`${from.name} says ${decodeText(data)}`);
  return data;
});

await client.start();
for (const member of client.members()) {
  const reply = await client.sendToId(member.id, encodeText("hello"));
  console.log(`${member.name} answers ${decodeText(reply)}`);
}
await client.stop();
