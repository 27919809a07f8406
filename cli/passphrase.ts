/** Where a passphrase comes from: a file of mode 0600, the environment, or somebody at the terminal; never the command line, which others can see. */
import { FirefliesError } from "../identity/errors/error.js";
import { askSecret, canAsk } from "./prompt.js";

export interface PassphrasePlaces {
  readonly file: string | undefined;
  /** The variable's name. */
  readonly variable: string;
}

/** Undefined when no place has one; nobody is asked. Rejects with "key-file-permissions" or "config-unreadable". */
export async function passphraseFrom({ file, variable }: PassphrasePlaces): Promise<string | undefined> {
  if (file !== undefined) return await fromFile(file);
  const value = process.env[variable];
  return value === undefined || value === "" ? undefined : value;
}

async function fromFile(path: string): Promise<string> {
  const { messageOf, readSecret } = await import("../identity/files/files.js");
  const text = await readSecret(path).catch((cause: unknown) => {
    if (cause instanceof FirefliesError) throw cause;
    throw new FirefliesError("config-unreadable", `${path} cannot be read: ${messageOf(cause)}.`, { cause });
  });
  if (text === undefined)
    throw new FirefliesError("config-unreadable", `${path}, the passphrase's file, is not there.`);
  return text.replace(/\r?\n$/, "");
}

/** For whom a passphrase is needed once; undefined when nobody sits there. */
export function askingFor(what: string): (() => Promise<string>) | undefined {
  return canAsk() ? () => askSecret(`${what}: `) : undefined;
}

/** A new passphrase: from its places, or typed twice. Rejects with "passphrase-required" or "passphrase-wrong". */
export async function newPassphrase(places: PassphrasePlaces): Promise<string> {
  const found = await passphraseFrom(places);
  if (found !== undefined) return found;
  if (!canAsk())
    throw new FirefliesError("passphrase-required", "There is no terminal to ask for the new passphrase.", {
      advice: `Give it in a file, or in ${places.variable}.`,
    });
  const first = await askSecret("New passphrase: ");
  if ((await askSecret("Once more: ")) === first) return first;
  throw new FirefliesError("passphrase-wrong", "The two are not the same. Nothing was changed.");
}
