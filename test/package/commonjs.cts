/** A program in CommonJS of every public entry: compiled as `node16` and `node10` would have it, and run by `require`. */
import { Client, type ClientOptions, FirefliesError, type Member } from "fireflies";
import { CertificateAuthority, serveAuthority } from "fireflies/ca";
import { elect } from "fireflies/coordination";
import { parseServiceAddress } from "fireflies/forward";
import { Machine } from "fireflies/gossip";
import { memberOfHost } from "fireflies/http";
import { RdvClient } from "fireflies/rdv";
import { Simulation } from "fireflies/sim";
import { transportContract } from "fireflies/testing";
import { clientOver } from "fireflies/threads";

async function main(): Promise<void> {
  const directory = "./commonjs-authority";
  const authority: CertificateAuthority = await CertificateAuthority.open({ directory, numRings: 5, deltaMs: 500 });
  const server = await serveAuthority(authority, { port: 0 });
  const token = await authority.createToken("erin");
  const options: ClientOptions = { config: false, preset: "local", token, dir: "commonjs-member" };
  const client: Client = new Client(options);
  await client.start();
  const members: Member[] = client.members();
  console.log(
    members.length,
    new FirefliesError("cancelled").code,
    typeof Machine,
    typeof Simulation,
    typeof RdvClient,
    typeof transportContract,
    typeof parseServiceAddress,
    typeof memberOfHost,
    typeof elect,
    typeof clientOver,
  );
  await client.stop();
  await server.close();
  await authority.close();
}

void main();
