/** How commands reach an authority's state: the options that say where it is, and the passphrase that opens its keys. */
import type { Command } from "commander";
import type { CertificateAuthority } from "../ca/index.js";
import type { AuthorityConfig } from "../client/config/index.js";
import { defaultDir } from "../client/config/places.js";
import { configOption, dirOption } from "./api/caller/place-options.js";
import { askingFor, passphraseFrom } from "./passphrase.js";

export interface AccessFlags {
  readonly dir?: string;
  readonly config?: string;
  readonly store?: string;
  readonly network?: string;
  readonly passphraseFile?: string;
}

/** The options of every subcommand that works on an authority's state. */
export function addAccess(command: Command): Command {
  return command
    .addOption(dirOption("directory of the authority, serving or not, if it is not $XDG_STATE_HOME/fireflies/ca"))
    .addOption(configOption())
    .option("--store <url>", "its records, if in PostgreSQL: postgres://...")
    .option("--network <name>", "one of its networks, if not the first")
    .option("--passphrase-file <file>", "file with the passphrase of its keys; or set FIREFLIES_CA_PASSPHRASE");
}

/** Opens the authority of these flags and of the configuration, beside a running one, for as long as `work` takes. */
export async function withAuthority<T>(
  flags: AccessFlags,
  work: (authority: CertificateAuthority) => Promise<T>,
): Promise<T> {
  const authority = await attach(flags);
  try {
    return await work(authority);
  } finally {
    await authority.close();
  }
}

/** As `withAuthority`; the caller closes it. */
export async function attach(flags: AccessFlags): Promise<CertificateAuthority> {
  const config = await configOf(flags);
  const { CertificateAuthority: Authority } = await import("../ca/index.js");
  return await Authority.attach(await stateOptions(config));
}

export async function configOf({ dir, config, store, network, passphraseFile }: AccessFlags): Promise<AuthorityConfig> {
  const { resolveAuthorityConfig } = await import("../client/config/index.js");
  const given = { dir, store, network, "passphrase-file": passphraseFile };
  const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return resolveAuthorityConfig(config, { flags });
}

/** Options that open the state that a configuration names. */
export async function stateOptions(config: AuthorityConfig) {
  const { SECRET_VARIABLES } = await import("../client/config/index.js");
  const { store, network: networkName, passphraseFile: file, keyUri: issuingKeyUri } = config;
  const passphrase = await passphraseFrom({ file, variable: SECRET_VARIABLES.passphrase });
  const pin = process.env[SECRET_VARIABLES.pin] || undefined;
  const askPassphrase = askingFor("Passphrase of the authority's keys");
  return { directory: directoryOf(config), store, networkName, passphrase, askPassphrase, pin, issuingKeyUri };
}

/** Where its keys are, and its records unless they are in PostgreSQL. */
export function directoryOf({ dir }: Pick<AuthorityConfig, "dir">): string {
  return dir ?? defaultDir("ca");
}
