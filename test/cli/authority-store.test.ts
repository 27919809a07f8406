/** `fireflies ca network`, `backup` and `restore`, as somebody types them. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunningCommand } from "../support/command.js";
import { typed } from "../support/typed.js";

const PATIENT = { timeout: 120_000 };
let cwd: string;
const run = (line: string) => typed(line.split(" "), { cwd });
const json = async (line: string) => {
  const { code, stdout, stderr } = await run(`${line} --json`);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "fireflies-store-"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** As `curl --insecure`: the list proves itself. */
function fetchInsecure(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = get(url, { rejectUnauthorized: false }, (response) => text(response).then(resolve, reject));
    call.on("error", reject);
  });
}

it(
  "makes a second network, backs both up while one serves, and restores them with what was revoked since",
  PATIENT,
  async () => {
    const running = new RunningCommand(["ca", "--dir", "ca", "--port", "0", "--num-rings", "5"], { cwd });
    const { url } = await running.event("listening");
    expect(await json("ca network add second --dir ca --num-rings 7 --delta 0.5")).toMatchObject([
      { rings: 7, deltaMs: 500 },
    ]);
    expect((await run("ca network add Second --dir ca")).stderr).toContain("ca-options-invalid");
    expect(await json("ca network list --dir ca")).toMatchObject([
      { name: "default", rings: 5 },
      { name: "second", rings: 7 },
    ]);
    await json("ca sign alice --dir ca --out alice");
    const [there] = await json("ca sign alice --dir ca --network second --out other-alice");
    const [{ keysLeftOut }] = (await json("ca backup saved --dir ca")) as [Record<string, unknown>];
    expect(keysLeftOut).toEqual(["root.key.pem", "issuing.key.pem", "issuing-second.key.pem"]);
    expect(statSync(join(cwd, "saved")).mode & 0o777).toBe(0o600);
    expect((await run("ca revoke alice --dir ca")).code).toBe(0);
    const list = await fetchInsecure(`${String(url)}/v1/revocations`);
    await running.end("SIGKILL");
    expect(readFileSync(join(cwd, "ca", "ca.mark"), "utf8")).toContain('"weighty"');
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(cwd, "ca", `ca.db${suffix}`), { force: true });
    expect((await run("ca restore saved --dir ca")).stderr).toContain("ca-state-old");
    writeFileSync(join(cwd, "junk"), "junk");
    expect((await run("ca restore saved --dir ca --list junk --accept-loss")).stderr).toContain("ca-options-invalid");
    writeFileSync(join(cwd, "revocations.json"), list);
    const restored = await run("ca restore saved --dir ca --list revocations.json --accept-loss");
    expect(restored.stdout).toMatch(/^Restored to .*void\.\nFrom the lists: 1 revoked\.\n$/);
    expect((await run("ca sign alice --dir ca --out never")).stderr).toContain("principal-revoked");
    expect(await json("ca sign alice --dir ca --network second --out again")).toMatchObject([{ id: there!.id }]);
  },
);
