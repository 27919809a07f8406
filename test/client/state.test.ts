/** The member's directory: what a crash, a torn write or a second process does to it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
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
import { join } from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  claimControlPath,
  findControlPath,
  releaseControlPath,
  SOCKET_PATH_BYTES_MAX,
} from "../../client/state/control-path.js";
import { StateDirectory } from "../../client/state/directory.js";
import {
  decodeStatements,
  encodeStatements,
  STATEMENT_BYTES_MAX,
  STATEMENTS_MAX,
} from "../../client/state/known-members.js";
import { acquireLock } from "../../client/state/lock.js";
import { CORRUPT_KEPT_MAX, seal, unseal } from "../../client/state/sealed.js";
import { EPOCH_MAX } from "../../gossip/index.js";
import { SmallDisk } from "../support/small-disk.js";

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ff-state-"));
  dir = join(root, "member");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function withState<T>(use: (state: StateDirectory) => Promise<T>): Promise<T> {
  const state = await StateDirectory.open(dir);
  try {
    return await use(state);
  } finally {
    await state.close();
  }
}

describe("epoch mark (R10)", () => {
  it("is absent at first, and then what was saved", async () => {
    await withState(async (state) => {
      expect(await state.readEpoch()).toEqual({ kind: "absent" });
      await state.saveEpoch(1_764_000_000_000n);
    });
    await withState(async (state) => {
      expect(await state.readEpoch()).toEqual({ kind: "restored", value: 1_764_000_000_000n });
    });
    expect(statSync(join(dir, "epoch")).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  it("never falls, also when saves overlap or come after a restart", async () => {
    await withState((state) => Promise.all([5n, 9n, 7n].map((mark) => state.saveEpoch(mark))));
    await withState(async (state) => {
      expect(await state.readEpoch()).toEqual({ kind: "restored", value: 9n });
      await state.saveEpoch(3n);
      expect(await state.readEpoch()).toEqual({ kind: "restored", value: 9n });
    });
  });

  it("refuses what is no epoch", async () => {
    await withState(async (state) => {
      await expect(state.saveEpoch(-1n)).rejects.toThrow(RangeError);
      await expect(state.saveEpoch(EPOCH_MAX + 1n)).rejects.toThrow(RangeError);
      await state.saveEpoch(EPOCH_MAX);
    });
  });

  it("keeps the old mark when the disk takes nothing, and takes the next when it does", async () => {
    await withState(async (state) => {
      await state.saveEpoch(5n);
      rmSync(dir, { recursive: true });
      await expect(state.saveEpoch(6n)).rejects.toMatchObject({ code: "state-write-failed" });
      mkdirSync(dir, { mode: 0o700 });
      await state.saveEpoch(6n);
      expect(await state.readEpoch()).toEqual({ kind: "restored", value: 6n });
    });
  });
});

describe("torn and damaged files", () => {
  it("every cut and every flipped bit of a sealed file is noticed", () => {
    const file = seal("epoch", Buffer.from("1764000000000\n"));
    expect(unseal("epoch", file)).toMatchObject({ ok: true });
    expect(unseal("members", file)).toMatchObject({ ok: false });
    for (let length = 0; length < file.length; length++) {
      expect(unseal("epoch", file.subarray(0, length)).ok).toBe(false);
    }
    for (let bit = 0; bit < file.length * 8; bit++) {
      const damaged = Uint8Array.from(file);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(unseal("epoch", damaged).ok).toBe(false);
    }
  });

  it.each(["epoch", "members"] as const)(
    "a damaged %s is data, is kept aside, and the directory goes on",
    async (name) => {
      const read = (state: StateDirectory) => (name === "epoch" ? state.readEpoch() : state.readMembers());
      mkdirSync(dir, { mode: 0o700 });
      for (let round = 1; round <= CORRUPT_KEPT_MAX + 1; round++) {
        writeFileSync(join(dir, name), `damage ${round}`);
        const kept = join(dir, `${name}.corrupt-${Math.min(round, CORRUPT_KEPT_MAX)}`);
        await withState(async (state) => {
          expect(await read(state)).toEqual({ kind: "corrupt", reason: expect.any(String), kept });
          expect(readFileSync(kept, "utf8")).toBe(`damage ${round}`);
          expect(await read(state)).toEqual({ kind: "absent" });
        });
      }
    },
  );

  it("a sealed file whose content has no meaning is damage, too", async () => {
    mkdirSync(dir, { mode: 0o700 });
    writeFileSync(join(dir, "epoch"), seal("epoch", Buffer.from("99999999999999999999\n")));
    writeFileSync(join(dir, "members"), seal("members", Buffer.from([0, 0, 0, 9, 1])));
    await withState(async (state) => {
      expect(await state.readEpoch()).toMatchObject({ kind: "corrupt" });
      expect(await state.readMembers()).toMatchObject({ kind: "corrupt" });
    });
  });

  it("clears what a killed save left behind, and nothing else", async () => {
    mkdirSync(dir, { mode: 0o700 });
    writeFileSync(join(dir, "epoch.4242-00ff00ff.tmp"), "half");
    writeFileSync(join(dir, "notes.tmp"), "mine");
    writeFileSync(join(dir, "epoch"), seal("epoch", Buffer.from("7\n")));
    await withState(async (state) => expect(await state.readEpoch()).toEqual({ kind: "restored", value: 7n }));
    expect(readdirSync(dir).sort()).toEqual(["epoch", "notes.tmp"]);
  });

  it("says so when a file is there but cannot be read", async () => {
    mkdirSync(join(dir, "epoch"), { recursive: true, mode: 0o700 });
    chmodSync(dir, 0o700);
    await withState(async (state) => {
      await expect(state.readEpoch()).rejects.toMatchObject({ code: "state-unreadable" });
    });
  });
});

describe("known members", () => {
  it("come back in their order, byte by byte", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 }), (statements) => {
        expect(decodeStatements(encodeStatements(statements))?.map((s) => [...s])).toEqual(
          statements.map((s) => [...s]),
        );
      }),
    );
  });

  it("junk never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (junk) => {
        const statements = decodeStatements(junk);
        if (statements) expect([...encodeStatements(statements)]).toEqual([...junk]);
      }),
    );
  });

  it("are bounded in number and size", () => {
    const many = Array.from({ length: STATEMENTS_MAX + 5 }, () => Uint8Array.of(1));
    expect(decodeStatements(encodeStatements(many))).toHaveLength(STATEMENTS_MAX);
    const large = [new Uint8Array(STATEMENT_BYTES_MAX + 1), new Uint8Array(STATEMENT_BYTES_MAX), new Uint8Array(0)];
    expect(decodeStatements(encodeStatements(large))).toHaveLength(1);
    const bytes = Array.from({ length: 33 }, () => new Uint8Array(STATEMENT_BYTES_MAX));
    expect(encodeStatements(bytes).length).toBeLessThan(33_554_432);
  });

  it("of overlapping saves the newest is on disk in the end", async () => {
    const list = (n: number) => [Uint8Array.of(n), Uint8Array.of(n, n)];
    await withState(async (state) => {
      await Promise.all([1, 2, 3, 4].map((n) => state.saveMembers(list(n))));
      const restored = await state.readMembers();
      expect(restored.kind === "restored" && restored.value.map((s) => [...s])).toEqual([[4], [4, 4]]);
    });
  });

  it("a save that fails fails for everybody who waits for it", async () => {
    await withState(async (state) => {
      rmSync(dir, { recursive: true });
      const saves = await Promise.allSettled([1, 2, 3].map((n) => state.saveMembers([Uint8Array.of(n)])));
      expect(saves.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    });
  });
});

describe("lock: one process per directory", () => {
  it("refuses a second client of the same process, until the first has closed", async () => {
    const first = await StateDirectory.open(dir);
    await expect(StateDirectory.open(dir)).rejects.toMatchObject({ code: "state-in-use" });
    await first.close();
    await first.close();
    await withState(async () => {});
    expect(readdirSync(dir)).toEqual([]);
  });

  it("refuses to save after closing", async () => {
    const state = await StateDirectory.open(dir);
    await state.close();
    await expect(state.saveEpoch(1n)).rejects.toMatchObject({ code: "state-write-failed" });
    await expect(state.saveMembers([])).rejects.toMatchObject({ code: "state-write-failed" });
  });

  it("refuses while another process lives, and takes over from one that was killed", async () => {
    mkdirSync(dir, { mode: 0o700 });
    const other = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1e6)"]);
    try {
      await once(createInterface(other.stdout), "line");
      const lock = acquireLock(dir)!;
      const mine = JSON.parse(readFileSync(join(dir, "lock"), "utf8"));
      lock.release();
      const stat = readFileSync(`/proc/${other.pid}/stat`, "latin1");
      const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
      writeFileSync(join(dir, "lock"), JSON.stringify({ ...mine, nonce: "aa", pid: other.pid, start }));
      await expect(StateDirectory.open(dir)).rejects.toMatchObject({
        code: "state-in-use",
        message: expect.stringContaining(String(other.pid)),
      });
    } finally {
      other.kill("SIGKILL");
      await once(other, "exit");
    }
    await withState(async () => {});
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each([
    ["of a process that is gone", { pid: 2 ** 22 + 1 }],
    ["of an earlier process with my pid", { start: "1" }],
    ["of an earlier boot", { realm: "another" }],
    ["that nobody can read", "\u0000junk"],
    ["that is empty", ""],
  ])("takes over a lock %s", (_, change) => {
    mkdirSync(dir, { mode: 0o700 });
    const path = join(dir, "lock");
    acquireLock(dir);
    const mine = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, typeof change === "string" ? change : JSON.stringify({ ...mine, nonce: "bb", ...change }));
    const lock = acquireLock(dir)!;
    expect(() => acquireLock(dir)).toThrow(expect.objectContaining({ code: "state-in-use" }));
    lock.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it("continues a takeover that died half way, and refuses one that is under way", () => {
    mkdirSync(dir, { mode: 0o700 });
    const dead = { pid: 2 ** 22 + 1, start: "1", realm: "" };
    writeFileSync(join(dir, "lock"), JSON.stringify({ ...dead, nonce: "a1" }));
    writeFileSync(join(dir, "lock.after-a1"), JSON.stringify({ ...dead, nonce: "a2" }));
    const lock = acquireLock(dir)!;
    const mine = readFileSync(join(dir, "lock"), "utf8");
    expect(readdirSync(dir)).toEqual(["lock"]);
    lock.release();
    writeFileSync(join(dir, "lock"), JSON.stringify({ ...dead, nonce: "a1" }));
    writeFileSync(join(dir, "lock.after-a1"), mine);
    expect(() => acquireLock(dir)).toThrow(expect.objectContaining({ code: "state-in-use" }));
  });

  it("leaves somebody else's lock alone when it is released late", () => {
    mkdirSync(dir, { mode: 0o700 });
    const lock = acquireLock(dir)!;
    writeFileSync(join(dir, "lock"), JSON.stringify({ nonce: "cc", pid: 1, start: "", realm: "" }));
    lock.release();
    expect(existsSync(join(dir, "lock"))).toBe(true);
    rmSync(dir, { recursive: true });
    lock.release();
  });

  it("of ten processes that find a dead lock exactly one gets it", async () => {
    mkdirSync(dir, { mode: 0o700 });
    writeFileSync(join(dir, "lock"), JSON.stringify({ nonce: "dd", pid: 2 ** 22 + 1, start: "1", realm: "" }));
    const script = `
      const { acquireLock } = await import(${JSON.stringify(new URL("../../dist/client/state/lock.js", import.meta.url).href)});
      process.stdin.once("data", () => {
        try { acquireLock(${JSON.stringify(dir)}); console.log("got"); }
        catch (error) { console.log(error.code); }
        process.stdin.on("end", () => process.exit());
      });
      console.log("ready");`;
    const children = Array.from({ length: 10 }, () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
      return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
    });
    try {
      for (const { lines } of children) expect((await lines.next()).value).toBe("ready");
      for (const { child } of children) child.stdin.write("go\n");
      const results = await Promise.all(children.map(async ({ lines }) => (await lines.next()).value));
      expect(results.sort()).toEqual(["got", ...Array(9).fill("state-in-use")]);
    } finally {
      for (const { child } of children) child.kill("SIGKILL");
    }
  });

  it("refuses a directory that others may write to, and a file", async () => {
    mkdirSync(dir);
    for (const mode of [0o777, 0o770]) {
      chmodSync(dir, mode);
      await expect(StateDirectory.open(dir)).rejects.toMatchObject({ code: "directory-unsafe" });
    }
    writeFileSync(join(root, "file"), "");
    await expect(StateDirectory.open(join(root, "file"))).rejects.toMatchObject({ code: "state-unreadable" });
  });
});

describe("what is no file of ours", () => {
  const shapes = [
    ["a FIFO", (path: string) => execFileSync("mkfifo", ["-m", "600", path])],
    ["a directory", (path: string) => mkdirSync(path)],
    ["a symbolic link to /nowhere/there, where nothing is", (path: string) => symlinkSync("/nowhere/there", path)],
  ] as const;

  it.each(shapes)("as lock is told, and stays: %s", async (what, make) => {
    mkdirSync(dir);
    make(join(dir, "lock"));
    const message = `The directory ${dir} cannot be locked: ${join(dir, "lock")} is ${what}, no lock of ours.`;
    await expect(StateDirectory.open(dir)).rejects.toMatchObject({
      code: "state-unreadable",
      message,
      advice: "Remove it, if no other process uses the directory.",
    });
    expect(readdirSync(dir)).toEqual(["lock"]);
  });

  it.each(shapes)("as epoch mark or known members is told, and stays: %s", async (what, make) => {
    await withState(async (state) => {
      for (const name of ["epoch", "members"]) make(join(dir, name));
      for (const read of [() => state.readEpoch(), () => state.readMembers()]) {
        await expect(read()).rejects.toMatchObject({
          code: "state-unreadable",
          message: expect.stringContaining(what),
        });
      }
    });
    expect(readdirSync(dir).toSorted()).toEqual(["epoch", "members"]);
  });

  it.each(shapes)("as way to the control socket leads nowhere: %s", async (_, make) => {
    mkdirSync(dir);
    make(join(dir, "control.path"));
    expect(await findControlPath(dir)).toBe(join(dir, "control.sock"));
    await releaseControlPath(dir);
    expect(readdirSync(dir)).toEqual(["control.path"]);
  });

  it("as control socket is not removed when it is a directory", async () => {
    mkdirSync(join(dir, "control.sock"), { recursive: true });
    writeFileSync(join(dir, "control.sock", "mine"), "");
    await releaseControlPath(dir);
    const message = `${join(dir, "control.sock")}, where the control socket belongs, is a directory.`;
    await expect(claimControlPath(dir)).rejects.toMatchObject({ code: "state-unreadable", message });
    expect(readdirSync(join(dir, "control.sock"))).toEqual(["mine"]);
  });
});

describe.runIf(SmallDisk.isPossible)("a disk that takes nothing (needs root to mount it)", () => {
  it.each(["full", "read-only"] as const)("still lets what is there be read: %s", async (how) => {
    using disk = new SmallDisk();
    const place = join(disk.path, "member");
    const first = await StateDirectory.open(place);
    await first.saveEpoch(7n);
    await first.close();
    if (how === "full") disk.fill();
    else disk.readOnly();
    const alarms: string[] = [];
    const state = await StateDirectory.open(place, ({ code }) => alarms.push(code));
    expect(alarms).toEqual(["state-write-failed"]);
    expect(await state.readEpoch()).toEqual({ kind: "restored", value: 7n });
    await expect(state.saveEpoch(8n)).rejects.toMatchObject({ code: "state-write-failed" });
    await state.close();
    expect(readdirSync(place)).toEqual(["epoch"]);
  });

  it("is no way around the lock of a process that lives", async () => {
    using disk = new SmallDisk();
    const holder = await StateDirectory.open(join(disk.path, "member"));
    disk.fill();
    await expect(StateDirectory.open(join(disk.path, "member"))).rejects.toMatchObject({ code: "state-in-use" });
    await holder.close();
  });

  it("is locked as soon as it takes a file, unless somebody else came first", async () => {
    using disk = new SmallDisk();
    const place = join(disk.path, "member");
    mkdirSync(place);
    disk.fill();
    const [early, late] = [await StateDirectory.open(place), await StateDirectory.open(place)];
    disk.free();
    await early.saveEpoch(3n);
    await expect(late.saveEpoch(9n)).rejects.toMatchObject({ code: "state-in-use" });
    expect(await early.readEpoch()).toEqual({ kind: "restored", value: 3n });
    await Promise.all([early.close(), late.close()]);
  });
});

describe("control socket path", () => {
  it("lies in the directory when that is short", async () => {
    mkdirSync(dir);
    expect(await claimControlPath(dir)).toBe(join(dir, "control.sock"));
    expect(await findControlPath(dir)).toBe(join(dir, "control.sock"));
  });

  it("moves to a short private directory when the path is too long, can be bound, and leaves nothing behind", async () => {
    const long = join(root, "x".repeat(SOCKET_PATH_BYTES_MAX));
    mkdirSync(long);
    const path = await claimControlPath(long);
    expect(path.startsWith(join(tmpdir(), "ff-"))).toBe(true);
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
    expect(await findControlPath(long)).toBe(path);
    const server = createServer().listen(path);
    await once(server, "listening");
    // As after kill -9: the next claim finds the leftovers and clears them.
    const next = await claimControlPath(long);
    expect(existsSync(path)).toBe(false);
    await releaseControlPath(long);
    expect(existsSync(join(next, ".."))).toBe(false);
    expect(readdirSync(long)).toEqual([]);
    server.close();
  });

  it("follows no pointer that it has not written", async () => {
    const long = join(root, "y".repeat(SOCKET_PATH_BYTES_MAX));
    const victim = join(root, "victim");
    mkdirSync(long);
    mkdirSync(victim);
    writeFileSync(join(long, "control.path"), join(victim, "control.sock"));
    await releaseControlPath(long);
    expect(existsSync(victim)).toBe(true);
  });
});
