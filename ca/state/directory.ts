/** The authority's directory: which files are in it, and reading them. */
import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  certificatesFromPem,
  type ErrorCode,
  FirefliesError,
  holderOf,
  messageOf,
  readText,
  requireOwnDirectory,
  takeDirectory,
} from "../../identity/index.js";
import { FIRST_KEY } from "../store/database/migrations.js";

export const FILES = {
  database: "ca.db",
  root: "root.pem",
  rootKey: "root.key.pem",
  issuer: "issuing.pem",
  issuerKey: FIRST_KEY,
  /** The newest state that was seen here, so that an older one is noticed. */
  mark: "ca.mark",
  marker: "initialising",
} as const;

/** Made if need be. Rejects with "directory-unsafe", or with "ca-state-unreadable" also where nothing can be written. */
export async function createDirectory(directory: string): Promise<void> {
  await takeDirectory(directory, "authority", "ca-state-unreadable");
  await reading(directory, () => access(directory, constants.R_OK | constants.W_OK | constants.X_OK));
}

/** Beside a running authority. Rejects with "directory-unsafe", or with "ca-state-missing" when it is a member's. */
export async function requireAuthoritys(directory: string): Promise<void> {
  await requireOwnDirectory(directory);
  if ((await holderOf(directory)) !== "member") return;
  throw new FirefliesError("ca-state-missing", `${directory} is the directory of a member, and holds no authority.`);
}

/** Which of our files are there. */
export async function filesIn(directory: string): Promise<Set<string>> {
  const names: readonly string[] = Object.values(FILES);
  const entries = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  return new Set(entries.filter((name) => names.includes(name)));
}

export async function readCertificate(directory: string, name: string): Promise<Uint8Array> {
  const pem = await readText(join(directory, name));
  const [der] = certificatesFromPem(pem ?? "") ?? [];
  if (der === undefined) throw refusal("ca-state-corrupt", directory, `${name} is missing or damaged`);
  return der;
}

/** What the system says about the directory's files, as "ca-state-unreadable". */
export async function reading<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    throw new FirefliesError("ca-state-unreadable", `Could not use ${directory}: ${messageOf(cause)}.`, { cause });
  }
}

/** How the authority refuses state that it cannot use: what is wrong, and what to do. */
export function refusal(code: ErrorCode, directory: string, what: string, cause?: unknown): FirefliesError {
  const advice = "Restore the whole directory from one backup; starting over would hand out ids twice.";
  return new FirefliesError(code, `The authority's state in ${directory} cannot be used: ${what}.`, {
    cause,
    advice,
  });
}
