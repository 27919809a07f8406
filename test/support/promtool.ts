/** Prometheus' own check of a page of metrics (Debian: prometheus). */
import { spawnSync } from "node:child_process";

/** Another file's test may be installing something else: seconds that are waited for their turn. */
const APT = ["-o", "DPkg::Lock::Timeout=120"];

/** False where it is not installed and only root could install it; tests with it say so in their title and are skipped. */
export const HAS_PROMTOOL = isInstalled() || (install() && isInstalled());

function isInstalled(): boolean {
  return spawnSync("promtool", ["--version"]).status === 0;
}

function install(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) => spawnSync("apt-get", [...APT, ...args], { env }).status === 0;
  apt("update");
  return apt("install", "--yes", "--no-install-recommends", "prometheus");
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
