/** `fireflies ca ...`: membership taken back and given again, intermediates, the root's key, and a look at the records. */
import { type Command, InvalidArgumentError } from "commander";
import type {
  CertificateRecord,
  CertificateView,
  IssuerUse,
  ListedMember,
  MemberView,
  Operator,
} from "../../../ca/index.js";
import type { RevocationReason } from "../../../identity/index.js";
import { type AccessFlags, addAccess, attach } from "../../authority-access.js";
import { usage } from "../../failure.js";
import { age, counted, memberTitle, print, shortId, table, toJson, writeLine } from "../../output.js";
import { outputFile } from "../../output-file.js";
import { examples, type JsonOption, number, withJson } from "../common.js";

interface LifeOptions extends AccessFlags, JsonOption {
  readonly serial?: boolean;
  readonly reason?: RevocationReason;
  readonly rootKey?: string;
  readonly issuer?: string;
  readonly force?: boolean;
  readonly keyOnly?: boolean;
  readonly silentHours?: number;
  readonly root?: boolean;
  readonly days?: number;
  readonly out?: string;
  readonly copy?: string;
}

/** Printed with an intermediate: enough digits to tell them apart and to name one. */
const FINGERPRINT_DIGITS = 16;
const HOUR_MS = 3_600_000;
const ROOT_LIST_DAYS_MAX = 3_650;
/** A year. */
const SILENT_HOURS_MAX = 8_760;
/** Names that one line has room for. */
const NAMES_SHOWN = 20;
/** Words of RFC 5280, 5.3.1. */
const REASONS: readonly RevocationReason[] = [
  ...(["unspecified", "keyCompromise", "affiliationChanged", "superseded"] as const),
  ...(["cessationOfOperation", "privilegeWithdrawn"] as const),
];

export function addLife(ca: Command): void {
  addRevoke(ca);
  addReadmit(ca);
  addGone(ca);
  addRotate(ca);
  addRoot(ca);
  addList(ca);
  addShow(ca);
  addCrl(ca);
}

/** Does one thing with the authority of --dir, and closes it. */
function acting(
  command: Command,
  act: (operator: Operator, args: readonly string[], options: LifeOptions) => Promise<void>,
): void {
  addAccess(withJson(command));
  command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command;
    const options = self.optsWithGlobals<LifeOptions>();
    const authority = await attach(options);
    try {
      await act(authority.operator, self.args, options);
    } finally {
      await authority.close();
    }
  });
}

