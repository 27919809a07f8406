/**
 * Members of ours in processes of their own: an author or a reader, and one that bridges to NATS; and a plain client of NATS at the
 * other end. The peer is two plain clients.
 */
import { join } from "node:path";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { pairOfKeys } from "../talk/certificates.mjs";
import { Child } from "../talk/child.mjs";
import { configureNats, portOfNats, requirePackage, startNats } from "../talk/others.mjs";

/** A member publishes, a bridge brings it to NATS, a plain client reads. */
export const openOut = () => opened("out");
/** A plain client publishes, a bridge brings it in, a member reads. */
export const openIn = () => opened("in");
/** Two plain clients. */
export const openPlain = () => opened("plain");

async function opened(way) {
  requirePackage("@nats-io/transport-node");
  const directory = makeDirectory();
  const closers = [() => removeDirectory(directory)];
  const close = async () => {
    for (const each of closers.reverse()) await each();
  };
  const child = (file, name) => {
    const made = new Child(file, name);
    closers.push(() => made.end());
    return made;
  };
  try {
    const keys = await pairOfKeys();
    const server = startNats(await configureNats(directory, keys.server));
    closers.push(() => server.kill("SIGKILL"));
    const port = await portOfNats(server, directory);
    const plain = async (name) => {
      const made = child("../peers/nats-topic.mjs", name);
      await made.ask("connect", { ...keys.client, port });
      return made;
    };
    if (way === "plain") {
      const [publisher, subscriber] = [await plain("plain-publisher"), await plain("plain-subscriber")];
      await subscriber.ask("subscribe");
      return { publisher, subscribers: [subscriber], close };
    }
    const authority = await CertificateAuthority.open({ directory: join(directory, "ca"), open: true });
    closers.push(() => authority.close());
    const enrolling = await serveAuthority(authority, { port: 0 });
    closers.push(() => enrolling.close());
    const [member, bridge] = [
      child("../topics/bridge-member.mjs", "ours"),
      child("../topics/bridge-member.mjs", "bridge"),
    ];
    const enrol = { ca: enrolling.urls[0], caFingerprint: authority.fingerprint };
    await member.ask("start", { ...enrol, name: "member" });
    await bridge.ask("start", { ...enrol, name: "bridge" });
    const other = await plain(`plain-${way}`);
    if (way === "in") await member.ask("subscribe");
    else await other.ask("subscribe");
    await bridge.ask("bridge", { way, directory, port, keys: keys.client });
    await Promise.all([member, bridge].map((each) => each.ask("meet", { others: 1 })));
    await (way === "in" ? bridge : member).ask("seeSubscribers", { count: 1 });
    return way === "in"
      ? { publisher: other, subscribers: [member], close }
      : { publisher: member, subscribers: [other], close };
  } catch (error) {
    await close();
    throw error;
  }
}
