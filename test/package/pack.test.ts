/**
 * The package as its users get it: packed from a copy of the tree, installed by npm into an empty folder, imported,
 * type-checked and run there. Needs npm's registry, or what `npm ci` has left in npm's cache.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { type Outcome, ROOT, read, runNode, TreeCopy } from "../support/tree.js";

const run = promisify(execFile);
const DEADLINE_MS = 180_000;
/** With `npm pack`'s own build; else of what the test command has just built, which saves a compilation of everything. */
const FROM_SOURCE = process.env.PACK === "source";
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
/** TypeScript 6, which knows the resolution of old: the newest has it no more. */
const OLDER_COMPILER = join(ROOT, "node_modules/@microsoft/api-extractor/node_modules/typescript/bin/tsc");
/** The oldest of each range in `engines`, and the newest that CI runs. */
const NODES = ["20.19.0", "22.12.0", "24.0.0"];
const { version, optionalDependencies } = JSON.parse(read("package.json")) as {
  version: string;
  optionalDependencies: Record<string, string>;
};

let copy: TreeCopy;
let folder: string;
let files: string[];
const outputs: string[] = [];

beforeAll(async () => {
  copy = new TreeCopy({ isBuilt: !FROM_SOURCE });
  folder = mkdtempSync(join(tmpdir(), "ff-package-"));
  if (FROM_SOURCE) {
    // What an earlier build may have left behind must not be shipped.
    mkdirSync(join(copy.root, "dist/client"), { recursive: true });
    writeFileSync(join(copy.root, "dist/client/stale.js"), "");
  } else {
    await run(process.execPath, ["scripts/commonjs-types.mjs"], { cwd: copy.root });
  }
  const scripts = FROM_SOURCE ? [] : ["--ignore-scripts"];
  const packed = await npm(["pack", "--json", ...scripts, "--pack-destination", folder], copy.root);
  const [tarball] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  files = tarball.files.map(({ path }) => path);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const quietly = ["--prefer-offline", "--no-audit", "--no-fund"];
  await npm(["install", "--engine-strict", ...quietly, `./${tarball.filename}`], folder);
}, DEADLINE_MS);

afterAll(() => {
  copy.remove();
  for (const each of [folder, ...outputs]) rmSync(each, { recursive: true, force: true });
});

interface Installed {
  readonly engines?: { readonly node?: string };
}

/** What npm has installed, by path. */
function installed(): Map<string, Installed> {
  const lock = JSON.parse(readFileSync(join(folder, "node_modules/.package-lock.json"), "utf8")) as {
    packages: Record<string, Installed>;
  };
  return new Map(Object.entries(lock.packages));
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  return (await run("npm", ["--silent", ...args], { cwd, env: withoutNpm() })).stdout;
}

/** Variables that npm set for this test run would tell the inner npm that it is in the checkout. */
function withoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
}

describe("the tarball", () => {
  it("holds the built rooms, the schema and the documents, and nothing else", () => {
    const expected =
      /^(dist\/dashboard\/[\w-]+\.(html|js|css|svg)|dist\/bundle\/(package\.json|LICENSES\.txt|[\w-]+\.js)|dist\/(rings|gossip|topics|identity|sim|rdv|ops|net|ca|client|services|testing|cli)\/[\w/.-]+\.(js|d\.c?ts)|proto\/\w+\.proto|docs\/((?:api\/|coming-from\/|how-to\/)?[\w-]+\.md|(?:agent-)?openapi\.json|performance\/[\w-]+\.svg)|(README|CHANGELOG|SECURITY)\.md|LICENSE|package\.json)$/;
    expect(files.filter((file) => !expected.test(file) || file.includes("stale"))).toEqual([]);
  });

  it("holds what it promises", () => {
    expect(files).toEqual(
      expect.arrayContaining([
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "docs/architecture.md",
        "proto/fireflies.proto",
        "dist/client/index.js",
        "dist/client/index.d.ts",
        "dist/ca/index.js",
        "dist/gossip/index.js",
        "dist/rdv/index.js",
        "dist/topics/index.js",
        "dist/cli/main.js",
        "dist/bundle/start.js",
        "dist/dashboard/index.html",
        "dist/dashboard/report.html",
      ]),
    );
  });
});