function reason(word: string): RevocationReason {
  const found = REASONS.find((each) => each === word);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be one of ${REASONS.join(", ")}.`);
}

function addRevoke(ca: Command): void {
  const command = ca
    .command("revoke")
    .description("throw a member out for good; with --serial revoke a stolen key, whose member may enrol again")
    .argument("<name>", "the member's name, or with --serial its certificate's serial number (ca show tells it)")
    .option("--serial", "revoke the key of one certificate, and the keys that it was renewed to, and not the member")
    .option("--key-only", "with --serial: not the keys that it was renewed to")
    .option("--reason <word>", `${REASONS.join(", ")}`, reason);
  examples(command, "ca revoke mallory --dir ./ca", "ca revoke --serial 01a2b3 --reason keyCompromise --dir ./ca");
  acting(command, async (operator, [name = ""], { json = false, serial = false, keyOnly, reason: why }) => {
    if (!serial && keyOnly) throw usage("--key-only goes with --serial.");
    if (!serial) {
      await operator.revokePrincipal(name, why);
      return await print(
        json,
        { revoked: name },
        `${name} is thrown out. Members hear of it within seconds while the authority runs, else once it runs again.`,
      );
    }
    const whole = await wholeSerial(operator, name);
    const renewed = await operator.revokeKey(whole, why, { keyOnly });
    const further = renewed.map(({ serial: each, principal, issuedAt }) => ({ serial: each, principal, issuedAt }));
    const others = await goodBeside(operator, whole);
    await print(json, { revoked: whole, further, others }, revokedText(whole, renewed, others));
  });
}

/** Certificates of the same member that are still good, one for each key: a thief may have begun with another one. */
async function goodBeside(operator: Operator, serial: string): Promise<readonly string[]> {
  const { certificates } = await operator.show(serial);
  const isGood = ({ notAfter, revocation, issuerState }: CertificateView) =>
    notAfter > Date.now() && revocation === undefined && issuerState !== "retired";
  const byKey = new Map(certificates.filter(isGood).map(({ key, serial: each }) => [key, each]));
  return [...byKey.values()];
}

function revokedText(serial: string, renewed: readonly CertificateRecord[], others: readonly string[]): string {
  const lines = [`The key of certificate ${serial} is revoked. Its member may enrol again.`];
  if (renewed.length > 0)
    lines.push("It had been renewed to other keys, by its member or a thief, which are revoked with it:");
  for (const each of renewed)
    lines.push(`  ${each.serial} of ${each.principal}, since ${new Date(each.issuedAt).toISOString()}`);
  if (others.length > 0)
    lines.push(`Its member has other keys that are still good. If a thief may have them, revoke them too:`);
  for (const each of others) lines.push(`  ${each}`);
  return lines.join("\n");
}

async function wholeSerial(operator: Operator, digits: string): Promise<string> {
  const { certificates } = await operator.show(digits);
  return certificates.find(({ serial }) => serial.startsWith(digits.toLowerCase()))?.serial ?? digits;
}

function addReadmit(ca: Command): void {
  const command = ca
    .command("readmit")
    .description("let a member in again with another id, after it was thrown out or lost; its old id is revoked")
    .argument("<name>", "the member's name; it then enrols with a new token");
  examples(command, "ca readmit mallory --dir ./ca");
  acting(command, async (operator, [name = ""], { json = false }) => {
    const { id, generation } = await operator.readmit(name);
    await print(json, { name, id, generation }, `${name} will be ${id}. Make a token for it.`);
  });
}

function addRotate(ca: Command): void {
  const command = ca
    .command("rotate")
    .description("change the intermediate that signs members: prepare, activate, then retire the old one")
    .argument("[step]", "prepare, activate or retire; without one it shows where it stands")
    .option("--root-key <file>", "prepare, retire: the root's key, when it is kept elsewhere")
    .option(
      "--silent-hours <n>",
      "members not heard of for so long do not count (72)",
      number(1, SILENT_HOURS_MAX, false),
    )
    .option("--issuer <fingerprint>", "retire: which one, when it is not the outgoing one")
    .option("--force", "retire: also when members still need it, because its key was stolen: they are out then");
  examples(command, "ca rotate --dir ./ca", "ca rotate prepare --dir ./ca --root-key /media/vault/root.key.pem");
  acting(command, async (operator, [step], options) => {
    const { json = false } = options;
    const out = await rotate(operator, step, options);
    const issuers = await operator.issuers(silentMsOf(options));
    const lines = [issuersTable(issuers)];
    if (out.length > 0) lines.push(outText(out));
    if (step === "retire" && ((await operator.rootCrl())?.missing ?? 1) > 0) lines.push(NOT_ON_ROOT_LIST);
    await print(json, issuers.map(issuerView), lines.join("\n"));
  });
}

const NOT_ON_ROOT_LIST =
  "Members refuse it. The root's own list, for other tools, does not name it yet: fireflies ca crl --root --root-key FILE.";

function silentMsOf({ silentHours }: LifeOptions): number | undefined {
  return silentHours === undefined ? undefined : Math.round(silentHours * HOUR_MS);
}

/** Whom the step has put out of the network. */
async function rotate(operator: Operator, step: string | undefined, options: LifeOptions): Promise<readonly string[]> {
  const { rootKey, issuer: fingerprint, force = false } = options;
  if (step === "prepare") await operator.prepareIssuer(rootKey);
  else if (step === "activate") await operator.activateIssuer();
  else if (step === "retire") {
    const { absent, names } = await operator.retireIssuer({
      fingerprint,
      force,
      rootKey,
      silentMs: silentMsOf(options),
    });
    return [...names, ...absent];
  } else if (step !== undefined) {
    throw usage(`A rotation has no step "${step}".`, "The steps are prepare, activate, retire.");
  }
  return [];
}

function outText(names: readonly string[]): string {
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
  return `Out until they enrol again with a new token: ${names.slice(0, NAMES_SHOWN).join(", ")}${more}.`;
}

function addGone(ca: Command): void {
  const command = ca
    .command("gone")
    .description(
      "say that members do not come back with what they hold, as jobs that ran once: a rotation does not wait for them",
    )
    .argument("<names...>", "names, or patterns as 'job-*'; a member that reports again counts again");
  examples(command, "ca gone build-17 --dir ./ca", "ca gone 'job-*' --dir ./ca");
  acting(command, async (operator, names, { json = false }) => {
    const gone = (await operator.declareGone(...names)).map(({ principal }) => principal);
    await print(
      json,
      { gone },
      `${counted(gone.length, "member counts", "members count")} no longer: ${gone.join(", ")}`,
    );
  });
}

function issuerView({ certificate: _, ...issuer }: IssuerUse) {
  return issuer;
}

function issuersTable(issuers: readonly IssuerUse[]): string {
  const rows = issuers.map(({ fingerprint, state, members, absent, notAfter, keyReference }) => [
    fingerprint.slice(0, FINGERPRINT_DIGITS),
    state,
    String(members),
    String(absent.length),
    day(notAfter),
    keyReference,
  ]);
  return table([["ISSUER", "STATE", "MEMBERS", "ABSENT", "ENDS", "KEY"], ...rows]);
}

function addRoot(ca: Command): void {
  const command = ca
    .command("root")
    .description("the root's key: it is needed to prepare intermediates only, so keep it elsewhere")
    .argument("<step>", "export: copy it to --out; remove: delete it here, once --copy proved to hold it")
    .option(
      "--out <file>",
      "export: the copy, with mode 0600, encrypted as the key is; it must not exist, or be - for standard output",
    )
    .option("--copy <file>", "remove: where the copy is");
  examples(
    command,
    "ca root export --out /media/vault/root.key.pem --dir ./ca",
    "ca root remove --copy /media/vault/root.key.pem --dir ./ca",
  );
  acting(command, async (operator, [step], { json = false, out, copy }) => {
    if (step === "export" && out !== undefined) {
      const { output, name, print: tell } = outputFile(out, { bytes: false });
      await operator.exportRootKey(output);
      return await tell(json, { exported: name }, `The root's key was copied to ${name}.`);
    }
    if (step !== "remove" || copy === undefined)
      throw usage("The root's key can be exported or removed.", "Say `export --out FILE`, or `remove --copy FILE`.");
    await operator.removeRootKey(copy);
    await print(json, { removed: true }, "The root's key is no longer here. Keep the copy safe: nothing replaces it.");
  });
}

