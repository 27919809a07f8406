/**
 * Declarations for programs in CommonJS, beside those for modules: `X.d.cts` for each `X.d.ts` that a public entry leads to.
 * Node.js lets them `require` the package as it is; TypeScript under `node16` wants declarations that say so. Run by `npm pack`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Of imports, exports and import types. */
const SPECIFIER = /((?:from|import)\s*\(?\s*)"(\.{1,2}\/[^"]+)\.js"/g;

const { exports: entries } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const waiting = Object.values(entries).flatMap(({ types }) => (types === undefined ? [] : join(ROOT, types)));
const done = new Set();
for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
  if (done.has(file)) continue;
  done.add(file);
  const text = readFileSync(file, "utf8");
  for (const [, , path] of text.matchAll(SPECIFIER)) waiting.push(join(dirname(file), `${path}.d.ts`));
  writeFileSync(file.replace(/\.d\.ts$/, ".d.cts"), text.replace(SPECIFIER, '$1"$2.cjs"'));
}
console.log(`${done.size} declarations for CommonJS`);
