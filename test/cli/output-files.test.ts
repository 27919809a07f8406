/**
 * Commands that write a file, at every kind of path: a file, nothing yet, a device, a FIFO, a link, standard output, a full disk,
 * nowhere. What is no file is written into or refused, and stays what it was; each failure is one line with a code.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority, restoreAuthority } from "../../ca/index.js";
import { saveIdentity } from "../../identity/index.js";
import { typed } from "../support/typed.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const COMMANDS: Readonly<Record<string, (file: string) => string[]>> = {
  backup: (file) => ["ca", "backup", file, "--dir", "ca"],
  "root export": (file) => ["ca", "root", "export", "--out", file, "--dir", "ca"],
  crl: (file) => ["ca", "crl", "--out", file, "--dir", "ca"],
  "export-p12": (file) => ["export-p12", "--dir", "alice", "--out", file],
  "sim --report": (file) => ["sim", "--members", "3", "--seconds", "1", "--no-shrink", "--report", file],
};
const env = { FIREFLIES_EXPORT_PASSPHRASE: "five random words will do" };
/** One line for people. */
const FAILURE = /^error: [ -~]+ \(output-failed\)(\n|\n[ -~]+\n)$/;

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "fireflies-outputs-"));
  const authority = await CertificateAuthority.open({ directory: join(cwd, "ca"), numRings: 3 });
  await saveIdentity(join(cwd, "alice"), await authority.createIdentity({ principal: "alice" }));
  await authority.operator.revokePrincipal("alice"); // So that there is a list.
  await authority.close();
  mkdirSync(join(cwd, "directory"));
  symlinkSync("nowhere", join(cwd, "dangling"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe.each(Object.entries(COMMANDS))("%s", (name, args) => {
  const to = (file: string) => typed(args(file), { cwd, env });
  const file = `new-${name.replaceAll(" ", "-")}`;

  it("makes a file, and leaves nothing beside it", async () => {
    expect(await to(file)).toMatchObject({ code: 0, stderr: "" });
    expect(statSync(join(cwd, file)).size).toBeGreaterThan(0);
    expect(readdirSync(cwd).filter((each) => each.includes(".tmp"))).toEqual([]);
  });

  it.each(["/dev/null", "/dev/stderr"])("writes into %s, which stays a device", async (device) => {
    const { code } = await to(device);
    expect(code).toBe(name === "sim --report" && device === "/dev/stderr" ? 2 : 0);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    expect(lstatSync("/dev/stderr").isSymbolicLink()).toBe(true);
  });

  it("writes into a FIFO, which stays one", async () => {
    const path = join(cwd, `fifo-${file}`);
    execFileSync("mkfifo", [path]);
    const reader = buffer(spawn("cat", [path]).stdout);
    expect(await to(path)).toMatchObject({ code: 0, stderr: "" });
    expect((await reader).length).toBeGreaterThan(0);
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  it.each(["directory", "dangling", "nowhere/file", "/dev/full"])(
    "at %s says in one line that it cannot",
    async (path) => {
      const { code, stderr } = await to(path);
      expect([code, stderr]).toEqual([7, expect.stringMatching(FAILURE)]);
      expect(existsSync(join(cwd, "nowhere"))).toBe(false);
      expect(lstatSync(join(cwd, "dangling")).isSymbolicLink()).toBe(true);
      expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
    },
  );
});

describe("standard output", () => {
  it.each(["-", "/dev/stdout"])("as %s has the content alone; the words go to standard error", async (file) => {
    const { code, stdout, stderr } = await typed(COMMANDS["root export"]!(file), { cwd, env });
    expect([code, stdout]).toEqual([0, readFileSync(join(cwd, "ca", "root.key.pem"), "utf8")]);
    expect(stderr).toContain("The root's key was copied to ");
  });

  it("is refused for a report: the words of the run are there", async () => {
    expect(await typed(COMMANDS["sim --report"]!("-"), { cwd })).toMatchObject({ code: 2, stdout: "" });
  });

  it("takes a backup that is whole, from a process, and refuses what cannot be written there", async () => {
    const shell = (line: string) => execFileSync("sh", ["-c", line], { cwd, stdio: ["ignore", "pipe", "ignore"] });
    const command = `'${process.execPath}' '${MAIN}' ca backup - --with-keys --dir ca`;
    shell(`${command} > through-a-shell`);
    const result = await restoreAuthority({
      directory: join(cwd, "again"),
      path: join(cwd, "through-a-shell"),
      acceptLoss: true,
    });
    expect(result).toMatchObject({ keysMissing: [] });
    expect(String(shell(`${command} > /dev/full; echo $?`))).toBe("7\n");
  });
});