function addList(ca: Command): void {
  const command = ca.command("list").description("all members on record");
  examples(command, "ca list --dir ./ca", "ca list --dir ./ca --json");
  acting(command, async (operator, _, { json = false }) => {
    const rows: string[][] = [["NAME", "ID", "STATUS", "CERTIFICATE", "ENDS", "ADDRESS", "SEEN"]];
    const now = Date.now();
    for await (const member of operator.list()) {
      if (json) await writeLine(toJson(member));
      else rows.push(memberRow(member, now));
    }
    if (!json) await writeLine(rows.length > 1 ? table(rows) : "Nobody was admitted yet.");
  });
}

function memberRow(member: ListedMember, now: number): string[] {
  const { principal, id, serial, addresses, reportedAt, leftAt, goneAt } = member;
  const since = goneAt === undefined ? leftAt && ", left" : ", gone";
  const seen = `${reportedAt === undefined ? "-" : `${age(now - reportedAt)} ago`}${since ?? ""}`;
  return [principal, shortId(id), member.status, serial ?? "-", endText(member, now), addresses[0] ?? "-", seen];
}

function endText({ notAfter, certificateRevoked }: ListedMember, now: number): string {
  if (notAfter === undefined) return "-";
  if (certificateRevoked) return "revoked";
  return notAfter < now ? "expired" : `in ${age(notAfter - now)}`;
}

function addShow(ca: Command): void {
  const command = ca
    .command("show")
    .description("everything on record about one member, and its ring neighbours among all members on record")
    .argument("<member>", "its name, or 6 digits or more of its id or of a serial number");
  examples(command, "ca show alice --dir ./ca");
  acting(command, async (operator, [query = ""], { json = false }) => {
    const member = await operator.show(query);
    await print(json, member, memberText(member));
  });
}

function memberText(member: MemberView): string {
  const facts = table([
    ["name", member.principal],
    ["id", member.id],
    ["generation", String(member.generation)],
    ["status", member.status],
    ["addresses", member.addresses.join(", ") || "-"],
    ["seen", member.reportedAt === undefined ? "-" : new Date(member.reportedAt).toISOString()],
    ["left", member.leftAt === undefined ? "-" : new Date(member.leftAt).toISOString()],
  ]);
  const certificates = member.certificates.map(({ serial, key, notAfter, how, issuer, issuerState, revocation }) => [
    serial,
    key.slice(0, FINGERPRINT_DIGITS),
    new Date(notAfter).toISOString(),
    how,
    `${issuer.slice(0, FINGERPRINT_DIGITS)} ${issuerState}`,
    revocation === undefined ? "-" : `${day(revocation.at)} ${revocation.reason}`,
  ]);
  const cell = (id: string | undefined, name: string | undefined) =>
    id === undefined ? "-" : memberTitle({ id, name });
  const rings = member.rings.map(({ ring, predecessor, predecessorName, successor, successorName }) => [
    ...[String(ring), cell(predecessor, predecessorName), cell(successor, successorName)],
  ]);
  const issued = table([["SERIAL", "KEY", "ENDS", "HOW", "ISSUER", "REVOKED"], ...certificates]);
  return `${facts}\n\n${issued}\n\n${table([["RING", "PREDECESSOR", "SUCCESSOR"], ...rings])}`;
}

