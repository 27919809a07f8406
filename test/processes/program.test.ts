/** A program that uses the built package: when its clients have stopped, or could not start, it ends by itself. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { saveIdentity } from "../../identity/index.js";
import { Stage } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";

const CLIENT = fileURLToPath(new URL("../../dist/client/index.js", import.meta.url));
/** For a process that does not end by itself. */
const DEADLINE_MS = 15_000;

/** Node's permission model, by the name that it has in this version. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has("--permission")
  ? "--permission"
  : "--experimental-permission";
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

async function run(
  program: string,
  flags: readonly string[] = [],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const text = `import { Client } from ${JSON.stringify(CLIENT)};\n${program}`;
  const child = spawn(process.execPath, [...flags, "--input-type=module", "--eval", text], { timeout: DEADLINE_MS });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (part: string) => {
      texts[name] += part;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...texts };
}

async function directories(stage: Stage, count: number): Promise<string[]> {
  const network = await TestNetwork.create({ deltaMs: 500 });
  const made = Array.from({ length: count }, () => stage.directory());
  for (const dir of made) await saveIdentity(dir, await network.member());
  return made;
}

describe("a program", () => {
  it("ends by itself when its clients have stopped, and nothing was printed", async () => {
    await using stage = new Stage();
    const [a, b] = await directories(stage, 2);
    const outcome = await run(`
      const options = { config: false, preset: "local", useCa: false };
      const a = new Client({ ...options, dir: ${JSON.stringify(a)} });
      await a.start();
      const b = new Client({ ...options, dir: ${JSON.stringify(b)}, entryAddrs: [a.address] });
      b.registerMessageHandler((data) => data);
      b.registerStreamHandler((stream) => { stream.pipe(stream); });
      await b.start();
      for await (const change of a.changes()) if (change.kind === "joined") break;
      const reply = await a.sendToId(b.id, new TextEncoder().encode("hello"));
      const stream = await a.openStream(b.id);
      stream.write(reply);
      process.stdout.write(new TextDecoder().decode(await new Promise((resolve) => stream.once("data", resolve))));
      await Promise.all([a.stop(), b.stop()]);
    `);
    expect(outcome).toEqual({ code: 0, stdout: "hello", stderr: "" });
  });

  it("ends by itself when its client could not start", async () => {
    await using stage = new Stage();
    const [a, b] = await directories(stage, 2);
    const outcome = await run(`
      const options = { config: false, preset: "local", useCa: false };
      const a = new Client({ ...options, dir: ${JSON.stringify(a)} });
      await a.start();
      const b = new Client({ ...options, dir: ${JSON.stringify(b)}, listen: a.address });
      await b.start().catch((error) => process.stdout.write(error.code));
      const c = new Client({ ...options, dir: ${JSON.stringify(b)} });
      await c.start({ signal: AbortSignal.abort() }).catch((error) => process.stdout.write(" " + error.code));
      await a.stop();
    `);
    expect(outcome).toEqual({ code: 0, stdout: "address-in-use cancelled", stderr: "" });
  });
});

describe("under Node's permission model, a program", () => {
  it("needs its own code and its member's directory, and is told what else it asks for", async () => {
    await using stage = new Stage();
    const [dir] = await directories(stage, 1);
    const granted = ["read", "write"].map((act) => `--allow-fs-${act}=${dir}`);
    const outcome = await run(
      `
      const a = new Client({ preset: "local", useCa: false, dir: ${JSON.stringify(dir)} });
      await a.start();
      await a.savePrivateKey();
      await a.stop();
      for (const options of [{ config: "/etc/hostname" }, { config: false, useCa: false, dir: "/etc/alice" }]) {
        await new Client(options).start().catch(({ code, message }) => console.log(code + ": " + message));
      }`,
      [PERMISSION, `--allow-fs-read=${REPOSITORY}`, ...granted],
    );
    const forbidden = (what: string) =>
      `Node's permission model forbids it (grant ${what}, with /* for a directory that is not there yet).`;
    expect(outcome.stdout.trim().split("\n")).toEqual([
      `config-unreadable: /etc/hostname cannot be read: ${forbidden("--allow-fs-read=/etc/hostname")}`,
      `state-unreadable: The directory /etc/alice cannot be used: ${forbidden("--allow-fs-write=/etc/alice")}`,
    ]);
    expect(outcome.code).toBe(0);
  });

  it("is told what an authority needs beside its directory", async () => {
    await using stage = new Stage();
    const dir = stage.directory();
    const granted = ["read", "write"].map((act) => `--allow-fs-${act}=${dir}`);
    const { stderr, code } = await run(
      `process.argv = ["node", "fireflies", "ca", "--dir", ${JSON.stringify(dir)}, "--port", "0"];
      await import(${JSON.stringify(CLIENT.replace("client/index", "cli/main"))});`,
      [PERMISSION, `--allow-fs-read=${REPOSITORY}`, ...granted],
    );
    expect(stderr).toMatch(/forbids it.*--allow-addons.*\(permission-model\)/);
    expect(code).toBe(1);
  });
});
