/**
 * Where a running agent's control socket is. It lies in the member's directory, unless the path is too long for a Unix
 * socket (unix(7): 108 bytes with the final zero, 104 on other systems): then in a directory of its own below the
 * system's temporary one, and a file in the member's directory says where.
 */
import { chmod, lstat, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
// Not from identity/index.js: commands that only look for the socket need no X.509, which takes longer to load than they to run.
import { FirefliesError } from "../../identity/errors/error.js";
import { atomicWrite, kindOf, readText } from "../../identity/files/files.js";

const SOCKET_FILE = "control.sock";
const POINTER_FILE = "control.path";
export const SOCKET_PATH_BYTES_MAX = 103;
const PRIVATE_DIRECTORY_MODE = 0o700;
const POINTER_MODE = 0o600;
const SHORT_PREFIX = "ff-";

const fits = (path: string) => Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;

/** A path to listen on. The caller holds the directory's lock: what lies there is left over from a killed process. */
export async function claimControlPath(directory: string): Promise<string> {
  await releaseControlPath(directory);
  const path = join(resolve(directory), SOCKET_FILE);
  if (fits(path)) {
    await requireNothing(path);
    return path;
  }
  const short = await mkdtemp(join(tmpdir(), SHORT_PREFIX));
  await chmod(short, PRIVATE_DIRECTORY_MODE);
  const shortPath = join(short, SOCKET_FILE);
  if (!fits(shortPath)) {
    await rm(short, { recursive: true, force: true });
    throw new FirefliesError("state-unreadable", `No room for a socket: ${path} and ${shortPath} are both too long.`, {
      advice: "Use a shorter directory.",
    });
  }
  await atomicWrite(join(directory, POINTER_FILE), `${shortPath}\n`, POINTER_MODE);
  return shortPath;
}

/** A socket of an earlier life is gone by now; what is still there is somebody's. */
async function requireNothing(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  throw new FirefliesError("state-unreadable", `${path}, where the control socket belongs, is ${kindOf(found)}.`, {
    advice: "Move it away.",
  });
}

/** Where to connect to, whether or not somebody listens there. */
export async function findControlPath(directory: string): Promise<string> {
  const path = join(resolve(directory), SOCKET_FILE);
  return fits(path) ? path : ((await pointedTo(directory)) ?? path);
}

/** Removes the socket and what leads to it. Never rejects. */
export async function releaseControlPath(directory: string): Promise<void> {
  const remove = (path: string, recursive = false) => rm(path, { force: true, recursive }).catch(() => {});
  await remove(join(directory, SOCKET_FILE));
  const pointed = await pointedTo(directory);
  if (pointed === undefined) return;
  await remove(dirname(pointed), true);
  await remove(join(directory, POINTER_FILE));
}

/** Only a path as claimControlPath makes them is followed, since what it leads to is removed. */
async function pointedTo(directory: string): Promise<string | undefined> {
  const text = await readText(join(directory, POINTER_FILE)).catch(() => undefined);
  const path = text?.trim() ?? "";
  const expected = join(tmpdir(), SHORT_PREFIX);
  const name = path.slice(expected.length);
  return path.startsWith(expected) && /^\w+\/control\.sock$/.test(name) ? path : undefined;
}
