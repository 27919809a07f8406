/**
 * The package as its users get it: packed from a copy of the tree, installed by npm into an empty folder, imported,
 * type-checked and run there. Needs npm's registry, or what `npm ci` has left in npm's cache.
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT, read, runNode, TreeCopy } from "../support/tree.js";

const run = promisify(execFile);
const DEADLINE_MS = 180_000;
const { version } = JSON.parse(read("package.json")) as { version: string };

let copy: TreeCopy;
let folder: string;
let files: string[];

beforeAll(async () => {
  copy = new TreeCopy();
  folder = mkdtempSync(join(tmpdir(), "ff-package-"));
  // What an earlier build may have left behind must not be shipped.
  mkdirSync(join(copy.root, "dist/client"), { recursive: true });
  writeFileSync(join(copy.root, "dist/client/stale.js"), "");
  const packed = await npm(["pack", "--json", "--pack-destination", folder], copy.root);
  const [tarball] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  files = tarball.files.map(({ path }) => path);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await npm(["install", "--prefer-offline", "--no-audit", "--no-fund", `./${tarball.filename}`], folder);
  copyFileSync(join(ROOT, "test/package/consumer.ts"), join(folder, "consumer.ts"));
}, DEADLINE_MS);

afterAll(() => {
  copy.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function npm(args: readonly string[], cwd: string): Promise<string> {
  // Variables that npm set for this test run would tell the inner npm that it is in the checkout.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  return (await run("npm", ["--silent", ...args], { cwd, env })).stdout;
}

describe("the tarball", () => {
  it("holds the built rooms, the schema and the documents, and nothing else", () => {
    const expected =
      /^(dist\/(rings|gossip|identity|ca|client|cli)\/[\w/.-]+\.(js|d\.ts)|proto\/\w+\.proto|docs\/[\w-]+\.md|(README|CHANGELOG|SECURITY)\.md|LICENSE|package\.json)$/;
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
        "dist/cli/main.js",
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
    // A known version of Node's types, whatever npm has brought along.
    rmSync(join(folder, "node_modules/@types/node"), { recursive: true, force: true });
    mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
    symlinkSync(join(ROOT, "node_modules/@types/node"), join(folder, "node_modules/@types/node"));
    const strict = "--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --skipLibCheck false".split(" ");
    const target = "--module nodenext --target es2023 --lib es2024,esnext.disposable --types node".split(" ");
    const compiled = await runNode(
      [join(ROOT, "node_modules/typescript/bin/tsc"), ...strict, ...target, "consumer.ts"],
      folder,
    );
    expect(compiled).toEqual({ code: 0, output: "" });
    expect(await runNode(["consumer.js"], folder)).toEqual({ code: 0, output: "replied\npeer-unknown\nfunction 0\n" });
  });

  it("keeps its insides to itself", async () => {
    writeFileSync(join(folder, "inside.js"), 'import "fireflies/dist/client/client.js";\n');
    const { code, output } = await runNode(["inside.js"], folder);
    expect(code).toBe(1);
    expect(output).toContain("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });
});
