/** Habits of the source tree that no compiler or linter holds. Each says what to do. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../identity/errors/codes.js";
import { FILES, filesIn, GENERATED, ROOMS, ROOT, read } from "../support/tree.js";

const LINES_MAX = 600;
/** Longer files, and why they may be. */
const LONG_FILES: Readonly<Record<string, string>> = {
  "test/gossip/rules/member.test.ts": "Rules R9 to R19 in the order of docs/protocol.md, one section of that page.",
};
/** Tests that wait for real time, and why they must. */
const WAITING_FILES: Readonly<Record<string, string>> = {
  "test/client/dying-paths.test.ts": "handlers and dials take time, on a clock of the test's own",
  "test/processes/overlay.test.ts":
    "SIGSTOP for 2 s, and then that nobody is removed: nothing tells of what does not happen.",
  "test/cli/processes.test.ts": "A second signal counts as another wish only when a second has passed.",
  "test/support/shared-process.ts": "No event tells that the sockets of the file before have closed.",
  "test/client/client-streams.test.ts": "That a figure stays as it is: no event tells of that.",
};
const EVERYWHERE = [...ROOMS, "examples", "test", "bench"];
/** The table of error codes: meanings and remedies. */
const CODE_TABLES = ["identity/errors/codes.ts", "identity/errors/command-codes.ts"];
const CODE = [".ts", ".mjs", ".js"];

