/**
 * What is not loaded: by `fireflies --help`, and by an agent that is enrolled. How much time and memory that saves is printed
 * by bench/weight.mjs. Needs a build: `npm run build`.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Client } from "../../client/index.js";
import { createProgram } from "../../dist/cli/program.js";
import { saveIdentity } from "../../identity/index.js";
import { command, RunningCommand } from "../support/command.js";
import { TestNetwork } from "../support/test-network.js";
import { ROOT } from "../support/tree.js";

/** Without these, and what they bring along, a member runs. */
const NOT_IN_A_MEMBER = /node_modules\/(@peculiar|fastify|pkijs|node-forge|libsql|pg|@grpc|protobufjs|yaml|ws)\//;
/** Files of ours that `--help` may load: those that print it, what errors are, and how text is shown. */
const IN_HELP_MAX = 16;
const DEADLINE_MS = 60_000;

const cwd = mkdtempSync(join(tmpdir(), "ff-light-"));
const watch = join(ROOT, "test/support/loaded/watch.mjs");
const watched = (name: string) => ({ LOADED: join(cwd, name), NODE_OPTIONS: `--import=${watch}` });
/** Files of this repository, relative to it. */
const loaded = (name: string) =>
  readFileSync(join(cwd, name), "utf8")
    .split("\n")
    .flatMap((line) => line.split(`${ROOT}/`)[1] ?? []);

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe("fireflies --help", () => {
  it("loads no command and no other room, but for what errors are and how text is shown", async () => {
    const { code } = await command(["--help"], { cwd, env: watched("help") });
    expect(code).toBe(0);
    const own = loaded("help").filter((file) => file.startsWith("dist/"));
    expect(own).toContain("dist/cli/program.js");
    expect(own.filter((file) => !/^dist\/(cli|identity(\/\w+)?)\/[\w-]+\.js$/.test(file))).toEqual([]);
    expect(own.length).toBeLessThanOrEqual(IN_HELP_MAX);
  });

  it("says of each command what the command says of itself", async () => {
    const [listed, whole] = [await createProgram(() => false), await createProgram()];
    expect(listed.helpInformation()).toBe(whole.helpInformation());
  });
});

describe("an agent that is enrolled", () => {
  it("loads nothing that enrolling, an authority, services or a configuration file need", {
    timeout: DEADLINE_MS,
  }, async () => {
    const network = await TestNetwork.create();
    for (const name of ["agent", "peer"]) await saveIdentity(join(cwd, name), await network.member());
    const alone = ["agent", "--dir", join(cwd, "agent"), "--no-use-ca", "--listen", "127.0.0.1:0"];
    const agent = new RunningCommand(alone, { cwd, env: watched("member") });
    const { id, address } = await agent.event("ready");
    const peer = new Client({ config: false, dir: join(cwd, "peer"), useCa: false, entryAddrs: [String(address)] });
    await peer.start();
    expect(Buffer.from(await peer.sendToId(String(id), Buffer.from("hello"))).toString()).toBe("hello");
    await peer.stop();
    await agent.end("SIGTERM");
    const files = loaded("member");
    expect(files).toContain("dist/client/client.js");
    expect(files.filter((file) => NOT_IN_A_MEMBER.test(file) || /^dist\/(ca|sim)\//.test(file))).toEqual([]);
  });
});
