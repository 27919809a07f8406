/** `fireflies ca network`, `ca backup` and `ca restore`: what the authority's records hold, and getting them back. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Pruned } from "../../../ca/index.js";
import { RING_COUNT_MAX } from "../../../rings/index.js";
import {
  type AccessFlags,
  addAccess,
  configOf,
  directoryOf,
  stateOptions,
  withAuthority,
} from "../../authority-access.js";
import { usage } from "../../failure.js";
import { readInput } from "../../input-file.js";
import { counted, print } from "../../output.js";
import { outputFile } from "../../output-file.js";
import { examples, type JsonOption, number, withJson } from "../common.js";

const MEMBERS_MAX = 1_000_000;
/** Ten years. */
const PRUNE_DAYS_MAX = 3_650;
const DAY_MS = 86_400_000;
/** As of the configuration's `delta`. */
const DELTA_SECONDS_MIN = 0.05;
const DELTA_SECONDS_MAX = 3_600;

interface AddOptions extends AccessFlags, JsonOption {
  readonly numRings?: number;
  readonly members?: number;
  readonly byzantine?: number;
  readonly delta?: number;
  readonly rootKey?: string;
}
interface BackupFlags extends AccessFlags, JsonOption {
  readonly withKeys?: boolean;
}
interface RestoreFlags extends AccessFlags, JsonOption {
  readonly list?: readonly string[];
  readonly acceptLoss?: boolean;
}

export function addNetworks(ca: Command): void {
  const command = ca.command("network").description("several networks under one root, each with members of its own");
  command.enablePositionalOptions();
  addAdd(command);
  addList(command);
}

function addAdd(networks: Command): void {
  const command = withJson(networks.command("add").description("make one more network; needs the root's key"));
  addAccess(command.argument("<name>", "1 to 32 of a-z, 0-9 and hyphens"))
    .option("--num-rings <k>", "its rings", number(1, RING_COUNT_MAX, true))
    .option("--members <n>", "or: members that it will have at most", number(1, MEMBERS_MAX, true))
    .option("--byzantine <p>", "and the share of them that may be liars", number(0, 0.5, false))
    .option("--delta <seconds>", "its Delta", number(DELTA_SECONDS_MIN, DELTA_SECONDS_MAX, false))
    .option("--root-key <file>", "the root's key, when it is kept elsewhere");
  examples(command, "ca network add staging --dir ./ca --members 50", "ca --dir ./ca --network staging --port 8301");
  command.action(async (name: string, _: unknown, self: Command) => {
    const {
      json = false,
      numRings,
      members,
      byzantine,
      delta,
      rootKey,
      ...access
    } = self.optsWithGlobals<AddOptions>();
    await withAuthority(access, async (authority) => {
      const deltaMs = delta === undefined ? undefined : Math.round(delta * 1_000);
      const options = { numRings, members, byzantine, deltaMs, rootKey };
      const { ringCount: rings, ...made } = await authority.addNetwork(name, options);
      const text = `The network ${name} has ${rings} rings. Serve it: fireflies ca --dir ${access.dir ?? "DIR"} --network ${name}`;
      await print(json, { name, rings, deltaMs: made.deltaMs }, text);
    });
  });
}

function addList(networks: Command): void {
  const command = withJson(networks.command("list").description("print the networks of this authority"));
  addAccess(command);
  examples(command, "ca network list --dir ./ca");
  command.action(async (_: unknown, self: Command) => {
    const { json = false, ...access } = self.optsWithGlobals<AccessFlags & JsonOption>();
    await withAuthority(access, async (authority) => {
      for (const { name, ringCount: rings, deltaMs } of await authority.networks()) {
        await print(json, { name, rings, deltaMs }, `${name.padEnd(32)} ${rings} rings, Delta ${deltaMs} ms`);
      }
    });
  });
}

export function addBackup(ca: Command): void {
  const command = withJson(
    ca.command("backup").description("write a backup to a file, while the authority serves; keep it secret"),
  );
  addAccess(command.argument("<file>", "file to write, a FIFO or a device, or - for standard output")).option(
    "--with-keys",
    "also keys that are not encrypted: whoever has the file is the authority then",
  );
  examples(command, "ca backup ./ca.backup --dir ./ca", "ca backup - --dir ./ca | age -r KEY > ca.backup.age");
  command.action(async (file: string, _: unknown, self: Command) => {
    const { json = false, withKeys, ...access } = self.optsWithGlobals<BackupFlags>();
    const { output, name, print: tell } = outputFile(file, { bytes: true });
    const { backUpAuthority } = await import("../../../ca/index.js");
    const options = await stateOptions(await configOf(access));
    const { rows, audit, keysLeftOut } = await backUpAuthority({ ...options, output, withKeys });
    const left = `\nNot in it, because they are not encrypted: ${keysLeftOut.join(", ")}. Keep them apart.`;
    const text = `${rows} records, audit up to ${audit.sequence}.${keysLeftOut.length > 0 ? left : ""}`;
    await tell(json, { file: name, rows, audit: audit.sequence, keysLeftOut }, text);
  });
}

