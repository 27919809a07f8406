/**
 * What every example needs and no real program does: an authority and its members in one process, for a minute. In
 * earnest the authority runs by itself (`fireflies ca`) and each member is a `new Client()` in a process of its own.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "fireflies";
import { CertificateAuthority, serveAuthority } from "fireflies/ca";

export interface Network extends AsyncDisposable {
  /** The authority's root certificate, as PEM: what a member has as root.pem in its directory. */
  readonly root: string;
  /** Where it is, and what proves it: for members in processes of their own. */
  readonly ca: string;
  readonly caFingerprint: string;
  /** A member of this network; it starts with `start`, when its handlers are registered. */
  member(name: string): Client;
  /** Starts all members and waits until each of them sees all others. */
  start(): Promise<void>;
}

/** Opens an authority on a free port of this machine. Open means that it takes anyone by name: for trials only. */
export async function openNetwork(): Promise<Network> {
  const directory = await mkdtemp(join(tmpdir(), "fireflies-example-"));
  const authority = await CertificateAuthority.open({ directory, open: true, numRings: 5, deltaMs: 500 });
  const server = await serveAuthority(authority, { port: 0 });
  const members: Client[] = [];
  const [ca = ""] = server.urls;

  return {
    root: await readFile(join(directory, "root.pem"), "utf8"),
    ca,
    caFingerprint: authority.fingerprint,
    member(name) {
      // "local" is the preset with the shortest intervals; `config: false` leaves files and environment out.
      const client = new Client({ config: false, preset: "local", ca, caFingerprint: authority.fingerprint, name });
      members.push(client);
      return client;
    },
    async start() {
      await Promise.all(members.map((client) => client.start()));
      await Promise.all(members.map((client) => untilMembers(client, members.length - 1)));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((client) => client.stop()));
      await server.close();
      await authority.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Follows the changes of a member's view until it has this many others. */
async function untilMembers(client: Client, count: number): Promise<void> {
  if (client.members().length >= count) return;
  for await (const _ of client.changes()) if (client.members().length >= count) return;
}

/** Messages are bytes; these examples speak UTF-8. */
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);
