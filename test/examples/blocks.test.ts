/**
 * Every block of code in the documents does what it says: programs compile under strict options and run, commands run, files of
 * configuration are taken. What does not run here says why, above it. Needs a build.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveAuthorityConfig, resolveMemberConfig } from "../../client/config/index.js";
import { createProgram } from "../../dist/cli/program.js";
import { type Block, blocks, placeOf } from "../support/blocks.js";
import { ROOT } from "../support/tree.js";
import { SCENES } from "./scenes.js";

const DEADLINE_MS = 120_000;
const LANGUAGES = ["ts", "js", "sh", "yaml", "text", "nginx"];
const ALL = blocks();
const of = (...languages: string[]) => ALL.filter(({ language }) => languages.includes(language));

let cwd: string;
const running: ReturnType<typeof spawn>[] = [];
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "ff-blocks-"));
});
afterAll(async () => {
  for (const child of running) process.kill(-child.pid!, "SIGKILL");
  await Promise.all(running.map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")));
  rmSync(cwd, { recursive: true, force: true });
});

it("each block has a language that is known here, and what is not run says why", () => {
  expect(ALL.filter(({ language }) => !LANGUAGES.includes(language)).map(placeOf)).toEqual([]);
  const silent = ALL.filter(({ marks }) => (marks["not run"]?.length ?? 99) < 20);
  expect(silent.map(placeOf)).toEqual([]);
});

it("what is not run names files that are there, where it says that they do it", () => {
  const lost = ALL.flatMap((block) => {
    const named = [...(block.marks["not run"] ?? "").matchAll(/\b(?:test|bench)\/[\w./-]*\w/g)].map(([path]) => path);
    return named.filter((path) => !existsSync(join(ROOT, path))).map((path) => `${placeOf(block)}: ${path}`);
  });
  expect(lost).toEqual([]);
});

describe("programs", () => {
  /** Inside of the package, so that they import it by its name. */
  const folder = join(ROOT, "dist/blocks");
  const programs = of("ts", "js").map((block, index) => ({ block, name: `block-${index}` }));

  it("compile under strict options, all in one go", { timeout: DEADLINE_MS }, async () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const { block, name } of programs) {
      const scene = block.marks.scene === undefined ? "" : SCENES[block.marks.scene];
      writeFileSync(join(folder, `${name}.ts`), `// ${placeOf(block)}\n${scene}\n${block.code}\nexport {};\n`);
    }
    const options =
      "--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --noImplicitOverride --skipLibCheck";
    const target =
      "--target es2022 --lib es2024,esnext.disposable --module nodenext --types node --noEmitOnError --ignoreConfig";
    const files = programs.map(({ name }) => join(folder, `${name}.ts`));
    const args = [join(ROOT, "node_modules/typescript/bin/tsc"), ...`${options} ${target}`.split(" "), ...files];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).catch((error) => error);
    expect(stdout).toBe("");
  });

  it("run to their end, one after the other", { timeout: DEADLINE_MS }, async () => {
    const names = programs.filter(({ block }) => block.marks["not run"] === undefined).map(({ name }) => name);
    const lines = names.map((name) => `await import(${JSON.stringify(join(folder, `${name}.js`))});`);
    writeFileSync(join(cwd, "all.mjs"), `${lines.join("\n")}\nconsole.log("done");\n`);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["all.mjs"], { cwd }).catch(
      (error) => error,
    );
    expect(stderr).toBe("");
    // What a test runner of one of them prints may come after it.
    expect(stdout).toMatch(/^done$/m);
  });
});

describe("commands", () => {
  const commands = of("sh");

  /** `fireflies` and `npx fireflies` are the one that was built; authorities and agents take any free port. */
  function surroundings(): NodeJS.ProcessEnv {
    const bin = join(cwd, "bin");
    mkdirSync(bin, { recursive: true });
    const main = `exec "${process.execPath}" "${join(ROOT, "dist/cli/main.js")}"`;
    const shims = {
      fireflies: `${main} "$@"`,
      npx: `[ "$1" = fireflies ] || { echo "npx $1" >&2; exit 1; }; shift; ${main} "$@"`,
    };
    for (const [name, text] of Object.entries(shims)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("FIREFLIES_"));
    const path = `${bin}:${process.env.PATH}`;
    return { ...Object.fromEntries(clean), HOME: cwd, PATH: path, FIREFLIES_CA_PORT: "0", FIREFLIES_CONFIG: "" };
  }

  async function runs({ code, marks, file }: Block): Promise<void> {
    const place = join(cwd, file.replaceAll(/\W/g, "-"));
    mkdirSync(place, { recursive: true });
    const text = `set -e\n${marks.before ?? ""}\n${code}`;
    const child = spawn("bash", ["-c", text], { cwd: place, env: surroundings(), detached: true });
    let said = "";
    const begun = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (chunk: string) => {
          said += chunk;
          if (marks["goes on"] !== undefined && said.includes(marks["goes on"])) resolve();
        });
      }
    });
    const ended = once(child, "close").then(([exitCode]) => ({ exitCode, said }));
    if (marks["goes on"] === undefined) return expect(await ended).toMatchObject({ exitCode: 0 });
    running.push(child);
    const early = ended.then((end) => Promise.reject(new Error(`It ended: ${JSON.stringify(end)}`)));
    early.catch(() => {});
    await Promise.race([begun, early]);
  }

  it.each(
    commands.filter(({ marks }) => marks["not run"] === undefined).map((block) => [placeOf(block), block] as const),
  )("%s run", { timeout: DEADLINE_MS }, (_, block) => runs(block));

  it("have the options that they are shown with, run here or not", async () => {
    const program = await createProgram();
    const unknown = commands.flatMap((block) =>
      [...block.code.replaceAll(/\\\n/g, " ").matchAll(/\bfireflies ((?:[^\n|;&)#]|\$\([^)]*\))*)/g)].flatMap(
        ([, words = ""]) => {
          const parts = words.replaceAll(/"\$\([^)]*\)"|'[^']*'|"[^"]*"/g, "TEXT").split(/\s+/);
          const flags = optionsOf(program, parts);
          return parts
            .filter((part) => /^--\w/.test(part) && !flags.has(part))
            .map((part) => `${placeOf(block)}: ${part}`);
        },
      ),
    );
    expect(unknown).toEqual([]);
  });

  function optionsOf(program: Command, parts: readonly string[]): ReadonlySet<string> {
    let command = program;
    for (const part of parts) command = command.commands.find((each) => each.name() === part) ?? command;
    return new Set(command.options.flatMap(({ long }) => long ?? []));
  }
});

describe("files of configuration", () => {
  const files = of("yaml").filter(({ marks }) => marks["not run"] === undefined);

  it.each(files.map((block) => [placeOf(block), block] as const))("%s is taken", (_, { code }) => {
    const path = join(cwd, "fireflies.yaml");
    writeFileSync(path, code);
    const at = { cwd, home: cwd, env: {} };
    resolveMemberConfig({}, { surroundings: at });
    resolveAuthorityConfig(undefined, { surroundings: at });
  });
});
