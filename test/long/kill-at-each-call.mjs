// See kill-at-each-call.sh.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CertificateAuthority } from "../../dist/ca/index.js";
import { decodeToken } from "../../dist/identity/index.js";

const CHILD = fileURLToPath(new URL("../ca/issuing-child.js", import.meta.url));
/** What changes files. Reading them loses nothing. */
const CALLS = ["pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate", "openat"];
const [first = 1, last = 60, step = 1] = process.argv.slice(2).map(Number);
const RUN_MS = 60_000;
/** A run that gets so far does not make that call often enough to be killed by it. */
const ISSUED_MAX = 12;

/** Runs the child until strace kills it at the n-th `call` on a file of `directory`; what it said until then. */
const runAndKill = (directory, call, n) => {
  const log = join(directory, "..", "said");
  const traced = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${n}`];
  const paths = ["ca.db", "ca.db-wal", "ca.db-shm", "ca.mark"].flatMap((name) => ["-P", join(directory, name)]);
  const child = [process.execPath, CHILD, directory, "member", String(ISSUED_MAX)];
  const command = ["strace", ...traced, ...paths, ...child].map((word) => `'${word}'`).join(" ");
  const { status, signal } = spawnSync("bash", ["-c", `${command} > '${log}'`], { timeout: RUN_MS });
  const lines = readFileSync(log, "utf8").split("\n").slice(0, -1);
  return { lines: lines.map((line) => JSON.parse(line)), isKilled: signal !== null || status === 137 };
};

/** Each token buys its certificate again, and the one that was told, if one was; ids stay. */
const requireAll = async (directory, said, ids) => {
  const authority = await CertificateAuthority.open({ directory });
  const told = new Map(said.filter(({ event }) => event === "issued").map((line) => [line.token, line]));
  for (const { token, request, principal } of said.filter(({ event }) => event === "token")) {
    const admission = { kind: "token", secret: decodeToken(token).secret };
    const got = await authority.enroll({ admission, request: Buffer.from(request, "base64"), addresses: [] });
    const revealed = told.get(token);
    if (revealed !== undefined && Buffer.from(got.leaf).toString("base64") !== revealed.leaf)
      throw new Error("a certificate that was told is not on record");
    if ((ids.get(principal) ?? got.id) !== got.id) throw new Error(`${principal} got another id`);
    ids.set(principal, got.id);
  }
  await authority.close();
  return told.size;
};

const root = mkdtempSync(join(tmpdir(), "fireflies-kill-"));
let [kills, certificates] = [0, 0];
try {
  for (const call of CALLS) {
    const directory = join(root, call, "ca");
    await CertificateAuthority.open({ directory }).then((authority) => authority.close());
    const ids = new Map();
    for (let n = first; n <= last; n += step) {
      const { lines, isKilled } = runAndKill(directory, call, n);
      certificates += await requireAll(directory, lines, ids);
      if (!isKilled) break;
      kills++;
    }
    console.log(`${call.padEnd(10)} ${kills} kills so far, ${certificates} certificates told and found again`);
  }
  console.log(
    `ok: ${kills} kills, ${certificates} certificates told, every one on record, every token one certificate`,
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}
