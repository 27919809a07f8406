/** A member and nothing else, for modules and for CommonJS: enrols with the token that it is given, and starts once more. */
import { Client, type ClientOptions } from "fireflies";

async function main(token: string): Promise<void> {
  const options: ClientOptions = { config: false, preset: "local", dir: "member" };
  for (const start of [{ ...options, token }, options]) {
    const client = new Client(start);
    await client.start();
    console.log(client.members().length);
    await client.stop();
  }
}

void main(process.argv[2] ?? "");
