/** A member and nothing else: type-checked and run where only what a member needs is installed. Takes a token. */
import { Client } from "fireflies";

const [, , token = ""] = process.argv;
const options = { config: false, preset: "local", dir: "member" } as const;

for (const start of [{ ...options, token }, options]) {
  const client = new Client(start);
  await client.start();
  console.log(client.members().length);
  await client.stop();
}
