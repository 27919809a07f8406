/** libfaketime (Debian: libfaketime), which lets a process read another wall clock than the machine's. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LIBRARY = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64"]
  .map((directory) => join(directory, "faketime/libfaketime.so.1"))
  .find((path) => existsSync(path));

/** Why tests that need it are skipped; undefined where it is installed. */
export const NO_FAKETIME = LIBRARY === undefined ? "libfaketime is not installed" : undefined;

/** Variables with which a process reads its wall clock from `file`, as an offset such as "+3h"; monotonic time goes on. */
export function faked(file: string): Readonly<Record<string, string>> {
  if (LIBRARY === undefined) return {};
  setClock(file, "+0");
  const own = { LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: "1" };
  return { ...own, FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1" };
}

export function setClock(file: string, offset: string): void {
  writeFileSync(file, `${offset}\n`);
}
