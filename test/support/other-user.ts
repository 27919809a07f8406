/** A directory that this process may not use: as another user when the tests run as root, who may use everything. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NOBODY = 65_534;

/** Made with `prepare`, then closed to `run`. What `run` does happens as another user. */
export async function withForbidden(
  prepare: (directory: string) => Promise<unknown>,
  run: (directory: string) => Promise<void>,
): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  const directory = await mkdtemp(join(tmpdir(), "ff-forbidden-"));
  try {
    await prepare(directory);
    await chmod(directory, isRoot ? 0o700 : 0);
    if (isRoot) process.seteuid?.(NOBODY);
    await run(directory);
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(directory, 0o700);
    await rm(directory, { recursive: true, force: true });
  }
}
