/** Preloaded into a process (`--import`): notes every module that it loads in the file that LOADED names, one a line. */
import { appendFileSync } from "node:fs";
import { createRequire, register } from "node:module";

const { LOADED } = process.env;
register("./hooks.mjs", import.meta.url);
// What comes by require, and the packages in CommonJS that are imported: the loader's hooks do not see all of them.
const { cache } = createRequire(import.meta.url);
process.on("exit", () => appendFileSync(LOADED, Object.keys(cache).join("\n")));
