/** Members of ours in processes of their own, on one topic: one publishes, the others subscribe. The authority is in the bench's own process. */
import { join } from "node:path";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { Child } from "../talk/child.mjs";

export async function openMembers(count) {
  const directory = makeDirectory();
  const authority = await CertificateAuthority.open({ directory: join(directory, "ca"), open: true });
  const server = await serveAuthority(authority, { port: 0 });
  const names = ["publisher", ...Array.from({ length: count }, (_, index) => `subscriber-${index}`)];
  const children = names.map((name) => new Child("../topics/member.mjs", `ours-${name}`));
  const close = async () => {
    await Promise.all(children.map((child) => child.end()));
    await server.close();
    await authority.close();
    removeDirectory(directory);
  };
  try {
    const enrol = { ca: server.urls[0], caFingerprint: authority.fingerprint };
    for (const [index, child] of children.entries()) await child.ask("start", { ...enrol, name: names[index] });
    await Promise.all(children.map((child) => child.ask("meet", { others: count })));
    const [publisher, ...subscribers] = children;
    await Promise.all(subscribers.map((child) => child.ask("subscribe")));
    await publisher.ask("seeSubscribers", { count });
    return { publisher, subscribers, close };
  } catch (error) {
    await close();
    throw error;
  }
}
