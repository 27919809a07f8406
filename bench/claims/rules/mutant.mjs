// The simulator with a rule switched off: what was compiled, with a few lines changed, as one file or as a copy in a directory.
// Production code knows nothing of it, and what was switched off can be read word for word in table.mjs.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const DIST = fileURLToPath(new URL("../../../dist/", import.meta.url));
const ROOMS = ["rings", "gossip", "topics", "sim"];
/** What the runs need, and no more: each mutant is loaded and warmed up anew. */
const ENTRIES = [
  "rings/index.js",
  "gossip/index.js",
  "sim/simulation.js",
  "sim/invariants/invariants.js",
  "sim/adversaries/omissions/eclipser.js",
  "sim/adversaries/index.js",
  "sim/network/fault.js",
  "sim/crypto/fake-crypto.js",
  "sim/crypto/sha256.js",
];

/**
 * `edits`: { file, find, put }. Throws when what is to be found does not stand exactly once in its file. One file for all: to copy
 * and load three hundred takes ten times as long.
 */
export async function mutant(edits) {
  const folder = mkdtempSync(join(tmpdir(), "fireflies-rules-"));
  const outfile = join(folder, "mutant.mjs");
  try {
    const names = ENTRIES.map((file, index) => `import * as e${index} from "./${file}";`);
    const contents = `${names.join("\n")}\nexport default Object.assign({}, ${ENTRIES.map((_, index) => `e${index}`)});`;
    const plugins = [inPlace(edited(edits))];
    await build({ stdin: { contents, resolveDir: DIST }, bundle: true, format: "esm", outfile, plugins });
    return (await import(pathToFileURL(outfile).href)).default;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws as `mutant` does, and makes none. */
export function tryEdits(edits) {
  edited(edits);
}

/** The compiled rooms with these edits, in a folder. */
export function copyWith(edits, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const room of ROOMS) cpSync(join(DIST, room), join(folder, room), { recursive: true, filter: isCode });
  for (const [file, text] of edited(edits)) writeFileSync(join(folder, file), text);
}

function isCode(path) {
  return !/\.(map|d\.ts|tsbuildinfo)$/.test(path);
}

/** What the changed files hold then, by their names. */
function edited(edits) {
  const texts = new Map();
  for (const { file, find, put } of edits) {
    const text = texts.get(file) ?? readFileSync(join(DIST, file), "utf8");
    const places = text.split(find).length - 1;
    if (places !== 1) throw new Error(`dist/${file} has ${places} times: ${find}\nChange it in bench/claims/rules/.`);
    texts.set(
      file,
      text.replace(find, () => put),
    );
  }
  return texts;
}

/** esbuild takes these files as they were changed; one that the runs do not load is a mistake. */
function inPlace(texts) {
  const taken = new Set();
  return {
    name: "edits",
    setup(bundler) {
      bundler.onLoad({ filter: /\.js$/ }, ({ path }) => {
        const file = path.slice(DIST.length);
        taken.add(file);
        return texts.has(file) ? { contents: texts.get(file) } : undefined;
      });
      bundler.onEnd(() => {
        const lost = [...texts.keys()].filter((file) => !taken.has(file));
        if (lost.length > 0) throw new Error(`the runs do not load ${lost}`);
      });
    },
  };
}
