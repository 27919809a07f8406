// The simulator with a rule switched off: a copy of what was compiled, in a temporary directory, with a few lines changed.
// Production code knows nothing of it, and what was switched off can be read word for word in table.mjs.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

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

/** `edits`: { file, find, put }. Throws when what is to be found does not stand exactly once in its file. */
export async function mutant(edits) {
  const folder = mkdtempSync(join(tmpdir(), "fireflies-rules-"));
  try {
    copyWith(edits, folder);
    const load = (file) => import(pathToFileURL(join(folder, file)).href);
    return Object.assign({}, ...(await Promise.all(ENTRIES.map(load))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The compiled rooms with these edits, in a folder. */
export function copyWith(edits, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const room of ROOMS) cpSync(join(DIST, room), join(folder, room), { recursive: true, filter: isCode });
  for (const edit of edits) change(join(folder, edit.file), edit);
}

function isCode(path) {
  return !/\.(map|d\.ts|tsbuildinfo)$/.test(path);
}

function change(path, { file, find, put }) {
  const text = readFileSync(path, "utf8");
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`dist/${file} has ${places} times: ${find}\nChange it in bench/claims/rules/.`);
  writeFileSync(
    path,
    text.replace(find, () => put),
  );
}
