// The search for attacks over other rules than those of this package: over a copy of what was compiled, with a few lines
// changed (rules/before-r20.mjs), or over any other folder with the compiled rooms. It shows what the search finds.
//
//     node bench/claims/search.mjs --rules before-r20 --minutes 60 --state before-r20.json
//     node bench/claims/search.mjs --dist /tmp/other/dist --from 0 --generations 20
//     node bench/claims/search.mjs --rules before-r20 --program attack.json
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { playProgram } from "../../dist/cli/sim/program.js";
import { searchAttacks } from "../../dist/cli/sim/search.js";
import { OLD_RULES } from "./rules/before-r20.mjs";
import { copyWith } from "./rules/mutant.mjs";

const { values } = parseArgs({
  options: {
    rules: { type: "string" },
    dist: { type: "string" },
    from: { type: "string", default: "0" },
    generations: { type: "string" },
    minutes: { type: "string" },
    cores: { type: "string", default: "1" },
    state: { type: "string" },
    program: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const { rules, dist, state, program, json } = values;
if ((rules === undefined) === (dist === undefined) || (rules !== undefined && !(rules in OLD_RULES))) {
  console.error(`Give --rules, one of ${Object.keys(OLD_RULES).join(", ")}, or --dist FOLDER.`);
  process.exit(2);
}

const folder = dist === undefined ? mkdtempSync(join(tmpdir(), "fireflies-search-")) : resolve(dist);
if (rules !== undefined) copyWith(OLD_RULES[rules], folder);
const entry = pathToFileURL(join(folder, "sim/index.js")).href;
const command = `node bench/claims/search.mjs ${rules === undefined ? `--dist ${folder}` : `--rules ${rules}`}`;
try {
  if (program !== undefined) await playProgram(program, json, (await import(entry)).play);
  else
    await searchAttacks({
      rules: { name: rules ?? folder, entry, command },
      from: Number(values.from),
      cores: Number(values.cores),
      json,
      ...(values.generations && { generations: Number(values.generations) }),
      ...(values.minutes && { minutes: Number(values.minutes) }),
      ...(state && { state }),
    });
} catch (error) {
  // That it finds something is what such a run is for.
  if (error.code !== "sim-violated") throw error;
} finally {
  if (dist === undefined) rmSync(folder, { recursive: true, force: true });
}
