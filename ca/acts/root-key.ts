/** The root's private key apart from the authority: it signs intermediates only, so it need not be where members call. */
import { rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import {
  checkOutput,
  FirefliesError,
  type Issuer,
  KEY_FILE_MODE,
  type Output,
  readKeyText,
  spkiOfCertificate,
  syncDirectory,
  writeOutput,
} from "../../identity/index.js";
import { equalBytes } from "../../rings/index.js";
import type { Context } from "../context.js";
import { KeyCabinet } from "../keys/key-cabinet.js";
import { FILES } from "../state/directory.js";

/** The root's certificate and key; from `file` where it is not in the directory. Rejects with "root-key-missing" or "ca-state-mismatch". */
export async function rootOf({ state, settings }: Context, file: string | undefined): Promise<Issuer> {
  const path = file === undefined ? join(settings.directory, FILES.rootKey) : resolve(file);
  const cabinet = file === undefined ? state.keys : new KeyCabinet(dirname(path), settings.keys);
  const key = await cabinet.open(basename(path));
  if (key === undefined) throw missing(path);
  const spki = spkiOfCertificate(state.root);
  if (spki === undefined || !equalBytes(spki, key.spki)) {
    throw new FirefliesError("ca-state-mismatch", `${path} is not the key of this authority's root.`);
  }
  return { certificate: state.root, sign: key.sign };
}

/** Copies it to a new file, or into a stream, a device or a FIFO. Rejects with "root-key-missing" or "output-failed". */
export async function exportRootKey({ settings, state }: Context, output: Output): Promise<void> {
  const path = join(settings.directory, FILES.rootKey);
  const text = await readKeyText(path);
  if (text === undefined) throw missing(path);
  await checkOutput(output, { isNew: true });
  // Before: there is no copy that nobody was told of.
  await state.store.append([{ kind: "root-key-exported", at: settings.now(), fields: {} }]);
  await writeOutput(output, text, { mode: KEY_FILE_MODE, isNew: true });
}

export async function removeRootKey(context: Context, copy: string): Promise<void> {
  await rootOf(context, copy);
  const { directory, now } = context.settings;
  if (resolve(copy) === resolve(directory, FILES.rootKey)) {
    throw new FirefliesError("ca-options-invalid", "The copy must be another file than the key to remove.");
  }
  await rm(join(directory, FILES.rootKey), { force: true });
  await syncDirectory(directory);
  await context.state.store.append([{ kind: "root-key-removed", at: now(), fields: {} }]);
}

function missing(path: string): FirefliesError {
  return new FirefliesError("root-key-missing", `${path} is not there.`);
}
