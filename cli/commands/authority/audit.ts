/** `fireflies ca audit`: what the authority decided, to look at, to take away, and to verify. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { AuditEntry } from "../../../ca/index.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { type AccessFlags, addAccess, configOf, directoryOf, withAuthority } from "../../authority-access.js";
import { usage } from "../../failure.js";
import { readInput } from "../../input-file.js";
import { counted, print, shown, writeLine } from "../../output.js";
import { examples, type JsonOption, number, withJson } from "../common.js";

const TAIL_DEFAULT = 20;
const TAIL_MAX = 10_000;

interface TailOptions extends AccessFlags, JsonOption {
  readonly lines?: number;
}
interface ExportOptions extends AccessFlags {
  readonly after?: number;
}
interface VerifyOptions extends AccessFlags, JsonOption {
  readonly since?: string;
  readonly root?: string;
}

export function addAudit(ca: Command): void {
  const command = ca.command("audit").description("look at what the authority decided, take it away, verify it");
  command.enablePositionalOptions();
  for (const add of [addTail, addExport, addVerify]) add(command);
}

function addTail(audit: Command): void {
  const command = withJson(audit.command("tail").description("print the last decisions"));
  addAccess(command).option("-n, --lines <n>", `how many (${TAIL_DEFAULT})`, number(1, TAIL_MAX, true));
  examples(command, "ca audit tail --dir ./ca -n 5");
  command.action(async (_: unknown, self: Command) => {
    const { json = false, lines = TAIL_DEFAULT, ...access } = self.optsWithGlobals<TailOptions>();
    await withAuthority(access, async ({ operator }) => {
      const { sequence } = await operator.auditHead();
      for await (const entry of operator.audit(Math.max(0, sequence - lines))) {
        await print(json, { ...entry, fields: JSON.parse(entry.fields) as unknown }, entryText(entry));
      }
    });
  });
}

function entryText({ sequence, at, kind, fields }: AuditEntry): string {
  const parts = Object.entries(JSON.parse(fields) as Record<string, unknown>).map(
    ([name, value]) => `${name}=${value}`,
  );
  return shown(`${String(sequence).padStart(6)}  ${new Date(at).toISOString()}  ${kind.padEnd(16)} ${parts.join(" ")}`);
}

function addExport(audit: Command): void {
  const command = audit
    .command("export")
    .description("print the audit as JSON lines with a signed end, to keep where the authority cannot reach");
  addAccess(command).option("--after <n>", "only what came after this entry", number(0, Number.MAX_SAFE_INTEGER, true));
  examples(
    command,
    "ca audit export --dir ./ca > audit.jsonl",
    "ca audit export --dir ./ca --after 1200 > later.jsonl",
  );
  command.action(async (_: unknown, self: Command) => {
    const { after = 0, ...access } = self.optsWithGlobals<ExportOptions>();
    await withAuthority(access, async ({ operator }) => {
      for await (const line of operator.exportAudit(after)) await writeLine(line);
    });
  });
}

function addVerify(audit: Command): void {
  const command = withJson(
    audit.command("verify").description("verify the audit in the authority's records, or an export of it"),
  );
  addAccess(command.argument("[file]", "an export; the authority's own records when left out"))
    .option("--since <file>", "an earlier export, which this one must go on from")
    .option("--root <file>", "root.pem of the authority, where its directory is not at hand");
  examples(
    command,
    "ca audit verify --dir ./ca",
    "ca audit verify --dir ./ca --since audit.jsonl",
    "ca audit verify audit.jsonl --root root.pem",
  );
  command.action(async (file: string | undefined, _: unknown, self: Command) => {
    const { json = false, since, root: rootFile, ...access } = self.optsWithGlobals<VerifyOptions>();
    const { verifyAudit, readHead } = await import("../../../ca/index.js");
    const { linesOfFile } = await import("../../../ca/audit/audit-file.js");
    const rootOf = async () => await readRoot(rootFile, access);
    const anchor = since === undefined ? undefined : readHead(await lastLine(linesOfFile(since)), await rootOf());
    const verdict =
      file === undefined
        ? await withAuthority(access, ({ operator }) => operator.verifyAudit(anchor))
        : await verifyAudit(linesOfFile(file), { root: await rootOf(), since: anchor });
    if (!verdict.ok) throw new FirefliesError("audit-broken", `The audit does not hold: ${verdict.problem}.`);
    const { head, entries } = verdict;
    const from = head.sequence - entries + 1;
    const span = from > 1 ? `${from} to ${head.sequence}` : `up to ${head.sequence}`;
    await print(
      json,
      { ok: true, entries, head },
      `${counted(entries, "entry holds", "entries hold")}, ${span} (${head.hash}).`,
    );
  });
}

async function readRoot(path: string | undefined, access: AccessFlags): Promise<Uint8Array> {
  const { certificatesFromPem } = await import("../../../identity/index.js");
  const advice = "Give --root root.pem, or --dir.";
  const file = path ?? join(directoryOf(await configOf(access)), "root.pem");
  if (path === undefined && !existsSync(file)) {
    throw usage(`An export is verified with the authority's root, and ${file} is not there.`, advice);
  }
  const [root] = certificatesFromPem(String(await readInput(file))) ?? [];
  if (root !== undefined) return root;
  throw new FirefliesError("config-unreadable", `${file} holds no certificate.`, { advice });
}

async function lastLine(lines: AsyncIterable<string>): Promise<string> {
  let last = "";
  for await (const line of lines) last = line;
  return last;
}
