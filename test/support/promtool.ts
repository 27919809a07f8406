/** Prometheus' own check of a page of metrics (Debian: prometheus). */
import { spawnSync } from "node:child_process";
import { installed } from "./debian.js";

/** False where it is not installed and only root could install it; tests with it say so in their title and are skipped. */
export const HAS_PROMTOOL = isInstalled() || (installed("prometheus") && isInstalled());

function isInstalled(): boolean {
  return spawnSync("promtool", ["--version"]).status === 0;
}

/** What it says of a page; empty when it is content. */
export function complaints(page: string): string {
  const { status, stdout, stderr, error } = spawnSync("promtool", ["check", "metrics"], {
    input: page,
    encoding: "utf8",
  });
  if (error) throw error;
  return status === 0 ? "" : `${stdout}${stderr}`;
}
