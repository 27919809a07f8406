/** Two processes that talk to each other, of ours or of a peer. The authority of ours is in the bench's own process. */
import { join } from "node:path";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { pairOfKeys } from "./certificates.mjs";
import { Child } from "./child.mjs";

/**
 * Two members. `ask(what, args)` runs it in the one that calls; `args.id` is the other's. `options`: of both. `file` is the member's
 * program, that of another build for one; `watched`: how both are watched.
 */
export async function openMembers(options = {}, side = "ours", { file = "member.mjs", watched } = {}) {
  const directory = makeDirectory();
  const authority = await CertificateAuthority.open({ directory: join(directory, "ca"), open: true });
  const server = await serveAuthority(authority, { port: 0 });
  const children = ["called", "caller"].map((name) => new Child(file, `${side}-${name}`));
  const close = async () => {
    await Promise.all(children.map((child) => child.end()));
    await server.close();
    await authority.close();
    removeDirectory(directory);
  };
  try {
    const enrol = { ca: server.urls[0], caFingerprint: authority.fingerprint };
    const ids = [];
    for (const [index, child] of children.entries())
      ids.push(await child.ask("start", { ...enrol, ...options, name: `m${index}` }));
    await Promise.all(children.map((child, index) => child.ask("meet", { id: ids[1 - index] })));
    if (watched) await Promise.all(children.map((child) => child.ask("watch", { how: watched })));
    const ask = (what, args) => children[1].ask(what, { ...args, id: ids[0] });
    return { ask, cpu: () => cpuOf(children), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Two processes of the peer in `file`; with `port`, that of a server which both of them dial. */
export async function openPeers(file, name, { keys, port: between } = {}) {
  const children = ["called", "caller"].map((side) => new Child(file, `${name}-${side}`));
  const close = async () => {
    await Promise.all(children.map((child) => child.end()));
  };
  try {
    const { server, client } = keys ?? (await pairOfKeys());
    const port = await children[0].ask("listen", { ...server, port: between });
    await children[1].ask("connect", { ...client, port });
    return { ask: (what, args) => children[1].ask(what, args), cpu: () => cpuOf(children), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Microseconds of CPU so far, of the called side and of the caller. */
function cpuOf(children) {
  return Promise.all(children.map((child) => child.cpu()));
}

/** Opens what `openers` open, runs with them, and closes them however that ends. */
export async function withPairs(openers, run) {
  const pairs = [];
  try {
    for (const open of openers) pairs.push(await open());
    return await run(...pairs);
  } finally {
    await Promise.all(pairs.map(({ close }) => close()));
  }
}
