/**
 * The package yaml, loaded when there is a file to read: most members start without one, and it is 73 files. A
 * configuration is read at once, while a client is made, so it comes by `require`, which waits for nothing.
 */
import { createRequire as requireFor } from "node:module"; // Banners of bundles declare `createRequire`.
import { FirefliesError } from "../../identity/index.js";

type Yaml = typeof import("yaml");

let loaded: Yaml | undefined;

/** Throws "package-missing" in a bundle that came without it. */
export function yaml(): Yaml {
  loaded ??= load();
  return loaded;
}

function load(): Yaml {
  try {
    // In a bundle of CommonJS: the bundler sees the name and brings the package along. Modules have no `require`.
    if (typeof require === "function") return require("yaml") as Yaml;
  } catch {
    // In a bundle of modules the package is there and cannot load parts of Node.js: the installed one can.
  }
  try {
    return requireFor(import.meta.url)("yaml") as Yaml;
  } catch (cause) {
    throw new FirefliesError(
      "package-missing",
      "A configuration file needs the package yaml, which is not installed beside this program.",
      { cause, advice: "Install it there: npm install yaml." },
    );
  }
}
