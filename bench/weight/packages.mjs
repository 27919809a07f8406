/** The package as npm installs it: how much comes along, for whom, and with which dependency. */
import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BLOCK_BYTES = 512;
const MB = 1e6;

export async function weighPackages() {
  const folder = makeDirectory();
  try {
    const tarball = npm(["pack", "--pack-destination", folder], ROOT).trim();
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "weight", private: true }));
    npm(["install", "--prefer-offline", "--no-audit", "--no-fund", `./${tarball}`], folder);
    tell("everything", folder);
    for (const line of dependencies(folder)) console.log(line);
    npm(["prune", "--omit=optional", "--no-audit", "--no-fund"], folder);
    tell("a member alone (--omit=optional)", folder);
  } finally {
    removeDirectory(folder);
  }
}

function npm(args, cwd) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  return execFileSync("npm", ["--silent", ...args], { cwd, env, encoding: "utf8" });
}

function tell(what, folder) {
  console.log(row(what, bytesOf(join(folder, "node_modules")), Object.keys(lockOf(folder)).length));
}

function row(what, bytes, packages) {
  return `${what.padEnd(44)} ${(bytes / MB).toFixed(1).padStart(6)} MB ${String(packages).padStart(4)} packages`;
}

/** By path, as "node_modules/a/node_modules/b". */
function lockOf(folder) {
  return JSON.parse(readFileSync(join(folder, "node_modules/.package-lock.json"), "utf8")).packages;
}

/** A line for each direct dependency, with all that it needs; what two of them need counts for both. */
function dependencies(folder) {
  const packages = lockOf(folder);
  const own = "node_modules/fireflies";
  const { dependencies, optionalDependencies } = packages[own];
  const rows = Object.keys({ ...dependencies, ...optionalDependencies }).map((name) => {
    const paths = closure(packages, resolve(packages, own, name));
    const bytes = [...paths].reduce((sum, path) => sum + ownBytes(join(folder, path)), 0);
    return { name: name in (optionalDependencies ?? {}) ? `${name} (authority)` : name, bytes, count: paths.size };
  });
  const all = [{ name: "fireflies itself", bytes: ownBytes(join(folder, own)), count: 1 }, ...rows];
  return all.toSorted((a, b) => b.bytes - a.bytes).map(({ name, bytes, count }) => row(`  ${name}`, bytes, count));
}

function closure(packages, path, found = new Set()) {
  if (path === undefined || found.has(path)) return found;
  found.add(path);
  const { dependencies, optionalDependencies } = packages[path];
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies }))
    closure(packages, resolve(packages, path, name), found);
  return found;
}

/** As Node looks for it: beside, then further up. */
function resolve(packages, from, name) {
  for (let at = from; ; at = dirname(at)) {
    const path = at === "." ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (path in packages) return path;
    if (at === ".") return undefined;
  }
}

/** Without the packages inside it. */
function ownBytes(directory) {
  return bytesOf(directory) - bytesOf(join(directory, "node_modules"));
}

/** On disk, as `du` counts. */
function bytesOf(path) {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return 0;
  const below = status.isDirectory() ? readdirSync(path).map((name) => bytesOf(join(path, name))) : [];
  return below.reduce((sum, bytes) => sum + bytes, status.blocks * BLOCK_BYTES);
}
