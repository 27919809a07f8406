/** Directories that are made, or refused because others may change what is in them. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readSecret } from "../../identity/files/files.js";
import {
  exposureOf,
  holderOf,
  makeDirectory,
  readText,
  requireOwnDirectory,
  takeDirectory,
} from "../../identity/index.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ff-own-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (...parts: readonly string[]) => join(root, ...parts);

describe("a directory is made", () => {
  it("with all above it, for its owner alone, and taken as it is when it is there", async () => {
    const umask = process.umask(0);
    await makeDirectory(at("a/b/c")).finally(() => process.umask(umask));
    for (const part of ["a", "a/b", "a/b/c"]) expect(statSync(at(part)).mode & 0o777).toBe(0o700);
    await makeDirectory(at("a/b/c"));
    await makeDirectory("/");
    symlinkSync(at("a"), at("link"));
    await makeDirectory(at("link/d"));
    expect(statSync(at("a/d")).isDirectory()).toBe(true);
  });

  it("or what is in the way is named", async () => {
    writeFileSync(at("file"), "");
    symlinkSync("/nowhere/there", at("dangling"));
    symlinkSync(at("loop"), at("loop"));
    execFileSync("mkfifo", [at("fifo")]);
    await expect(makeDirectory(at("file"))).rejects.toThrow("file is a file, not a directory");
    await expect(makeDirectory(at("file/x"))).rejects.toThrow("ENOTDIR");
    await expect(makeDirectory(at("dangling"))).rejects.toThrow("a symbolic link to /nowhere/there, where nothing is");
    await expect(makeDirectory(at("loop"))).rejects.toThrow("loop is a symbolic link, not a directory");
    await expect(makeDirectory(at("fifo"))).rejects.toThrow("fifo is a FIFO, not a directory");
    await expect(makeDirectory("/dev/null")).rejects.toThrow("/dev/null is a device, not a directory");
    await expect(makeDirectory(at("x".repeat(300)))).rejects.toThrow("ENAMETOOLONG");
  });

  it.runIf(process.platform === "linux")("or refused at once where nothing can be made (needs /proc)", async () => {
    for (const path of ["/proc/x", "/proc/x/y/z", "/proc/self/fd/7777/x"]) {
      await expect(makeDirectory(path)).rejects.toThrow("ENOENT");
      const taken = takeDirectory(path, "member", "state-unreadable");
      await expect(taken).rejects.toMatchObject({ code: "state-unreadable" });
    }
  });
});

describe("a directory is exposed", () => {
  const own = () => join(root, "above/below/own");

  it.each([
    [0o755, undefined],
    [0o775, undefined],
    [0o1777, undefined],
    [0o777, "may be written by everybody (mode 777)"],
  ])("by what is above it: %o", async (mode, why) => {
    await makeDirectory(own());
    chmodSync(join(root, "above"), mode);
    const found = await exposureOf(own());
    if (why === undefined) expect(found).toBeUndefined();
    else
      expect(found).toMatchObject({
        code: "directory-exposed",
        message: expect.stringContaining(`above, above ${own()}, ${why}`),
      });
  });

  it("when the group that may write is not this process's, or the owner is another user", async () => {
    await makeDirectory(own());
    chmodSync(join(root, "above"), 0o775);
    const { gid, uid } = statSync(join(root, "above"));
    {
      using _ = vi.spyOn(process, "getegid").mockReturnValue(gid + 1);
      expect((await exposureOf(own()))?.message).toContain(`may be written by group ${gid}`);
    }
    using _ = vi.spyOn(process, "geteuid").mockReturnValue(uid + 1);
    const found = await exposureOf(own());
    if (uid === 0) expect(found).toBeUndefined();
    else expect(found?.message).toContain(`belongs to user ${uid}`);
  });
});

describe("a directory is safe", () => {
  it.each([
    [0o700, undefined],
    [0o755, undefined],
    [0o720, "its group (mode 720)"],
    [0o775, "its group (mode 775)"],
    [0o702, "everybody (mode 702)"],
    [0o777, "everybody (mode 777)"],
  ])("when nobody else may write to it: %o", async (mode, who) => {
    chmodSync(root, mode);
    const checked = requireOwnDirectory(root);
    if (who === undefined) await checked;
    else
      await expect(checked).rejects.toMatchObject({ code: "directory-unsafe", message: expect.stringContaining(who) });
  });

  it("when it is its user's, also when that is root", async () => {
    const { uid } = statSync(root);
    using _ = vi.spyOn(process, "geteuid").mockReturnValue(uid + 1);
    const message = `The directory ${root} belongs to user ${uid}, and this process runs as user ${uid + 1}.`;
    await expect(requireOwnDirectory(root)).rejects.toMatchObject({ code: "directory-unsafe", message });
  });

  it("when it is not the other one's", async () => {
    expect(await holderOf(at("nowhere"))).toBeUndefined();
    for (const [file, holder] of [
      ["key.next.pem", "member"],
      ["certificate.pem", "member"],
      ["issuing.pem", "authority"],
    ] as const) {
      mkdirSync(at(file));
      writeFileSync(at(file, file), "");
      writeFileSync(at(file, "root.pem"), "");
      expect(await holderOf(at(file))).toBe(holder);
      const [right, wrong] =
        holder === "member" ? (["member", "authority"] as const) : (["authority", "member"] as const);
      await takeDirectory(at(file), right, "state-unreadable");
      await expect(takeDirectory(at(file), wrong, "ca-state-unreadable")).rejects.toMatchObject({
        code: "ca-state-unreadable",
      });
    }
  });
});

describe("a file of ours", () => {
  it.each([
    ["a FIFO", () => execFileSync("mkfifo", ["-m", "600", at("f")])],
    ["a directory", () => mkdirSync(at("f"))],
    ["a symbolic link to /nowhere/there, where nothing is", () => symlinkSync("/nowhere/there", at("f"))],
    ["a device", () => symlinkSync("/dev/zero", at("f"))],
  ])("is read when it is a file, and never opened when it is %s", async (what, make) => {
    make();
    await expect(readText(at("f"))).rejects.toThrow(`${at("f")} is ${what}`);
  });

  it("or, of a secret that an operator names, a pipe, as the shell's <(command)", async () => {
    execFileSync("mkfifo", ["-m", "600", at("pipe")]);
    const secret = readSecret(at("pipe"));
    await writeFile(at("pipe"), "hunter2\n");
    expect(await secret).toBe("hunter2\n");
  });
});
