/** Completion of shells: every command and option of the program stands in it, and real shells take it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completionScript, SHELLS, type Shell } from "../../cli/completion/scripts.js";
import { type CompletedCommand, completionTable } from "../../cli/completion/table.js";
import { createProgram } from "../../dist/cli/program.js";
import { zshOffers } from "../support/zsh.js";

let table: readonly CompletedCommand[];

beforeAll(async () => {
  table = completionTable(await createProgram());
});

const has = (shell: string) => spawnSync(shell, ["-c", "exit 0"]).status === 0;

describe("the table", () => {
  it("has the commands, those below them, their options and what these take", () => {
    const at = (path: string) => table.find((row) => row.path === path)!;
    expect(at("").commands.map(({ name }) => name)).toEqual(expect.arrayContaining(["ca", "agent", "completion"]));
    expect(at("/ca").commands.map(({ name }) => name)).toEqual(expect.arrayContaining(["token", "revoke"]));
    const valueBehind = (path: string, flag: string) => at(path).options.find((option) => option.flag === flag)!.value;
    expect(valueBehind("/agent", "--dir")).toBe("directory");
    expect(valueBehind("/agent", "--config")).toBe("file");
    expect(valueBehind("/agent", "--log")).toEqual(["text", "json"]);
    expect(valueBehind("/members", "--json")).toBeUndefined();
    expect(valueBehind("/ping", "--count")).toBe("any");
    expect(at("/completion").words).toEqual(SHELLS);
  });
});

describe("bash", () => {
  it.each([
    ["fireflies me", ["members"]],
    ["fireflies ca tok", ["token", "tokens"]],
    ["fireflies ca token web --us", ["--uses"]],
    ["fireflies agent --log ", ["text", "json"]],
    ["fireflies --dir x completion f", ["fish"]],
  ])("completes `%s`", (line, expected) => {
    const words = line.split(" ");
    const typed = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}`;
    const script = `${completionScript("bash", table)}\n${typed}; _fireflies; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(expect.arrayContaining(expected));
  });
});

describe("each shell that is here", () => {
  const CHECK: Readonly<Record<Shell, string>> = { bash: "-n", zsh: "-n", fish: "--no-execute" };
  const folder = mkdtempSync(join(tmpdir(), "ff-completion-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  const written = (shell: Shell) => {
    const file = join(folder, shell);
    writeFileSync(file, completionScript(shell, table));
    return file;
  };

  it.each(SHELLS.filter(has))("%s reads its script", (shell) => {
    const { status, stderr } = spawnSync(shell, [CHECK[shell], written(shell)], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  describe.runIf(has("zsh"))("zsh (needs the Debian package zsh)", () => {
    it.each([
      ["fireflies me", ["members"]],
      ["fireflies ca tok", ["token", "tokens"]],
      ["fireflies ca token web --us", ["--uses"]],
      ["fireflies agent --log ", ["text", "json"]],
      ["fireflies agent --log j", ["json"]],
      ["fireflies --dir x completion f", ["fish"]],
      ["fireflies agent --config _fire", ["_fireflies"]],
      ["fireflies send bob _fire", ["_fireflies"]],
    ])("completes `%s` on a press of Tab, and offers nothing else", (line, expected) => {
      for (const installed of ["fpath", "sourced"] as const)
        expect(zshOffers(completionScript("zsh", table), line, installed)).toEqual({ words: expected, problems: "" });
    });
  });

  it.runIf(has("fish"))("fish completes commands, options and their values (needs fish)", () => {
    const asked = (line: string) => `complete -C '${line}'`;
    const script = `source ${written("fish")}; ${["fireflies ca tok", "fireflies agent --log "].map(asked).join("; ")}`;
    const { stdout, stderr } = spawnSync("fish", ["--no-config", "-c", script], { encoding: "utf8" });
    expect(stderr).toBe("");
    const offered = stdout.split("\n").map((line) => line.split("\t")[0]);
    expect(offered).toEqual(expect.arrayContaining(["token", "tokens", "text", "json"]));
  });
});
