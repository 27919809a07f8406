/**
 * The `fireflies` command as a few files in dist/bundle/, made from what was compiled: two hundred small files take longer
 * to find, read and link than to run, and their sources stay in memory. Run by `npm run build`; `cli/main.ts` takes the
 * bundle while nothing was compiled after it.
 *
 *   node scripts/bundle-command.mjs [DIRECTORY]
 *
 * Each command has files of its own, and what several need is in files that they share, so that a command loads no other.
 * Names stay as they are, for the lines of a stack. Packages that only some need stay outside, and are loaded on first use.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What every command loads. The others of package.json, and those that users bring, stay outside. */
const INSIDE = ["commander", "@bufbuild/protobuf"];
const TARGET = "node20";
/** Of a line, so that a position in it says something. */
const LINE_CHARACTERS = 200;
const MINIFY = { minifyWhitespace: true, minifySyntax: true, minifyIdentifiers: false, lineLimit: LINE_CHARACTERS };
/** A part of the bundle that is loaded later. */
const LATER = /\bimport\(\s*"(\.\/[\w.-]+\.js)"\s*\)/g;

/** Writes the bundle to a new or empty directory. Resolves to what esbuild tells of it: which file holds what. */
export async function bundleCommand(directory) {
  const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(read("package.json"));
  const packages = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { start: "dist/cli/start.js" },
    outdir: directory,
    write: false,
    metafile: true,
    bundle: true,
    splitting: true, // Of modules only: each part is made CommonJS below.
    format: "esm",
    platform: "node",
    target: TARGET,
    external: packages.filter((name) => !INSIDE.includes(name)),
    chunkNames: "[name]-[hash]",
    legalComments: "none", // Licences are below, whole.
    logLevel: "warning",
    ...MINIFY,
  });
  mkdirSync(directory, { recursive: true });
  for (const { path, text } of outputFiles) writeFileSync(join(directory, basename(path)), await asCommonJs(text));
  writeFileSync(join(directory, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  writeFileSync(join(directory, "LICENSES.txt"), licences(metafile));
  return metafile;
}

/** CommonJS is loaded at once, without the loader of modules, which takes time and memory of its own. */
async function asCommonJs(text) {
  const { code } = await transform(text, {
    format: "cjs",
    platform: "node",
    target: TARGET,
    define: { "import.meta.url": "fileUrl" },
    ...MINIFY,
  });
  const own = code.replace(LATER, 'Promise.resolve().then(() => require("$1"))');
  if (!own.includes("fileUrl")) return own;
  return `const fileUrl = require("node:url").pathToFileURL(__filename).href;\n${own}`;
}

/** Of the packages that are inside. */
function licences(metafile) {
  const filesOf = (name) => Object.keys(metafile.inputs).filter((file) => file.startsWith(`node_modules/${name}/`));
  const found = INSIDE.filter((name) => filesOf(name).length > 0);
  return found.map((name) => `${name}: ${licenceOf(name, filesOf(name))}`).join("\n\n");
}

/** As the package has it: a file, or what stands above the code of each of its files. */
function licenceOf(name, files) {
  const { license } = JSON.parse(read(`node_modules/${name}/package.json`));
  const file = readdirSync(join(ROOT, "node_modules", name)).find((file) => /^licen[cs]e/i.test(file));
  const texts =
    file === undefined
      ? files.map((file) => /^(\/\/.*\n)+/.exec(read(file))?.[0])
      : [read(`node_modules/${name}/${file}`)];
  return [license, ...new Set(texts)].join("\n\n");
}

function read(file) {
  return readFileSync(join(ROOT, file), "utf8");
}

/** The one that is there is replaced by a whole one. */
async function replaceBundle(directory) {
  const fresh = `${directory}.${process.pid}`;
  try {
    await bundleCommand(fresh);
    rmSync(directory, { recursive: true, force: true });
    renameSync(fresh, directory);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await replaceBundle(process.argv[2] ?? join(ROOT, "dist/bundle"));
