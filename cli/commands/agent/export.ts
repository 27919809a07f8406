/** `fireflies export-p12`: a member's identity in one file that other tools import. */
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { outputFile } from "../../output-file.js";
import { newPassphrase } from "../../passphrase.js";
import { type DirOption, examples, withDir } from "../common.js";

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
    .requiredOption("--out <file>", "file to write; it must not exist, or be - for standard output")
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
    const { checkOutput, KEY_FILE_MODE, loadIdentity, PASSPHRASE_MIN, titleOf, writeOutput, writePkcs12 } =
      await import("../../../identity/index.js");
    const { SECRET_VARIABLES } = await import("../../../client/config/index.js");
    const { output, name: path, print: tell } = outputFile(out, { bytes: true });
    await checkOutput(output, { isNew: true }); // Before a passphrase is asked for.
    const identity = await loadIdentity(dir, { now: Date.now(), allowExpired: true });
    if (identity === undefined) throw new FirefliesError("identity-missing");
    const passphrase = await newPassphrase({ file, variable: SECRET_VARIABLES.exported });
    if (passphrase.length < PASSPHRASE_MIN) throw new FirefliesError("passphrase-invalid");
    const { certificate, privateKey, root } = identity;
    const certificates = [certificate.leaf, certificate.issuer, root];
    const { id, name } = certificate;
    const bytes = await writePkcs12({ privateKey, certificates, name: name ?? id }, passphrase);
    await writeOutput(output, bytes, { mode: KEY_FILE_MODE, isNew: true });
    await tell(json, { file: path, id, name }, `${titleOf(certificate)} was written to ${path}.`);
  });
}
