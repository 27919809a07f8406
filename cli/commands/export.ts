/** `fireflies export-p12`: a member's identity in one file that other tools import. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { FirefliesError } from "../../identity/error.js";
import { usage } from "../failure.js";
import { print } from "../output.js";
import { newPassphrase } from "../passphrase.js";
import { type DirOption, examples, withDir } from "./common.js";

interface ExportOptions extends DirOption {
  readonly out: string;
  readonly passphraseFile?: string;
}

export function addExport(program: Command): void {
  const command = withDir(
    program
      .command("export-p12")
      .description("write a member's key and certificates to one PKCS#12 file, for tools that want such a file"),
    "directory of the member; it may be running or not",
  );
  command
    .requiredOption("--out <file>", "file to write; it must not exist")
    .option(
      "--passphrase-file <file>",
      "file with its passphrase; or set FIREFLIES_EXPORT_PASSPHRASE; else it is asked for",
    );
  examples(
    command,
    "export-p12 --out alice.p12",
    "export-p12 --dir ./alice --out alice.p12 --passphrase-file ./secret",
  );
  command.action(async ({ dir, out, passphraseFile: file, json = false }: ExportOptions) => {
    const { atomicWrite, loadIdentity, PASSPHRASE_MIN, titleOf, writePkcs12 } = await import("../../identity/index.js");
    const { SECRET_VARIABLES } = await import("../../client/config/index.js");
    const path = resolve(out);
    if (existsSync(path)) throw usage(`${out} exists.`, "Choose another file.");
    const identity = await loadIdentity(dir, { now: Date.now(), allowExpired: true });
    if (identity === undefined) throw new FirefliesError("identity-missing");
    const passphrase = await newPassphrase({ file, variable: SECRET_VARIABLES.exported });
    if (passphrase.length < PASSPHRASE_MIN) throw new FirefliesError("passphrase-invalid");
    const { certificate, privateKey, root } = identity;
    const certificates = [certificate.leaf, certificate.issuer, root];
    await atomicWrite(
      path,
      await writePkcs12({ privateKey, certificates, name: certificate.name ?? certificate.id }, passphrase),
    );
    const { id, name } = certificate;
    await print(json, { file: path, id, name }, `${titleOf(certificate)} was written to ${out}.`);
  });
}
