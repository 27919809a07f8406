/**
 * The bundle that is the command, and what is not loaded: by `fireflies --help`, and by an agent that is enrolled. How much
 * time and memory that saves is printed by bench/weight.mjs. Needs a build: `npm run build`.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Metafile } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
/** Files of the bundle that an agent may load: with the machine of topics, since it holds what others publish. */
const IN_AGENT_MAX = 74;
const DEADLINE_MS = 60_000;

const cwd = mkdtempSync(join(tmpdir(), "ff-light-"));
/** Beside the compiled rooms, as the one that is installed. */
const bundle = join(ROOT, `dist/bundle-test-${process.pid}`);
const program = join(bundle, "start.js");
const watch = join(ROOT, "test/support/loaded/watch.mjs");
const watched = (name: string) => ({ LOADED: join(cwd, name), NODE_OPTIONS: `--import=${watch}` });
/** Files of this repository, relative to it. */
const loaded = (name: string) =>
  readFileSync(join(cwd, name), "utf8")
    .split("\n")
    .flatMap((line) => line.split(`${ROOT}/`)[1] ?? []);
let outputs: Metafile["outputs"] = {};
/** What the files of the bundle that were loaded are made of. */
const madeOf = (files: readonly string[]) =>
  Object.entries(outputs)
    .filter(([file]) => files.includes(file))
    .flatMap(([, { inputs }]) => Object.keys(inputs));

beforeAll(async () => {
  const script = join(ROOT, "scripts/bundle-command.mjs");
  const { bundleCommand } = (await import(script)) as { bundleCommand: (directory: string) => Promise<Metafile> };
  ({ outputs } = await bundleCommand(bundle));
});

afterAll(() => {
  rmSync(cwd, { recursive: true, force: true });
  rmSync(bundle, { recursive: true, force: true });
});

describe("fireflies --help", () => {
  it("loads no command and no other room, but for what errors are and how text is shown", async () => {
    const { code } = await command(["--help"], { cwd, program, env: watched("help") });
    expect(code).toBe(0);
    const own = madeOf(loaded("help")).filter((file) => file.startsWith("dist/"));
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
    const agent = new RunningCommand(alone, { cwd, program, env: watched("member") });
    const { id, address } = await agent.event("ready");
    const peer = new Client({ config: false, dir: join(cwd, "peer"), useCa: false, entryAddrs: [String(address)] });
    await peer.start();
    expect(Buffer.from(await peer.sendToId(String(id), Buffer.from("hello"))).toString()).toBe("hello");
    await peer.stop();
    await agent.end("SIGTERM");
    const files = loaded("member");
    const parts = madeOf(files);
    expect(parts).toContain("dist/client/client.js");
    expect([...files, ...parts].filter((file) => NOT_IN_A_MEMBER.test(file) || /^dist\/(ca|sim)\//.test(file))).toEqual(
      [],
    );
    expect(files.filter((file) => file.startsWith("dist/")).length).toBeLessThanOrEqual(IN_AGENT_MAX);
    // Tables of Unicode that a collator or a formatter loads: 3 MiB and 20 ms.
    const ours = parts.filter((file) => file.startsWith("dist/"));
    const tables = /\bIntl\.|\.localeCompare\(|\.toLocale/;
    expect(ours.filter((file) => tables.test(readFileSync(join(ROOT, file), "utf8")))).toEqual([]);
  });
});

describe("the bundle", () => {
  it("is the same command: its help, its version, its errors, from any directory", async () => {
    for (const args of [["--version"], ["--help"], ["ca", "--help"], ["plan", "--members", "none"], ["status"]]) {
      expect(await command(args, { cwd, program })).toEqual(
        await command(args, { cwd, program: join(ROOT, "dist/cli/start.js") }),
      );
    }
  });

  it("has the names of functions in the lines of a stack, and brings the licences of what it holds", () => {
    const text = readdirSync(bundle)
      .map((file) => readFileSync(join(bundle, file), "utf8"))
      .join("\n");
    expect(/\bMachine\s*=\s*class\b/.test(text)).toBe(true);
    expect(readFileSync(join(bundle, "LICENSES.txt"), "utf8")).toMatch(/commander: MIT\n.*@bufbuild\/protobuf: /s);
  });
});

describe("dist/cli/main.js", () => {
  const dist = join(cwd, "package/dist");
  const put = (file: string, text: string, minute: number) => {
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    writeFileSync(join(dist, file), text);
    utimesSync(join(dist, file), minute * 60, minute * 60);
  };
  const taken = async () => (await command([], { cwd, program: join(dist, "cli/main.js") })).stdout;

  it("takes the bundle, and the compiled files when they are younger or there is none", async () => {
    put("../package.json", `{ "type": "module" }`, 1);
    put("cli/start.js", `console.log("files");`, 1);
    for (const file of ["main.js", "idle.js"]) copyFileSync(join(ROOT, "dist/cli", file), join(dist, "cli", file));
    expect(await taken()).toBe("files\n");
    put("bundle/package.json", `{ "type": "commonjs" }`, 3);
    put("bundle/start.js", `console.log("bundle");`, 3);
    expect(await taken()).toBe("bundle\n"); // As installed: no notes of the compiler.
    put("client/.tsbuildinfo", "", 2);
    expect(await taken()).toBe("bundle\n");
    put("rings/.tsbuildinfo", "", 4);
    expect(await taken()).toBe("files\n");
  });
});
