/**
 * Documents against the code. Tables between `<!-- table: name -->` and `<!-- end -->` are made here from the code:
 * `npm run docs` rewrites them; otherwise a table that differs fails. Needs a build: `npm run build`.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command, Option } from "commander";
import { describe, expect, it } from "vitest";
import { AUTHORITY_DEFINITIONS } from "../../ca/http/authority-definitions.js";
import { EXIT_CODES, exitCodeOf } from "../../cli/failure.js";
import { createProgram } from "../../dist/cli/program.js";
import { ERROR_CODES, type ErrorCode } from "../../identity/errors/codes.js";
import { FirefliesError } from "../../identity/errors/error.js";
import type { Definition } from "../../ops/metrics/definition.js";
import { MEMBER_DEFINITIONS } from "../../ops/metrics/member-definitions.js";
import { alertRules } from "../support/alerts.js";
import { limitsTable } from "../support/limits.js";
import { FILES, ROOT, read } from "../support/tree.js";

const MARKDOWN = FILES.filter((file) => file.endsWith(".md"));
const manifest = JSON.parse(read("package.json")) as {
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly engines: { readonly node: string };
  readonly version: string;
};

/** What fits on two sides of paper. */
const PAGE_LINES_MAX = 130;

const program = await createProgram();

const TABLES: Readonly<Record<string, () => string>> = {
  errors: errorTable,
  "exit-codes": exitCodeTable,
  commands: commandTables,
  limits: limitsTable,
  metrics: () => metricsTable(MEMBER_DEFINITIONS),
  alerts: alertTable,
  "authority-metrics": () => metricsTable(AUTHORITY_DEFINITIONS),
};

describe("tables made from the code", () => {
  const withTables = MARKDOWN.filter((file) => read(file).includes("<!-- table:"));

  it.each(withTables)("%s", async (file) => {
    const updated = read(file).replace(/(<!-- table: ([\w-]+) -->\n).*?(?=<!-- end -->)/gs, (_, mark, name) => {
      return `${mark}${TABLES[name]?.() ?? ""}\n`;
    });
    await expect(updated).toMatchFileSnapshot(join(ROOT, file));
  });

  it("each stands somewhere", () => {
    const text = withTables.map(read).join("\n");
    expect(Object.keys(TABLES).filter((name) => !text.includes(`<!-- table: ${name} -->`))).toEqual([]);
  });
});

function errorTable(): string {
  const codes = (Object.keys(ERROR_CODES) as ErrorCode[]).sort();
  const rows = codes.map((code) => {
    const { meaning, remedy } = ERROR_CODES[code];
    return [`\`${code}\``, meaning, remedy, exitCodeOf(new FirefliesError(code))];
  });
  return markdownTable(["code", "meaning", "what to do", "exit"], rows);
}

function metricsTable(definitions: readonly Definition<never>[]): string {
  const rows = definitions.map(({ name, kind, labels = [], help }) => {
    return [`\`${name}\``, kind, labels.map((label) => `\`${label}\``).join(", "), help];
  });
  return markdownTable(["name", "kind", "labels", "what it says"], rows);
}

function alertTable(): string {
  const rows = alertRules().map(({ alert, after = "at once", severity, summary, action }) => {
    return [`\`${alert}\``, severity, after, summary, action];
  });
  return markdownTable(["alert", "severity", "after", "what it means", "what to do"], rows);
}

function exitCodeTable(): string {
  return markdownTable(
    ["code", "meaning"],
    EXIT_CODES.map(({ code, meaning }) => [code, meaning]),
  );
}

function commandTables(): string {
  return program.commands.flatMap(describeWithSubcommands).join("\n\n");
}

function describeWithSubcommands(command: Command): string[] {
  return [describeCommand(command), ...command.commands.flatMap(describeWithSubcommands)];
}

function describeCommand(command: Command): string {
  const inputs = [
    ...command.registeredArguments.map((argument) => {
      const name = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
      return [`\`${name}\``, argument.description];
    }),
    ...command.options.map((option) => [`\`${option.flags}\``, `${option.description}${valuesOf(option)}`]),
  ];
  const sentence = command.description().replace(/^./, (letter) => letter.toUpperCase());
  const heading = `### ${pathOf(command)}\n\n${sentence}.`;
  return inputs.length === 0 ? heading : `${heading}\n\n${markdownTable(["argument or option", "meaning"], inputs)}`;
}

/** What `--help` says behind the description, too. */
function valuesOf({ argChoices, defaultValue, negate }: Option): string {
  const choices = argChoices === undefined ? "" : `: ${argChoices.join(", ")}`;
  return defaultValue === undefined || negate ? choices : `${choices} (${String(defaultValue)})`;
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function markdownTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

describe("all documents", () => {
  it("link to files that exist", () => {
    const broken = MARKDOWN.flatMap((file) => {
      const links = [...read(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? "");
      const relative = links.filter((link) => !/^(https?:|mailto:|#)/.test(link));
      const missing = relative.filter((link) => !existsSync(join(ROOT, dirname(file), link.split("#")[0] ?? "")));
      return missing.map((link) => `${file}: ${link}`);
    });
    expect(broken).toEqual([]);
  });

  it("name only scripts that package.json has, and files of bench/ that exist", () => {
    const wrong = MARKDOWN.flatMap((file) => {
      const text = read(file);
      const scripts = [...text.matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)].map(([, name]) => name ?? "");
      const programs = [...text.matchAll(/\bnode (bench\/[\w.-]+)/g)].map(([, name]) => name ?? "");
      return [
        ...scripts.filter((name) => !(name in manifest.scripts)),
        ...programs.filter((name) => !existsSync(join(ROOT, name))),
      ].map((name) => `${file}: ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  it("name only commands that the program has", () => {
    const known = program.commands.map((command) => command.name());
    const wrong = MARKDOWN.flatMap((file) => {
      // Commands stand in code: at the beginning of it, after a prompt, or after npx.
      const named = [...read(file).matchAll(/(?:^|`|\$ |npx )fireflies ([a-z][\w-]*)/gm)].map(([, name]) => name ?? "");
      return named.filter((name) => !known.includes(name)).map((name) => `${file}: fireflies ${name}`);
    });
    expect(wrong).toEqual([]);
  });
});

describe("README.md", () => {
  it("shows the program of examples/hello.ts, which test/package/ runs as it stands", () => {
    const [, program] = /```js\n(.*?)```/s.exec(read("README.md")) ?? [];
    expect(program).toBe(read("examples/hello.ts"));
  });

  it("has the two commands that a newcomer starts with, word for word", () => {
    expect(read("README.md").split("\n")).toEqual(
      expect.arrayContaining(["npm ci && npm run demo", "npm ci && npm test"]),
    );
  });
});

describe("docs/architecture.md", () => {
  it("is a page, with the headings of docs/rooms.md", () => {
    const page = read("docs/architecture.md").split("\n");
    const headings = (lines: readonly string[]) => lines.filter((line) => line.startsWith("## "));
    expect(page.length).toBeLessThanOrEqual(PAGE_LINES_MAX);
    expect(headings(page).filter((heading) => heading !== "## Rooms")).toEqual(
      headings(read("docs/rooms.md").split("\n")),
    );
  });
});

describe("docs/rooms.md", () => {
  it("names the job of each dependency", () => {
    const text = read("docs/rooms.md");
    expect(Object.keys(manifest.dependencies).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("CHANGELOG.md", () => {
  it("has a section for the version of package.json", () => {
    expect(read("CHANGELOG.md")).toMatch(new RegExp(`^## ${manifest.version.replaceAll(".", "\\.")}\\b`, "m"));
  });
});
