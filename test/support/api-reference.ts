/**
 * The pages of docs/api/, made of the compiled declarations: what each entry of the package exports, with its signature and its
 * docstring. `@microsoft/api-extractor` reads the declarations, with a compiler of its own.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompilerState, Extractor, ExtractorConfig, type IConfigFile } from "@microsoft/api-extractor";
import { ROOT } from "./tree.js";

export interface Entry {
  /** As it is imported. */
  readonly name: string;
  readonly room: string;
  readonly about: string;
  /** Stands before all else. */
  readonly opening: string;
}

/** What api-extractor writes of each item, as far as it is used here. */
interface Item {
  readonly kind: string;
  readonly name?: string;
  readonly docComment?: string;
  readonly excerptTokens?: readonly { readonly text: string }[];
  readonly members?: readonly Item[];
}

const KINDS = [
  ["Class", "Classes"],
  ["Function", "Functions"],
  ["Interface", "Shapes"],
  ["TypeAlias", "Types"],
  ["Variable", "Constants"],
] as const;
/** A constant's type is shown up to so many characters: the table of errors has a page of its own. */
const TYPE_CHARACTERS_MAX = 400;

/** One page of Markdown. */
export function apiPage(entry: Entry): string {
  const items = itemsOf(entry);
  const sections = KINDS.map(([kind, title]) => ({ title, items: items.filter((item) => item.kind === kind) }));
  const filled = sections.filter((section) => section.items.length > 0);
  const index = filled.map((section) => `- ${section.title}: ${section.items.map(linkTo).join(" · ")}`);
  return [
    `# ${entry.name}`,
    entry.about,
    "Written by `npm run docs` from the declarations: every name that this entry exports, with its docstring.",
    entry.opening,
    index.join("\n"),
    ...filled.flatMap(({ title, items: found }) => [`## ${title}`, ...found.map(describeItem)]),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

/** Names that `entry` exports and that have no docstring. */
export function undocumented(entry: Entry): string[] {
  return itemsOf(entry).flatMap((item) => (docOf(item) === "" ? [nameOf(item)] : []));
}

const read = new Map<string, readonly Item[]>();
/** One program for all entries: most declarations belong to several. */
let compiled: CompilerState | undefined;

function itemsOf({ room }: Entry): readonly Item[] {
  const known = read.get(room) ?? extract(room);
  read.set(room, known);
  return known;
}

function extract(room: string): readonly Item[] {
  const directory = mkdtempSync(join(tmpdir(), "ff-api-"));
  try {
    const file = join(directory, "api.json");
    const config = ExtractorConfig.prepare({
      configObject: configOf(declarationsOf(room), file),
      configObjectFullPath: join(ROOT, "api-extractor.json"),
      packageJsonFullPath: join(ROOT, "package.json"),
    });
    const problems: string[] = [];
    compiled ??= CompilerState.create(config, { additionalEntryPoints: entryDeclarations() });
    Extractor.invoke(config, {
      compilerState: compiled,
      localBuild: true,
      messageCallback: (message) => {
        if (message.logLevel === "error" || message.logLevel === "warning") problems.push(message.text);
        message.handled = true;
      },
    });
    if (problems.length > 0) throw new Error(problems.join("\n"));
    const { members = [] } = JSON.parse(readFileSync(file, "utf8")) as Item;
    return (members[0]?.members ?? []).filter((item) => item.name !== "brand");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function declarationsOf(room: string): string {
  return join(ROOT, "dist", room, "index.d.ts");
}

/** Those of all entries that package.json names. */
function entryDeclarations(): string[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
  };
  return Object.values(exports).flatMap((each) => (typeof each === "string" ? [] : join(ROOT, each.types)));
}

function configOf(entry: string, apiJsonFilePath: string): IConfigFile {
  const quiet = { default: { logLevel: "none" } } as const;
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    lib: ["es2024", "esnext.disposable"],
    skipLibCheck: true,
  };
  return {
    projectFolder: ROOT,
    mainEntryPointFilePath: entry,
    apiReport: { enabled: false },
    docModel: { enabled: true, apiJsonFilePath },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    compiler: {
      overrideTsconfig: { compilerOptions: { ...compilerOptions, types: ["node"], strict: true }, files: [entry] },
    },
    messages: {
      extractorMessageReporting: quiet,
      tsdocMessageReporting: quiet, // Docstrings are Markdown here, not TSDoc.
      compilerMessageReporting: { default: { logLevel: "error" } },
    },
  } as unknown as IConfigFile;
}

function linkTo(item: Item): string {
  return `[${nameOf(item)}](#${nameOf(item).toLowerCase()})`;
}

function nameOf({ name = "" }: Item): string {
  return name;
}

function describeItem(item: Item): string {
  const parts = [`### ${nameOf(item)}`, docOf(item)];
  if (item.kind === "Class") parts.push(...membersOf(item).map((member) => describeMember(member, nameOf(item))));
  else if (item.kind === "Interface") parts.push(`${extendsOf(item)}${membersOf(item).map(listed).join("\n")}`);
  else parts.push(fenced(signatureOf(item)));
  return parts.filter((part) => part !== "").join("\n\n");
}

function membersOf({ members = [] }: Item): readonly Item[] {
  return members.filter((member) => !nameOf(member).startsWith("["));
}

function describeMember(member: Item, owner: string): string {
  const title = member.kind === "Constructor" ? `new ${owner}` : `${owner}.${nameOf(member)}`;
  return [`#### ${title}`, fenced(signatureOf(member)), docOf(member)].filter((part) => part !== "").join("\n\n");
}

/** Of shapes one line for each property. */
function listed(member: Item): string {
  const doc = docOf(member).replaceAll("\n", " ");
  return `- \`${oneLine(signatureOf(member))}\`${doc === "" ? "" : `: ${doc}`}`;
}

function extendsOf(item: Item): string {
  const [, parents] = /\bextends (.*)$/s.exec(textOf(item).trim()) ?? [];
  return parents === undefined ? "" : `Has all of \`${oneLine(parents)}\`, and:\n\n`;
}

function fenced(text: string): string {
  return `\`\`\`typescript\n${text}\n\`\`\``;
}

function signatureOf(item: Item): string {
  const text = textOf(item)
    .replace(/^export (declare )?/, "")
    .replaceAll(/\binput(\??: \{)/g, "options$1") // A parameter that is taken apart at once has no name of its own.
    .replaceAll(/\n {4}/g, "\n")
    .replace(/;$/, "");
  return text.length > TYPE_CHARACTERS_MAX && item.kind === "Variable" ? `${text.split(":")[0]}: { ... }` : text;
}

function textOf({ excerptTokens = [] }: Item): string {
  return excerptTokens.map(({ text }) => text).join("");
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}

/** The docstring as it was written, without its stars. */
function docOf({ docComment = "" }: Item): string {
  return docComment
    .replace(/^\/\*\*\s*\n?/, "")
    .replace(/\s*\*\/\s*$/, "")
    .replaceAll(/^\s*\* ?/gm, "")
    .trim();
}