/** Lines of these files that match, as "file:line: text". */
function linesWith(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

describe("source files", () => {
  it(`have at most ${LINES_MAX} lines, but for those that say why`, () => {
    const long = filesIn(EVERYWHERE, ...CODE).filter((file) => read(file).split("\n").length > LINES_MAX);
    expect(long.toSorted()).toEqual(Object.keys(LONG_FILES).toSorted());
  });

  it("begin with what they are", () => {
    const silent = filesIn(ROOMS, ".ts").filter((file) => !/^(#!.*\n)?(\/\*\*|\/\/)/.test(read(file)));
    // The entry of the command is its shebang and three lines.
    expect(silent.filter((file) => file !== "cli/main.ts")).toEqual([]);
  });

  it("use no `export *`, no enum, no namespace and no decorator", () => {
    const pattern = /^\s*export \*|^\s*(export |declare |const )*(enum|namespace) \w|^\s*@[A-Za-z]\w*(\(.*\))?\s*$/;
    expect(linesWith(filesIn(EVERYWHERE, ".ts"), pattern)).toEqual([]);
  });

  it("hold no promises for later: do it, or open an issue", () => {
    expect(linesWith(filesIn(EVERYWHERE, ...CODE), new RegExp(["TO", "DO|FIX", "ME|X", "XX"].join("")))).toEqual([]);
  });

  it("ask for no zone, no locale and no path in a URL's spelling: they are the machine's, not ours", () => {
    const pattern = new RegExp(
      [
        /\.[gs]et(Hours|Minutes|Date|Day|Month|FullYear|TimezoneOffset)\(|\.to(Date|Time)String\(|new Date\(\d+,/,
        /\.localeCompare\(|\.toLocale(Lower|Upper)Case\(|\.toLocale(Date|Time)?String\(\)/,
        /import\.meta\.url\)\.pathname/, // Blanks and umlauts are escaped there: fileURLToPath.
      ]
        .map(({ source }) => source)
        .join("|"),
    );
    expect(linesWith(filesIn(EVERYWHERE, ...CODE), pattern)).toEqual([]);
  });

  it("print nothing from a library", () => {
    const rooms = filesIn(["rings", "gossip", "identity", "rdv", "net", "ca", "client", "services", "testing"], ".ts");
    expect(linesWith(rooms, /\bconsole\.|process\.std(out|err)|process\.on\(/)).toEqual([]);
  });
});

describe("tests", () => {
  const tests = filesIn(["test"], ".test.ts");

  it("with a date of their own read no other clock: they would hold until that date is over", () => {
    const dated = filesIn(["test"], ".ts").filter((file) => /Date\.UTC\(|^import .*\bNOW\b/m.test(read(file)));
    expect(dated.length).toBeGreaterThan(10);
    expect(linesWith(dated, /Date\.now\(\)|new Date\(\)/)).toEqual([]);
  });

  it("are not skipped without a reason, in the title or beside it", () => {
    const skipped = linesWith(tests, /\b(it|test|describe)\.(skip|todo|only|fails|skipIf|runIf)\b/);
    expect(skipped.filter((line) => !/\/\/ \S|\((skipped|needs) /.test(line))).toEqual([]);
  });

  it("do not sleep, but for those that say why", () => {
    const sleeping = linesWith(
      filesIn(["test"], ".ts"),
      /\bsetTimeout\b.* from "node:timers\/promises"|setTimeout\((resolve|done|r), /,
    );
    expect(sleeping.filter((line) => !((line.split(":")[0] ?? "") in WAITING_FILES))).toEqual([]);
  });

  it("bind to port 0", () => {
    expect(linesWith(tests, /\blisten\((?:[1-9]\d*|\{[^}]*port: [1-9])/)).toEqual([]);
  });
});

describe("errors", () => {
  const code = filesIn(["gossip", "identity", "net", "ca", "client", "services", "cli"], ".ts").filter(
    (file) => !CODE_TABLES.includes(file),
  );
  const text = code.map(read).join("\n");

  it("say what is wrong in their text, and what to do in `advice`, the second field", () => {
    const verbs =
      "Ask|Bring|Call|Check|Choose|Compare|Copy|Correct|Create|Enrol|Find|Get|Give|Keep|Leave|Let|Look|Make|Move|" +
      "Paste|Put|Read|Register|Remove|Repeat|Replace|Restart|Restore|Run|Say|See|Send|Slow|Start|Stop|Take|Try|Turn|Use|Wait";
    // A sentence behind another one, in quotes, or after a colon. The comments of these files are free to tell readers what to do.
    const glued = new RegExp(`^[^*/]*["\`][^"\`]*([.!?] (${verbs})|: (${verbs.toLowerCase()})) `);
    const libraries = filesIn(["identity", "net", "ca", "client", "services"], ".ts");
    const found = [
      ...linesWith(
        libraries.filter((file) => !CODE_TABLES.includes(file) && !file.startsWith(GENERATED)),
        glued,
      ),
      ...linesWith(filesIn(["cli"], ".ts"), glued).filter((line) => /usage\(|FirefliesError\(/.test(line)),
    ];
    expect(found.filter((line) => !/advice|description: /.test(line))).toEqual([]);
  });

  it("each code of the table is used somewhere: remove those that nothing throws", () => {
    expect(Object.keys(ERROR_CODES).filter((name) => !text.includes(`"${name}"`))).toEqual([]);
  });
});

describe("the repository", () => {
  it("holds nothing that is built, and nothing large", () => {
    expect(FILES.filter((file) => /(^|\/)(dist|node_modules)\/|\.(tgz|tsbuildinfo|log)$/.test(file))).toEqual([]);
    const made = ["package-lock.json", "docs/agent-openapi.json", "docs/api/fireflies.md"];
    const isPicture = (file: string) => /^docs\/pictures\/.+\.webp$/.test(file);
    const large = FILES.filter((file) => !made.includes(file) && !file.startsWith(GENERATED) && !isPicture(file));
    expect(large.filter((file) => read(file).length > 100_000)).toEqual([]);
    const pictures = FILES.filter(isPicture).map((file) => statSync(join(ROOT, file)).size);
    expect(pictures.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_000_000);
  });

  it("holds no key and no path of somebody's machine", () => {
    const texts = FILES.filter((file) => file !== "package-lock.json");
    const private_ = ["BEGIN", "(EC )?PRIVATE KEY-----\n"].join(" ");
    const found = texts.filter((file) =>
      new RegExp(`${private_}[A-Za-z0-9+/]|/(home|Users)/[a-z]+/|/${"work"}/`).test(read(file)),
    );
    expect(found).toEqual([]);
  });
});