describe("installed into an empty folder", () => {
  it("has the command", async () => {
    const { stdout } = await run(join(folder, "node_modules/.bin/fireflies"), ["--version"], { cwd: folder });
    expect(stdout).toBe(`${version}\n`);
  });

  it("type-checks strictly, the declarations as well, and runs: an authority and two members that talk", {
    timeout: DEADLINE_MS,
  }, async () => {
    expect(await compile("consumer.ts")).toEqual({ code: 0, output: "" });
    expect(await runNode(["consumer.js"], folder)).toEqual({
      code: 0,
      output: "replied\npeer-unknown\nfunction 0\n0 function\nwhole\ncontract kept\ntcp bob\n",
    });
  });

  it.each([
    ["node16", "--module node16", COMPILER],
    ["nodenext", "--module nodenext", COMPILER],
    ["node10", "--module commonjs --moduleResolution node10 --ignoreDeprecations 6.0", OLDER_COMPILER],
  ])("type-checks as CommonJS under %s", async (_, modules, compiler) => {
    expect(await compile("commonjs.cts", modules, compiler)).toEqual({ code: 0, output: "" });
  });

  it("runs by require", async () => {
    const expected = { code: 0, output: `0 cancelled${" function".repeat(8)}\n` };
    expect(await runNode(["commonjs.cjs"], folder)).toEqual(expected);
  });

  it("does what the README's quick start says, word for word", { timeout: DEADLINE_MS }, async () => {
    const [, section = ""] = /^## Quick start\n(.*?)^## /ms.exec(read("README.md")) ?? [];
    const [, program = ""] = /```js\n(.*?)```/s.exec(section) ?? [];
    const blocks = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, line]) => line);
    const [authority = "", alice = "", bob = "", members = "", run = ""] = blocks;
    writeFileSync(join(folder, "hello.mjs"), program);
    await using terminals = new Terminals(folder);
    await terminals.open(authority, /^listening at/m);
    await Promise.all([alice, bob].map((agent) => terminals.open(agent, /joined/))); // They have each other.
    await terminals.open(members, /^bob +[0-9a-f]{12} .*\{"role":"worker"\}\n/m);
    const [, send = ""] = /^`(npx fireflies send .*?)`/m.exec(section) ?? [];
    await terminals.open(send, /^hello$/m);
    expect(await terminals.open(run, /answers/)).toMatch(/^(alice|bob) answers hello$/m);
  });

  it("runs on every Node.js that it declares, with all that it brings along", () => {
    const { satisfies } = createRequire(join(folder, "index.js"))("semver") as {
      satisfies: (version: string, range: string) => boolean;
    };
    const refusing = [...installed()].flatMap(([path, { engines }]) =>
      NODES.filter((node) => !satisfies(node, engines?.node ?? "*")).map((node) => `${path} on ${node}`),
    );
    expect(refusing).toEqual([]);
    expect(installed().size).toBeGreaterThan(100);
  });

  it("keeps its insides to itself", async () => {
    writeFileSync(join(folder, "inside.js"), 'import "fireflies/dist/client/client.js";\n');
    const { code, output } = await runNode(["inside.js"], folder);
    expect(code).toBe(1);
    expect(output).toContain("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });
});

describe("installed without what only an authority needs", () => {
  beforeAll(async () => void (await npm(["prune", "--omit=optional", "--no-audit", "--no-fund"], folder)), DEADLINE_MS);

  it("leaves that out", () => {
    const left = Object.keys(optionalDependencies).filter((name) => existsSync(join(folder, "node_modules", name)));
    expect(left).toEqual([]);
  });

  it("type-checks, enrols and starts again as a member; bundled by esbuild it needs nothing beside it", {
    timeout: DEADLINE_MS,
  }, async () => {
    expect(await compile("member.ts")).toEqual({ code: 0, output: "" });
    expect(BANNER).toMatch(/const require/);
    const bundles = await Promise.all([bundle("esm"), bundle("cjs"), bundle("esm", BANNER)]);
    const authority = await CertificateAuthority.open({ directory: join(folder, "other"), numRings: 5, deltaMs: 500 });
    const server = await serveAuthority(authority, { port: 0 });
    try {
      for (const program of [join(folder, "member.js"), ...bundles]) {
        const token = await authority.createToken(basename(program));
        const place = mkdtempSync(join(tmpdir(), "ff-member-"));
        expect(await runNode([program, token], place)).toEqual({ code: 0, output: "0\n0\n" });
        rmSync(place, { recursive: true });
      }
    } finally {
      await server.close();
      await authority.close();
    }
  });

  it("says what an authority lacks, and how to install it", async () => {
    const main = "node_modules/fireflies/dist/cli/main.js";
    const { code, output } = await runNode([main, "ca", "--dir", "none", "--port", "0"], folder);
    expect(code).toBe(1);
    expect(output).toMatch(/^error: .* needs the package \S+, .*--include=optional.* \(package-missing\)\n$/);
  });
});

/** What docs/packaging.md puts before a bundle of modules. */
const [, BANNER = ""] = /--banner:js='(.*)'/.exec(read("docs/packaging.md")) ?? [];

/** `member.ts` as one file in a folder of its own, where no package is found. */
async function bundle(format: "esm" | "cjs", banner = ""): Promise<string> {
  const place = `${basename(folder)}-${format}${banner && "-banner"}`;
  const outfile = join(folder, "..", place, format === "esm" ? "member.mjs" : "member.cjs");
  outputs.push(dirname(outfile));
  await build({
    entryPoints: [join(folder, "member.ts")],
    bundle: true,
    platform: "node",
    format,
    outfile,
    banner: { js: banner },
    logLevel: "silent",
  });
  return outfile;
}

/** With strict options, the declarations of all packages as well. */
async function compile(program: string, modules = "--module nodenext", compiler = COMPILER): Promise<Outcome> {
  copyFileSync(join(ROOT, "test/package", program), join(folder, program));
  // A known version of Node's types, whatever npm has brought along.
  rmSync(join(folder, "node_modules/@types/node"), { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  symlinkSync(join(ROOT, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
  const strict = "--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --skipLibCheck false".split(" ");
  const target = "--target es2023 --lib es2024,esnext.disposable --types node".split(" ");
  return await runNode([compiler, ...strict, ...target, ...modules.split(" "), program], folder);
}

/** Shells side by side, as a reader has them; their commands end with them. */
class Terminals implements AsyncDisposable {
  readonly #cwd: string;
  readonly #shells: ChildProcess[] = [];

  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  /** Runs a command until its output shows this; resolves to the output. */
  async open(command: string, shows: RegExp): Promise<string> {
    // Any free port instead of the authority's usual one, and npx as a reader has it.
    const env = { ...withoutNpm(), FIREFLIES_CA_PORT: "0", npm_config_yes: "false" };
    const shell = spawn("sh", ["-c", command], {
      cwd: this.#cwd,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#shells.push(shell);
    let output = "";
    return await new Promise((resolve, reject) => {
      const take = (chunk: Buffer) => {
        output += chunk;
        if (shows.test(output)) resolve(output);
      };
      shell.stdout?.on("data", take);
      shell.stderr?.on("data", take);
      shell.once("close", () => reject(new Error(`${command} ended without showing ${shows}: ${output}`)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#shells.map(async (shell) => {
        if (shell.exitCode !== null || shell.pid === undefined) return;
        const closed = once(shell, "close");
        process.kill(-shell.pid, "SIGTERM"); // The group: npx and what it has started.
        await closed;
      }),
    );
  }
}
