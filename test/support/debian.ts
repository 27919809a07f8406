/** Programs of Debian that tests need: installed where they are missing and the tests run as root. */
import { spawnSync } from "node:child_process";

/** Another file's test may be installing something: seconds that are waited for its end. */
const APT = ["-o", "DPkg::Lock::Timeout=120"];

/** False where only root could install it, or the mirror does not give it. */
export function installed(name: string): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) => spawnSync("apt-get", [...APT, ...args], { env }).status === 0;
  apt("update");
  return apt("install", "--yes", "--no-install-recommends", name);
}
