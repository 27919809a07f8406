/** Three members: a caller, one that nobody can dial, and one between, which relays or passes on streams of its own. */
import { join } from "node:path";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { Child } from "./child.mjs";

/** Where nobody listens: what a member advertises that is not to be dialled. */
const NOWHERE = "127.0.0.1:1";

/** `kind`: "relayed", or "hops" over the one between. `ask(what, args)` runs it in the caller. */
export async function openRelayed(kind) {
  const directory = makeDirectory();
  const authority = await CertificateAuthority.open({ directory: join(directory, "ca"), open: true });
  const server = await serveAuthority(authority, { port: 0 });
  const children = ["between", "called", "caller"].map((name) => new Child("member.mjs", `${kind}-${name}`));
  const [between, called, caller] = children;
  const close = async () => {
    await Promise.all(children.map((child) => child.end()));
    await server.close();
    await authority.close();
    removeDirectory(directory);
  };
  const hidden = { behindNat: true, advertise: [NOWHERE] };
  try {
    const enrol = { ca: server.urls[0], caFingerprint: authority.fingerprint };
    const ids = [];
    for (const [index, child] of children.entries()) {
      const options = kind === "relayed" && index > 0 ? hidden : {};
      ids.push(await child.ask("start", { ...enrol, ...options, name: `m${index}` }));
    }
    await caller.ask("meet", { id: ids[1], through: kind === "relayed" ? ids[0] : undefined });
    await called.ask("meet", { id: ids[2] });
    await between.ask("meet", { id: ids[1] });
    if (kind === "hops") await between.ask("forward", { id: ids[1] });
    const isRelayed = async () => (await caller.ask("path", { id: ids[1] })) === "relayed";
    const to = kind === "hops" ? ids[0] : ids[1];
    const cpu = () => Promise.all(children.map((child) => child.cpu()));
    const ask = async (what, args) => {
      const answer = await caller.ask(what, { ...args, id: to });
      if (kind === "relayed" && !(await isRelayed()))
        throw new Error(`the path is ${await caller.ask("path", { id: ids[1] })}`);
      return answer;
    };
    return { ask, cpu, close };
  } catch (error) {
    await close();
    throw error;
  }
}
