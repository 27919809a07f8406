/** What is measured by turns: a forward and a listener of ours, and `ssh -L`, to the same target, for the same local program. */
import { join } from "node:path";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { Child } from "../talk/child.mjs";
import { openSsh } from "./ssh.mjs";

/** Runs with `{ load, ours, peer, direct, members }`: the local program, of each way the ports `{ bulk, http }`, and our two processes. */
export async function withSides(run) {
  const target = new Child("../forward/target.mjs", "forward-target");
  const load = new Child("../forward/load.mjs", "forward-load");
  const opened = [target, load].map((child) => () => child.end());
  try {
    const direct = await target.ask("start");
    const ssh = await openSsh([direct.bulk, direct.http]);
    opened.push(ssh.close);
    const ours = await openOurs(direct);
    opened.push(ours.close);
    const [bulk, http] = ssh.ports;
    return await run({ load, ours: ours.ports, peer: { bulk, http }, direct, members: ours.children });
  } finally {
    for (const close of opened.toReversed()) await close();
  }
}

async function openOurs(targets) {
  const directory = makeDirectory();
  const authority = await CertificateAuthority.open({ directory: join(directory, "ca"), open: true });
  const server = await serveAuthority(authority, { port: 0 });
  const children = ["forward", "listen"].map((name) => new Child("../forward/member.mjs", `member-${name}`));
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
      ids.push(await child.ask("start", { ...enrol, name: `m${index}` }));
    await Promise.all(children.map((child, index) => child.ask("meet", { id: ids[1 - index] })));
    const ports = {};
    for (const [name, port] of Object.entries(targets)) {
      const protocol = await children[0].ask("forward", { target: `127.0.0.1:${port}`, protocol: `/bench/${name}` });
      const address = await children[1].ask("listen", { to: ids[0], protocol, listen: "127.0.0.1:0" });
      ports[name] = Number(address.split(":").at(-1));
    }
    return { ports, children, close };
  } catch (error) {
    await close();
    throw error;
  }
}
