/** `fireflies ca passphrase` and `fireflies ca import`: the authority's keys, and a root that exists already. */
import { relative } from "node:path";
import type { Command } from "commander";
import { type AccessFlags, addAccess, configOf, directoryOf, stateOptions } from "../../authority-access.js";
import { usage } from "../../failure.js";
import { print } from "../../output.js";
import { askingFor, newPassphrase, passphraseFrom } from "../../passphrase.js";
import { examples, flagsOf, type JsonOption, withJson } from "../common.js";

interface PassphraseOptions extends AccessFlags, JsonOption {
  readonly newPassphraseFile?: string;
  readonly remove?: boolean;
}

export function addPassphrase(ca: Command): void {
  const command = withJson(
    ca.command("passphrase").description("put the authority's keys under a passphrase, or another one"),
  );
  addAccess(command)
    .option(
      "--new-passphrase-file <file>",
      "file with the new one; or set FIREFLIES_CA_NEW_PASSPHRASE; else it is asked for",
    )
    .option("--remove", "leave the keys unencrypted instead");
  examples(command, "ca passphrase --dir ./ca", "ca passphrase --dir ./ca --new-passphrase-file ./new");
  command.action(async (_: unknown, self: Command) => {
    const {
      json = false,
      remove = false,
      newPassphraseFile: file,
      ...access
    } = self.optsWithGlobals<PassphraseOptions>();
    if (remove && file !== undefined)
      throw usage("--remove and --new-passphrase-file exclude each other.", "Give one of them.");
    const { SECRET_VARIABLES: variable } = await import("../../../client/config/index.js");
    const config = await configOf(access);
    const dir = directoryOf(config);
    const known = await passphraseFrom({ file: config.passphraseFile, variable: variable.passphrase });
    const next = remove ? undefined : await newPassphrase({ file, variable: variable.newPassphrase });
    const { changePassphrase } = await import("../../../ca/index.js");
    const files = await changePassphrase(dir, { current: () => currentOne(known), next });
    const names = files.map((path) => relative(dir, path));
    const state = remove ? "is not encrypted any more" : "is under the new passphrase";
    await print(json, { dir, files: names, encrypted: !remove }, names.map((name) => `${name} ${state}`).join("\n"));
  });
}

async function currentOne(known: string | undefined): Promise<string> {
  if (known !== undefined) return known;
  const ask = askingFor("Present passphrase");
  if (ask !== undefined) return await ask();
  const { FirefliesError } = await import("../../../identity/errors/error.js");
  throw new FirefliesError("passphrase-required");
}

interface ImportOptions extends AccessFlags, JsonOption {
  readonly key?: string;
  readonly importPassphraseFile?: string;
  readonly [flag: string]: unknown;
}

const NO_CONFIGURATION = ["json", "config", "whileStdin", "key", "importPassphraseFile"];

export function addImport(ca: Command): void {
  const command = withJson(
    ca.command("import").description("make a new authority whose root is a CA that exists already: PKCS#12 or PEM"),
  );
  addAccess(command.argument("<file>", "PKCS#12 file, or PEM with the certificate and its key"))
    .option("--num-rings <k>", "rings of its network")
    .option("--members <n>", "or: members that it will have at most")
    .option("--byzantine <p>", "and the share of them that may be liars")
    .option("--delta <seconds>", "Delta of its network")
    .option("--preset <name>", "take Delta and rings from this preset")
    .option("--key <file>", "PEM file of the key, if not in the same file")
    .option("--import-passphrase-file <file>", "file with the passphrase of that file; else it is asked for");
  examples(
    command,
    "ca import corporate.p12 --dir ./ca --import-passphrase-file ./secret",
    "ca import root.crt --key root.key --dir ./ca --passphrase-file ./new-secret",
  );
  command.action(async (path: string, _: unknown, self: Command) => {
    const { json = false, key: keyPath, importPassphraseFile: file, ...flags } = self.optsWithGlobals<ImportOptions>();
    const { resolveAuthorityConfig, SECRET_VARIABLES } = await import("../../../client/config/index.js");
    const config = resolveAuthorityConfig(undefined, { flags: flagsOf(flags, NO_CONFIGURATION) });
    const given = await passphraseFrom({ file, variable: SECRET_VARIABLES.imported });
    const { CertificateAuthority, readImport } = await import("../../../ca/index.js");
    const importedRoot = await readAsking(given, (passphrase) =>
      readImport({ path, keyPath, passphrase, now: Date.now() }),
    );
    const { members, byzantine, deltaMs, ringCount: numRings } = config;
    const options = { ...(await stateOptions(config)), members, byzantine, deltaMs, numRings, importedRoot };
    const authority = await CertificateAuthority.open(options);
    const { fingerprint } = authority;
    await authority.close();
    await print(json, { dir: options.directory, fingerprint }, `${options.directory} has the root ${fingerprint}.`);
  });
}

/** Asks for the passphrase only when the file needs one. */
async function readAsking<T>(
  given: string | undefined,
  read: (passphrase: string | undefined) => Promise<T>,
): Promise<T> {
  try {
    return await read(given);
  } catch (error) {
    const ask = askingFor("Passphrase of the file to import");
    const isMissing = error instanceof Error && "code" in error && error.code === "passphrase-required";
    if (!isMissing || given !== undefined || ask === undefined) throw error;
    return await read(await ask());
  }
}
