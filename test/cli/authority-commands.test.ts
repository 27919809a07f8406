/** `fireflies ca passphrase`, `import`, `audit`, its log, and `export-p12`, as somebody types them. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askSecret } from "../../cli/prompt.js";
import { RunningCommand } from "../support/command.js";
import { typed } from "../support/typed.js";

const PATIENT = { timeout: 120_000 };
const OLD = "correct horse battery";
const NEW = "another battery staple";
let cwd: string;
const file = (name: string) => join(cwd, name);
const run = (line: string, env: Record<string, string> = {}) => typed(line.split(" "), { cwd, env });

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), "fireflies-commands-"));
  writeFileSync(file("passphrase"), `${OLD}\n`, { mode: 0o600 });
}, 60_000);
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe("an authority whose database says nothing", PATIENT, () => {
  it("ends when it is told to, and waits for nobody", async () => {
    const silent = createServer((socket) => socket.on("error", () => {}));
    const asked = once(silent, "connection");
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const store = `postgres://a@127.0.0.1:${(silent.address() as AddressInfo).port}/a`;
    const running = new RunningCommand(["ca", "--dir", "silent", "--port", "0", "--store", store], { cwd });
    await asked;
    expect(await running.end("SIGTERM")).toBe(130);
    expect(running.stderr).toContain('"code":"cancelled"');
    silent.close();
  });
});

describe("an authority under a passphrase", PATIENT, () => {
  it("starts with it from a file, tells everything as JSON, serves health and figures, and stops in good order", async () => {
    const args = [
      "ca",
      "--dir",
      "ca",
      "--port",
      "0",
      "--admin-port",
      "0",
      "--passphrase-file",
      "passphrase",
      "--log",
      "json",
    ];
    const running = new RunningCommand(args, { cwd });
    const { adminPort, url, time, level } = await running.event("listening");
    expect([typeof time, level]).toEqual(["string", "info"]);
    expect(await (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).text()).toBe('{"ok":true,"reasons":[]}');
    expect(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()).toContain("fireflies_ca_store_up 1");
    const token = await run("ca token alice --dir ca --passphrase-file passphrase");
    expect(token).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ff1\./) });
    const fleet = await run("ca token --uses 50 --name web-* --hours 2 --dir ca --passphrase-file passphrase --json");
    expect(JSON.parse(fleet.stdout)).toMatchObject({ token: expect.stringMatching(/^ff1\./), name: "web-*", uses: 50 });
    for (const whom of ["", " alice --name web-*", " web-* --uses 0", " web-* --uses 1.5"])
      expect(await run(`ca token${whom} --dir ca --passphrase-file passphrase`)).toMatchObject({ code: 2 });
    spawnSync("openssl", ["s_client", "-connect", String(url).slice(8)], {
      input: "GET /none HTTP/1.1\r\nhost: a\r\n\r\n",
    });
    expect(await running.end("SIGTERM")).toBe(0);
    expect(running.told.at(-1)).toMatchObject({ event: "stopped" });
    expect(running.told.map(({ event }) => event)).toEqual(expect.arrayContaining(["listening", "stopped"]));
    expect(readFileSync(file("ca/root.key.pem"), "utf8")).toContain("BEGIN ENCRYPTED PRIVATE KEY");
  });

  it("refuses without it, with a wrong one, and when others may read its file; each says what to do", async () => {
    expect(await run("ca token bob --dir ca")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/passphrase-required/),
    });
    const wrong = await run("ca token bob --dir ca", { FIREFLIES_CA_PASSPHRASE: "something else" });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/passphrase-wrong/) });
    chmodSync(file("passphrase"), 0o644);
    const open = await run("ca token bob --dir ca --passphrase-file passphrase");
    chmodSync(file("passphrase"), 0o600);
    expect(open).toMatchObject({ code: 1, stderr: expect.stringMatching(/key-file-permissions/) });
  });

  it("gets another one, also when the change was cut short, and none", async () => {
    const env = { FIREFLIES_CA_PASSPHRASE: OLD, FIREFLIES_CA_NEW_PASSPHRASE: NEW };
    const before = readFileSync(file("ca/root.key.pem"));
    expect(await run("ca passphrase --dir ca", env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/root\.key\.pem/),
    });
    writeFileSync(file("ca/root.key.pem"), before); // As a crash between the two files would leave them.
    expect((await run("ca passphrase --dir ca", env)).code).toBe(0);
    expect((await run("ca audit tail --dir ca", { FIREFLIES_CA_PASSPHRASE: NEW })).code).toBe(0);
    const short = await run("ca passphrase --dir ca", {
      ...env,
      FIREFLIES_CA_PASSPHRASE: NEW,
      FIREFLIES_CA_NEW_PASSPHRASE: "short",
    });
    expect(short).toMatchObject({ code: 1, stderr: expect.stringMatching(/passphrase-invalid/) });
    expect((await run("ca passphrase --dir ca --remove", { FIREFLIES_CA_PASSPHRASE: NEW })).code).toBe(0);
    expect(readFileSync(file("ca/root.key.pem"), "utf8")).toContain("BEGIN PRIVATE KEY");
  });
});

describe("the audit", PATIENT, () => {
  it("is printed, taken away, verified with and without the authority, and a change is found", async () => {
    const tail = await run("ca audit tail --dir ca -n 1 --json");
    expect(JSON.parse(tail.stdout)).toMatchObject({ kind: expect.any(String), hash: expect.any(String) });
    const first = await run("ca audit export --dir ca");
    writeFileSync(file("audit.jsonl"), first.stdout);
    expect((await run("ca audit verify audit.jsonl --root ca/root.pem")).code).toBe(0);
    expect((await run("ca audit verify --dir ca --since audit.jsonl")).code).toBe(0);
    writeFileSync(file("changed.jsonl"), first.stdout.replace("alice", "malice"));
    const changed = await run("ca audit verify changed.jsonl --dir ca");
    expect(changed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/entry \d+ was changed\. .*\(audit-broken\)/),
    });
    expect((await run("ca audit verify none.jsonl --dir ca")).stderr).toMatch(/cannot be read.*input-failed/);
  });
});

describe("an identity", PATIENT, () => {
  it("goes into a PKCS#12 file that openssl opens; never over a file that is there", async () => {
    expect((await run("ca sign alice --dir ca --out alice")).code).toBe(0);
    const env = { FIREFLIES_EXPORT_PASSPHRASE: OLD };
    expect((await run("export-p12 --dir alice --out alice.p12", env)).code).toBe(0);
    const args = ["pkcs12", "-in", file("alice.p12"), "-passin", `pass:${OLD}`, "-nodes"];
    const opened = spawnSync("openssl", args, { encoding: "utf8" });
    expect(opened.stdout.match(/BEGIN (CERTIFICATE|PRIVATE KEY)/g)?.length).toBe(4);
    expect((await run("export-p12 --dir alice --out alice.p12", env)).code).toBe(7);
    expect(await run("export-p12 --dir alice --out other.p12")).toMatchObject({
      stderr: expect.stringMatching(/passphrase-required/),
    });
  });
});

describe("an offline identity", PATIENT, () => {
  it("is not written among the keys of an authority, whatever the directory is called", async () => {
    symlinkSync(file("ca"), file("link"));
    // The database keeps files beside its own while it is open, and for a moment more.
    const names = () => readdirSync(file("ca")).filter((name) => !/-(shm|wal)$/.test(name));
    const before = names();
    for (const out of ["ca", "./ca/", "link", file("ca")]) {
      const refused = await run(`ca sign zoe --dir ca --out ${out}`);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("is the directory of an authority") });
    }
    expect(names()).toEqual(before);
    expect((await run("ca list --dir ca")).stdout).not.toContain("zoe");
  });
});

describe("a file or a directory that is none", PATIENT, () => {
  it("is refused before anything is signed, and it is said what is there", async () => {
    writeFileSync(file("plain"), "", { mode: 0o600 });
    for (const out of ["/dev/null", "plain", "plain/below"]) {
      const refused = await run(`ca sign zoe --dir ca --out ${out}`);
      expect(refused, out).toMatchObject({
        code: 7,
        stderr: expect.stringMatching(/No identity can be written to .*Nothing was signed\. \(output-failed\)/),
      });
    }
    expect((await run("ca list --dir ca")).stdout).not.toContain("zoe");
  });

  it.each([
    "ca rotate prepare --root-key",
    "ca root remove --copy",
    "ca crl --root --root-key",
    "ca network add second --root-key",
  ])("%s", async (line) => {
    for (const path of ["/dev/zero", "/dev/null", ".", "plain/below"]) {
      const refused = await run(`${line} ${path} --dir ca`);
      expect(refused, path).toMatchObject({ code: 7, stderr: expect.stringMatching(/\(input-failed\)\n$/) });
    }
  });
});

describe("a token for many", PATIENT, () => {
  it("is not made for names that nobody may have", async () => {
    const refused = await run("ca token --uses 5 --name *.fireflies.internal --dir ca");
    expect(refused.stderr).toMatch(/would admit nobody.*\(principal-reserved\)/);
  });
});

describe("an authority that exists already", PATIENT, () => {
  it("is imported as the root of a new one, and not into one that is there", async () => {
    const made = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "3650", "-subj", "/CN=Corporate root"];
    const usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", "root.key", "-out", "root.crt"];
    expect(spawnSync("openssl", [...made, ...usage], { cwd }).status).toBe(0);
    const done = await run("ca import root.crt --key root.key --dir imported --num-rings 5 --json");
    expect(done).toMatchObject({ code: 0, stderr: "" });
    const fingerprint = spawnSync("openssl", ["x509", "-in", "root.crt", "-noout", "-fingerprint", "-sha256"], {
      cwd,
      encoding: "utf8",
    });
    const digits = fingerprint.stdout.split("=")[1]!.trim().replaceAll(":", "").toLowerCase();
    expect(JSON.parse(done.stdout)).toMatchObject({ fingerprint: digits });
    const other = made.with(-1, "/CN=Another root");
    expect(
      spawnSync("openssl", [...other, ...usage.slice(0, 2), "-keyout", "b.key", "-out", "b.crt"], { cwd }).status,
    ).toBe(0);
    expect((await run("ca import b.crt --key b.key --dir imported")).stderr).toMatch(/ca-options-invalid/);
    expect((await run("ca import passphrase --dir other")).stderr).toMatch(/import-invalid|passphrase-required/);
  });
});

describe("a question for a secret", () => {
  /** A terminal's two ends. */
  function terminal() {
    const modes: boolean[] = [];
    const input = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => modes.push(on), isTTY: true });
    const output = new PassThrough();
    return { input, output, modes, stream: input as unknown as ReadStream };
  }

  it("does not show what is typed, takes corrections, and ends at Enter", async () => {
    const { input, output, modes, stream } = terminal();
    const answer = askSecret("Passphrase: ", stream, output);
    for (const text of ["secxx", "\u007f\u007f", "rét", "\r"]) input.write(text);
    expect(await answer).toBe("secrét");
    expect(modes).toEqual([true, false]);
    expect(String(output.read())).toBe("Passphrase: \n");
  });

  it("ends at Ctrl-C with nothing", async () => {
    const { input, output, stream } = terminal();
    const answer = askSecret("Passphrase: ", stream, output);
    input.write("abc\u0003");
    await expect(answer).rejects.toMatchObject({ code: "cancelled" });
  });
});
