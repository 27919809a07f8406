/** A file system of its own that is soon full, or read-only. Mounting is for root alone, and not everywhere allowed to root. */
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Bytes: enough for a member's files. */
const DISK_BYTES = 1 << 20;
const BLOCK = Buffer.alloc(4096);

export class SmallDisk implements Disposable {
  readonly path: string;
  readonly #root: string;

  constructor() {
    this.#root = mkdtempSync(join(tmpdir(), "ff-disk-"));
    this.path = join(this.#root, "disk");
    mkdirSync(this.path);
    this.#mount("-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=700`, "tmpfs");
  }

  /** Whether this process may have one. */
  static readonly isPossible = (() => {
    try {
      new SmallDisk()[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  })();

  /** Takes all room there is. */
  fill(): void {
    try {
      for (;;) appendFileSync(join(this.path, "filler"), BLOCK);
    } catch {
      // Full.
    }
  }

  free(): void {
    rmSync(join(this.path, "filler"));
  }

  readOnly(): void {
    this.#mount("-o", "remount,ro");
  }

  [Symbol.dispose](): void {
    spawnSync("umount", ["-l", this.path], { stdio: "ignore" });
    rmSync(this.#root, { recursive: true, force: true });
  }

  #mount(...options: readonly string[]): void {
    execFileSync("mount", [...options, this.path], { stdio: "ignore" });
  }
}
