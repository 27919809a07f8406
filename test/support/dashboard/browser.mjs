/** Debian's Chromium, without a window, driven by playwright-core. */
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

/** Undefined where there is none. */
export async function openBrowser() {
  const program = PROGRAMS.map(found).find((path) => path !== undefined);
  if (program === undefined) return undefined;
  return chromium.launch({ executablePath: program, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}

function found(name) {
  try {
    return execFileSync("which", [name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined; // Not on the path.
  }
}
