/**
 * A real security module for tests: SoftHSM with a token of its own. What is missing is installed once, where that is
 * possible: Debian's softhsm2 by root, pkcs11js (compiled in seconds) below node_modules/.cache.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./tree.js";

const PLACES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
  "/usr/local/lib/softhsm/libsofthsm2.so",
  "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];
const ADDON = "pkcs11js@2.1.7";
const ADDON_DIRECTORY = join(ROOT, "node_modules", ".cache", "fireflies-pkcs11");
const INSTALL_TIMEOUT_MS = 120_000;
export const PIN = "1234-5678";

export interface SoftHsm {
  /** The module's shared library. */
  readonly modulePath: string;
  readonly directory: string;
}

/** Makes a token called "fireflies"; a text says why there is none on this machine. */
export function startSoftHsm(): SoftHsm | string {
  const modulePath = findModule();
  if (modulePath === undefined)
    return "softhsm2 is not installed, and only root can install it (apt-get install softhsm2)";
  const addon = provideAddon();
  if (addon !== undefined) return addon;
  const directory = mkdtempSync(join(tmpdir(), "fireflies-softhsm-"));
  mkdirSync(join(directory, "tokens"));
  const config = join(directory, "softhsm2.conf");
  writeFileSync(
    config,
    `directories.tokendir = ${join(directory, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  process.env.SOFTHSM2_CONF = config;
  const args = ["--init-token", "--free", "--label", "fireflies", "--pin", PIN, "--so-pin", "so-pin-8"];
  const made = spawnSync("softhsm2-util", args, { encoding: "utf8" });
  return made.status === 0 ? { modulePath, directory } : `softhsm2-util failed: ${made.stderr}`;
}

export function removeSoftHsm({ directory }: SoftHsm): void {
  rmSync(directory, { recursive: true, force: true });
}

function findModule(): string | undefined {
  const found = () => PLACES.find((path) => existsSync(path));
  if (found() === undefined && process.getuid?.() === 0)
    run("apt-get", ["install", "-y", "--no-install-recommends", "softhsm2"]);
  return found();
}

/** The production code finds the addon from the working directory, as it does for a command that is installed globally. */
function provideAddon(): string | undefined {
  if (isThere(ROOT)) return undefined;
  mkdirSync(ADDON_DIRECTORY, { recursive: true });
  if (!isThere(ADDON_DIRECTORY)) run("npm", ["install", "--no-audit", "--no-fund", "--prefix", ADDON_DIRECTORY, ADDON]);
  if (!isThere(ADDON_DIRECTORY))
    return `${ADDON} could not be installed: it needs a registry, Python, make and a compiler`;
  process.chdir(ADDON_DIRECTORY);
  return undefined;
}

function isThere(directory: string): boolean {
  try {
    createRequire(pathToFileURL(`${directory}/`))("pkcs11js");
    return true;
  } catch {
    return false;
  }
}

function run(program: string, args: readonly string[]): void {
  spawnSync(program, args, {
    timeout: INSTALL_TIMEOUT_MS,
    stdio: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}
