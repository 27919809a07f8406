/** `fireflies evidence`: what was signed about a member and by it, in a file that anyone checks with the root alone. */
import type { Command } from "commander";
import type { EvidenceReport } from "../../../client/evidence/verify.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { evidence } from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import { readInput } from "../../input-file.js";
import { memberTitle, print, shown } from "../../output.js";
import { outputFile } from "../../output-file.js";
import { type AgentOption, examples, type JsonOption, withAgent, withJson } from "../common.js";

interface ExportOptions extends AgentOption {
  readonly out: string;
}

interface VerifyOptions extends JsonOption {
  readonly root: string;
}

export function addEvidence(program: Command): void {
  const group = program.command("evidence").description("what was signed about a member, for others to check");
  addExport(group);
  addVerify(group);
}

function addExport(group: Command): void {
  const command = group
    .command("export")
    .description("write all that is signed about a member and by it, with the certificates, to a file");
  withAgent(command.argument("<member>", "its name, its id or the beginning of that; gone ones too"));
  command.requiredOption("--out <file>", "file to write; it must not exist, or be - for standard output");
  examples(
    command,
    "evidence export bob --out bob.evidence",
    "openssl cms -verify -inform PEM -in bob.evidence -CAfile root.pem -purpose any",
  );
  command.action(async (member: string, options: ExportOptions) => {
    const { json = false, out } = options;
    const { checkOutput, PUBLIC_FILE_MODE, writeOutput } = await import("../../../identity/index.js");
    const { output, name: file, print: tell } = outputFile(out, { bytes: true });
    await checkOutput(output, { isNew: true });
    const { evidence: text } = (await ask(options, evidence(member))) as { readonly evidence: string };
    await writeOutput(output, new TextEncoder().encode(text), { mode: PUBLIC_FILE_MODE, isNew: true });
    await tell(json, { file, bytes: text.length }, `The evidence was written to ${file}: ${text.length} bytes.`);
  });
}

function addVerify(group: Command): void {
  const command = withJson(
    group.command("verify").description("check evidence with the root certificate alone, and say what it shows"),
  );
  command
    .argument("<file>", "the evidence, as it was exported")
    .requiredOption(
      "--root <file>",
      "root certificate of the authority, PEM: root.pem of a member or of the authority",
    );
  examples(command, "evidence verify bob.evidence --root root.pem");
  command.addHelpText(
    "after",
    "\nExit code 0 when all is as it was signed, 1 when something is false, which is named.",
  );
  command.action(async (file: string, { root, json = false }: VerifyOptions) => {
    const { verifyEvidence } = await import("../../../client/evidence/verify.js");
    const roots = (await readInput(root)).toString("utf8");
    const report = await verifyEvidence(new Uint8Array(await readInput(file)), { roots });
    await print(json, report, reportText(report));
    if (!report.ok) throw new FirefliesError("evidence-false", `${report.problems.length} things in it are false.`);
  });
}

function reportText({ about, by, at, network, statements, findings, problems }: EvidenceReport): string {
  const good = statements.filter(({ ok }) => ok).length;
  return [
    `evidence about ${memberTitle(about)}, held by ${memberTitle(by)} at ${new Date(at).toISOString()} by its clock`,
    `network  ${network}`,
    `signed   ${good} of ${statements.length} statements are their authors'`,
    "",
    ...(findings.length === 0 ? ["It has no accusation and no contradiction."] : findings.map(shown)),
    ...problems.map((problem) => `FALSE: ${shown(problem)}`),
  ].join("\n");
}