function addCrl(ca: Command): void {
  const command = ca
    .command("crl")
    .description("the X.509 revocation list of an intermediate, or of the root for its intermediates, as PEM")
    .option("--issuer <fingerprint>", "SHA-256 of its certificate, 64 hex digits (the active one)")
    .option("--root", "the root's own list, of intermediates that are retired")
    .option("--root-key <file>", "with --root: sign it anew with this key")
    .option("--days <n>", "with --root: sign it anew, for so long (365)", number(1, ROOT_LIST_DAYS_MAX, false))
    .option("--out <file>", "write DER to this file instead, or with - to standard output");
  examples(
    command,
    "ca crl --dir ./ca | openssl crl -noout -text",
    "ca crl --dir ./ca --out list.crl",
    "ca crl --root --root-key /media/vault/root.key.pem --dir ./ca --out root.crl",
  );
  acting(command, async (operator, _, options) => {
    const { json = false, out } = options;
    const { derToPem, PUBLIC_FILE_MODE, writeOutput } = await import("../../../identity/index.js");
    const { bytes: der, nextUpdate, warning } = await listOf(operator, options);
    const dates = { nextUpdate, ...(warning !== undefined && { warning }) };
    if (warning !== undefined && !json) await writeLine(`warning: ${warning}`, process.stderr);
    if (out === undefined)
      return await print(json, { crl: derToPem("X509 CRL", der), ...dates }, derToPem("X509 CRL", der).trim());
    const { output, name, print: tell } = outputFile(out, { bytes: true });
    await writeOutput(output, der, { mode: PUBLIC_FILE_MODE });
    await tell(json, { out: name, bytes: der.length, ...dates }, `${der.length} bytes were written to ${name}.`);
  });
}

interface ShownList {
  readonly bytes: Uint8Array;
  /** Unix milliseconds. */
  readonly nextUpdate: number;
  /** Why nobody should rely on it. */
  readonly warning: string | undefined;
}

async function listOf(operator: Operator, { root, rootKey, days, issuer: given }: LifeOptions): Promise<ShownList> {
  const issuer = given?.toLowerCase();
  const { FirefliesError } = await import("../../../identity/index.js");
  const isNew = rootKey !== undefined || days !== undefined;
  if (!root && isNew) throw usage("--root-key and --days go with --root: other lists are signed by the authority.");
  if (root && issuer !== undefined) throw usage("Say --root or --issuer, not both.");
  if (root && isNew) await operator.publishRootCrl({ rootKey, lifetimeMs: days && Math.round(days * 24 * HOUR_MS) });
  if (root) {
    const list = await operator.rootCrl();
    const advice = "Sign one: fireflies ca crl --root --root-key FILE.";
    if (list === undefined) throw new FirefliesError("ca-unknown", "The root has signed no list yet.", { advice });
    return { ...list, warning: rootWarning(list, Date.now()) };
  }
  const list = await operator.publishedCrl(issuer);
  if (list === undefined) throw new FirefliesError("ca-unknown", "There is no list of such an intermediate yet.");
  const isRetired = (await operator.issuers()).some(
    ({ fingerprint, state }) => fingerprint === issuer && state === "retired",
  );
  return { ...list, warning: endedWarning(list, isRetired, Date.now()) };
}

function rootWarning(
  { nextUpdate, missing }: { nextUpdate: number; missing: number },
  now: number,
): string | undefined {
  const signAnew = "Sign it anew: fireflies ca crl --root --root-key FILE.";
  if (nextUpdate <= now) return `this list ended ${age(now - nextUpdate)} ago. ${signAnew}`;
  if (missing === 0) return undefined;
  return `${counted(missing, "retired intermediate is", "retired intermediates are")} not on it yet. ${signAnew}`;
}

/** The authority makes a new one long before; tools refuse one that has ended. */
function endedWarning({ nextUpdate }: { nextUpdate: number }, isRetired: boolean, now: number): string | undefined {
  if (nextUpdate > now) return undefined;
  const ended = `this list ended ${age(now - nextUpdate)} ago, at ${new Date(nextUpdate).toISOString()}`;
  if (isRetired) return `${ended}: its intermediate is retired, and signs no other one.`;
  return `${ended}, and tools refuse it. Start the authority, which signs a new one: fireflies ca --dir DIR.`;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
