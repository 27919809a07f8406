/** Files that an operator names: written whole or not at all, written through, or refused; what is no file is never replaced by one. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FirefliesError } from "../../identity/errors/error.js";
import { checkOutput, writeOutput } from "../../identity/files/output-file.js";

let root: string;
let path: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ff-output-"));
  path = join(root, "file");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const mode = 0o600;
const write = (to: string | Writable, content = "new", isNew = false) => writeOutput(to, content, { mode, isNew });
const failing = async (what: Promise<unknown>) =>
  await what.then(
    () => undefined,
    (error: FirefliesError) => ({ code: error.code, message: error.message }),
  );
async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const each of texts) yield Buffer.from(each);
}

describe("a file", () => {
  it("is made with its mode, whatever the umask, at once or as it comes", async () => {
    const umask = process.umask(0o277);
    await write(path).finally(() => process.umask(umask));
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["new", mode]);
    await writeOutput(path, pieces("a", "b", "c"), { mode: 0o644 });
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["abc", 0o644]);
    expect(readdirSync(root)).toEqual(["file"]);
  });

  it("stays as it was when its content fails, and that error passes", async () => {
    writeFileSync(path, "old");
    const fault = new FirefliesError("ca-state-corrupt");
    async function* content() {
      yield Buffer.from("new");
      throw fault;
    }
    await expect(writeOutput(path, content(), { mode })).rejects.toBe(fault);
    expect([readFileSync(path, "utf8"), readdirSync(root)]).toEqual(["old", ["file"]]);
  });

  it("that exists is refused where it must be new, also one that is made at that moment", async () => {
    async function* content() {
      writeFileSync(path, "of somebody else");
      yield Buffer.from("mine");
    }
    const refusal = { code: "output-failed", message: `${path} exists.` };
    expect(await failing(writeOutput(path, content(), { mode, isNew: true }))).toEqual(refusal);
    expect(await failing(write(path, "mine", true))).toEqual(refusal);
    expect(await failing(checkOutput(path, { isNew: true }))).toEqual(refusal);
    expect([readFileSync(path, "utf8"), readdirSync(root)]).toEqual(["of somebody else", ["file"]]);
  });

  it.each([
    ["an authority", "ca.db"],
    ["a member", "key.pem"],
  ])("among those of %s is never replaced, nor made where one of them may be", async (holder, own) => {
    const [theirs, link] = [join(root, own), join(root, "..", `${basename(root)}.link`)];
    writeFileSync(theirs, "precious");
    symlinkSync(theirs, link);
    try {
      for (const each of [theirs, join(root, "other"), link]) {
        const failure = await failing(write(each));
        expect(failure).toMatchObject({ code: "output-failed", message: expect.stringContaining(`of ${holder}`) });
      }
      await write(join(root, "new"), "mine", true);
    } finally {
      rmSync(link);
    }
    expect(readdirSync(root).toSorted()).toEqual([own, "new"].toSorted());
    expect(readFileSync(theirs, "utf8")).toBe("precious");
  });

  it.each(["nowhere/file", "file/below"])("at %s cannot be written, in one sentence", async (where) => {
    writeFileSync(path, "");
    const to = join(root, where);
    const error = await failing(write(to));
    expect(error).toMatchObject({
      code: "output-failed",
      message: expect.stringContaining(`${to} could not be written: E`),
    });
  });
});

describe("a symbolic link", () => {
  it("is written through: the file that it names is replaced, and the link stays", async () => {
    writeFileSync(join(root, "behind"), "old");
    symlinkSync("behind", path);
    await write(path);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(root, "behind"), "utf8")).toBe("new");
    expect(await failing(write(path, "again", true))).toEqual({ code: "output-failed", message: `${path} exists.` });
  });

  it("that leads nowhere is refused, and nothing is made", async () => {
    symlinkSync("nowhere", path);
    const message = `${path} is a symbolic link to nowhere, where nothing is. Nothing was written.`;
    expect(await failing(write(path))).toEqual({ code: "output-failed", message });
    expect(readdirSync(root)).toEqual(["file"]);
  });

  it("of another user is refused", async () => {
    writeFileSync(join(root, "behind"), "old");
    symlinkSync("behind", path);
    if (process.geteuid?.() === 0) lchownSync(path, 4_711, 4_711); // Root trusts its own links only.
    const owned = process.geteuid!;
    process.geteuid = () => 1;
    const error = await failing(write(path)).finally(() => {
      process.geteuid = owned;
    });
    expect(error?.message).toContain("a symbolic link of another user");
    expect(readFileSync(join(root, "behind"), "utf8")).toBe("old");
  });
});

describe("what is no file", () => {
  it("a device is written into, and stays one", async () => {
    symlinkSync("/dev/null", path);
    for (const device of ["/dev/null", path]) await write(device);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
  });

  it("a full device is one error", async () => {
    const error = await failing(write("/dev/full"));
    expect(error).toEqual({
      code: "output-failed",
      message: expect.stringMatching(/^\/dev\/full could not be written: ENOSPC/),
    });
    expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
  });

  it("a FIFO is written into, once somebody reads, more than it holds at once", async () => {
    execFileSync("mkfifo", [path]);
    const content = "x".repeat(200_000);
    const written = write(path, content);
    const reader = spawn("cat", [path]);
    const read = text(reader.stdout);
    await written;
    expect((await read) === content).toBe(true);
    // A reader that goes away is one error, and no wait.
    const gone = failing(write(path, content));
    const other = spawn("head", ["-c", "1", path]);
    await once(other, "exit");
    expect(await gone).toMatchObject({ code: "output-failed", message: expect.stringContaining("EPIPE") });
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  it("a directory and a socket are refused", async () => {
    const sentence = "Nothing was written.";
    expect(await failing(write(root))).toEqual({
      code: "output-failed",
      message: `${root} is a directory. ${sentence}`,
    });
    const server = createServer().listen(path);
    await once(server, "listening");
    expect(await failing(write(path))).toEqual({ code: "output-failed", message: `${path} is a socket. ${sentence}` });
    expect(lstatSync(path).isSocket()).toBe(true);
    server.close();
  });
});

describe("a stream", () => {
  it("gets all of it, slowly if it likes, and stays open", async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const written = writeOutput(stream, pieces("a", "b", "c"), { mode }).then(() => stream.end());
    expect(await text(stream)).toBe("abc");
    await written;
  });

  it("that fails is one error", async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("no room")) });
    stream.on("error", () => {});
    const message = "The output could not be written: no room.";
    expect(await failing(write(stream))).toEqual({ code: "output-failed", message });
  });
});

it("a check says the same before anything is written", async () => {
  mkdirSync(join(root, "dir"));
  chmodSync(root, 0o700);
  expect(await failing(checkOutput(join(root, "dir")))).toMatchObject({ code: "output-failed" });
  await checkOutput(path, { isNew: true });
  expect(existsSync(path)).toBe(false);
});