export function addRestore(ca: Command): void {
  const command = withJson(ca.command("restore").description("make the authority of a backup again"));
  addAccess(command.argument("<file>", "the backup"))
    .option("--list <files...>", "the newest revocation lists, as /v1/revocations and /v1/crl answered")
    .option("--accept-loss", "what was decided after the backup is lost, and that is known");
  examples(
    command,
    "ca restore ./ca.backup --dir ./ca",
    "ca restore ./ca.backup --dir ./ca --list ./revocations.json ./crl.der --accept-loss",
  );
  command.action(async (file: string, _: unknown, self: Command) => {
    const { json = false, list = [], acceptLoss, ...access } = self.optsWithGlobals<RestoreFlags>();
    const config = await configOf(access);
    const { restoreAuthority } = await import("../../../ca/index.js");
    const lists = await Promise.all(list.map(async (each) => new Uint8Array(await readInput(each))));
    const where = { path: resolve(file), directory: directoryOf(config), store: config.store };
    const result = await restoreAuthority({ ...where, lists, acceptLoss });
    await print(json, { ...result }, restoredText(result));
  });
}

interface PruneFlags extends AccessFlags, JsonOption {
  readonly days?: number;
  readonly audit?: string;
  readonly dryRun?: boolean;
}

export function addPrune(ca: Command): void {
  const command = withJson(
    ca
      .command("prune")
      .description("take away certificates and tokens that ended long ago, and old entries of the audit"),
  );
  addAccess(command)
    .option("--days <n>", "what ended longer ago than this (90)", number(0, PRUNE_DAYS_MAX, false))
    .option("--audit <file>", "also older entries of the audit: into this new file, signed, which verify takes")
    .option("--dry-run", "say only what would go");
  examples(command, "ca prune --dir ./ca --dry-run", "ca prune --dir ./ca --days 30 --audit audit-to-2026-08.jsonl");
  command.action(async (_: unknown, self: Command) => {
    const { json = false, days, audit, dryRun, ...access } = self.optsWithGlobals<PruneFlags>();
    if (audit === "-")
      throw usage("What is taken away from the audit needs a file of its own.", "Name one that is not there yet.");
    const auditFile = audit === undefined ? undefined : resolve(audit);
    const options = { ageMs: days === undefined ? undefined : Math.round(days * DAY_MS), auditFile, dryRun };
    await withAuthority(access, async ({ operator }) => {
      const pruned = await operator.prune(options);
      await print(json, { ...pruned, ...(auditFile !== undefined && { auditFile }) }, prunedText(pruned, options));
    });
  });
}

function prunedText(
  { certificates, tokens, entries, upTo }: Pruned,
  { auditFile, dryRun }: { readonly auditFile: string | undefined; readonly dryRun?: boolean | undefined },
): string {
  const parts = [counted(certificates, "certificate", "certificates"), counted(tokens, "token", "tokens")];
  if (auditFile !== undefined) parts.push(counted(entries, "entry of the audit", "entries of the audit"));
  const lines = [`${dryRun ? "Would go" : "Taken away"}: ${parts.join(", ")}.`];
  if (upTo !== undefined && !dryRun) {
    lines.push(`${auditFile} ends with entry ${upTo.sequence}. Keep it: with it the rest is verified, by --since.`);
  }
  return lines.join("\n");
}

function restoredText({
  createdAt,
  revocations,
  unknown,
  keysMissing,
}: Awaited<ReturnType<typeof import("../../../ca/index.js").restoreAuthority>>): string {
  const lines = [`Restored to ${new Date(createdAt).toISOString()}. Tokens that were unused then are void.`];
  if (revocations > 0) lines.push(`From the lists: ${revocations} revoked.`);
  if (unknown > 0)
    lines.push(`${unknown} revoked certificates are newer than the backup: give the list of /v1/crl, too.`);
  if (keysMissing.length > 0) lines.push(`Put back before the start: ${keysMissing.join(", ")}.`);
  return lines.join("\n");
}
