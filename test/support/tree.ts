/** The source tree as data, and copies of it that a test may break. */
import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
/** What git lists of one tree is far below this, in bytes. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** All files that are or would be committed, relative to the root. */
export const FILES: readonly string[] = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
  cwd: ROOT,
  encoding: "utf8",
  maxBuffer: OUTPUT_BYTES_MAX,
})
  .split("\0")
  .filter((file) => file !== "" && existsSync(join(ROOT, file)));

export const GENERATED = "client/generated/";
export const ROOMS = [
  "rings",
  "gossip",
  "topics",
  "sim",
  "identity",
  "rdv",
  "ops",
  "dashboard",
  "net",
  "ca",
  "client",
  "services",
  "testing",
  "cli",
] as const;

/** What `npm run build` compiles, room by room. Other tests write beside these. */
const BUILT = [...ROOMS, "examples", "bundle"].map((room) => `dist/${room}`);

/** Files of our own hand in these folders, with one of these endings. */
export function filesIn(folders: readonly string[], ...endings: readonly string[]): string[] {
  return FILES.filter(
    (file) =>
      folders.some((folder) => file.startsWith(`${folder}/`)) &&
      endings.some((ending) => file.endsWith(ending)) &&
      !file.startsWith(GENERATED),
  );
}

export function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** A copy in a temporary directory, with the dependencies of this one. */
export class TreeCopy {
  readonly root = mkdtempSync(join(tmpdir(), "ff-tree-"));

  /** With `isBuilt` it has what was compiled as well: a build looks at what differs only. */
  constructor({ isBuilt = false } = {}) {
    for (const file of [...FILES, ...(isBuilt ? BUILT : [])]) {
      const target = join(this.root, file);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(ROOT, file), target, { recursive: true, preserveTimestamps: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(this.root, "node_modules"));
  }

  build(): Promise<Outcome> {
    return this.#run("typescript/bin/tsc", ["-b"]);
  }

  lint(...files: readonly string[]): Promise<Outcome> {
    return this.#run("@biomejs/biome/bin/biome", ["check", "--error-on-warnings", ...files]);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #run(script: string, args: readonly string[]): Promise<Outcome> {
    return runNode([join(ROOT, "node_modules", script), ...args], this.root);
  }
}

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a Node script to its end; what it prints on either stream is one text. */
export function runNode(args: readonly string[], cwd: string): Promise<Outcome> {
  const options = { cwd, encoding: "utf8", maxBuffer: OUTPUT_BYTES_MAX } as const;
  return new Promise((done) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      done({ code, output: stdout + stderr });
    });
  });
}
