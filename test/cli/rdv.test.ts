/** `fireflies rdv` as processes: a server, and two ends whose bytes go through. Needs a build: `npm run build`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { command, RunningCommand } from "../support/command.js";
import { serverCertificate } from "../support/oidc-issuer.js";
import { RawSocket } from "../support/raw-socket.js";
import { bytesOf } from "../support/rdv-bytes.js";
import { typed } from "../support/typed.js";

let dir: string;
let server: RunningCommand;
let url: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "ff-rdv-"));
  const { key, cert } = await serverCertificate();
  writeFileSync(join(dir, "key.pem"), key, { mode: 0o600 });
  writeFileSync(join(dir, "cert.pem"), cert);
  const tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
  server = new RunningCommand(["rdv", "serve", "--listen", "127.0.0.1:0", "--prefix", "/p/", ...tls], { cwd: dir });
  await server.event("listening");
  const [first] = server.told;
  url = String(first?.url);
});
afterAll(async () => {
  expect(await server.end("SIGTERM")).toBe(0);
  rmSync(dir, { recursive: true, force: true });
});

/** Both ends to their end, each with its input. */
async function both(token: string, dialled: string, accepted: string, ...flags: string[]) {
  const run = (name: string, input: string) =>
    command(["rdv", name, url, token, "--ca", "cert.pem", ...flags], { cwd: dir, input });
  const [dialer, accepter] = await Promise.all([run("dial", dialled), run("accept", accepted)]);
  return { dialer, accepter };
}

it("the first line of the server says where it listens", () => {
  expect(server.told[0]).toMatchObject({ event: "listening" });
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/p\/$/);
});

it.each([
  ["directly", false, []],
  ["by the relay", true, ["--relay"]],
] as const)("%s standard input goes to the other's standard output, both ways", async (_way, relay, flags) => {
  const large = "0123456789".repeat(100_000);
  const { dialer, accepter } = await both("token", `${large}there`, "back", ...flags);
  expect([dialer.code, dialer.stdout]).toEqual([0, "back"]);
  expect([accepter.code, accepter.stdout === `${large}there`]).toEqual([0, true]);
  for (const { stderr } of [dialer, accepter]) {
    const [line, ...more] = stderr.trim().split("\n");
    expect(more).toEqual([]);
    const told = JSON.parse(line ?? "");
    expect(told).toMatchObject({ event: "connected", relay, ms: expect.any(Number), warning: expect.any(String) });
    expect(told.remote).toMatch(/^127\.0\.0\.1:\d+$/);
  }
});

it("an end without input takes what the other one has, also by the relay", async () => {
  const { dialer, accepter } = await both("file", "", "all of the file", "--relay");
  expect([dialer.stdout, accepter.stdout]).toEqual(["all of the file", ""]);
});

it("a server has time-outs, and believes one proxy when it is told to", async () => {
  const flags = ["--lobby-timeout", "2", "--idle-timeout", "1", "--forwarded", "--prefix", "/rdv/"];
  const timed = new RunningCommand(["rdv", "serve", "--listen", "127.0.0.1:0", ...flags], { cwd: dir });
  const { url: at } = await timed.event("listening");
  const { port } = new URL(String(at));
  const forwarded = "X-Forwarded-For: 198.51.100.4\r\nX-Forwarded-Port: 6000";
  const ask = async (method: string) =>
    (await RawSocket.connect({ host: "127.0.0.1", port: Number(port) })).send(
      bytesOf("request", { DIAL: method, "X-Application: yes": forwarded }),
    );
  const both = await Promise.all([ask("ACCEPT"), ask("DIAL")]);
  for (const socket of both) {
    expect(await socket.until("\r\n\r\n")).toContain("\r\nRdv-Observed-Addr: 198.51.100.4:6000\r\n");
    expect(await socket.rest()).toBe(""); // Nobody has said anything for a second.
  }
  const alone = await ask("DIAL");
  expect(await alone.rest()).toMatch(/^HTTP\/1\.1 408 /);
  for (const socket of [...both, alone]) socket.destroy();
  expect(await timed.end("SIGTERM")).toBe(0);
});

it.each([
  ["a server that is not trusted", () => ["dial", url, "x"], 3, "rdv-unreachable"],
  ["another path", () => ["dial", url.replace("/p/", "/q/"), "x", "--ca", "cert.pem"], 1, "rdv-handshake"],
  ["no URL", () => ["dial", "nowhere", "x"], 2, "cli-usage"],
  ["no token", () => ["dial", url, ""], 2, "cli-usage"],
  ["a certificate without its key", () => ["serve", "--tls-cert", "cert.pem"], 2, "cli-usage"],
  ["no place to listen", () => ["serve", "--listen", "here"], 2, "cli-usage"],
  ["a place that is taken", () => ["serve", "--listen", new URL(url).host], 6, "address-in-use"],
] as const)("%s ends with a code", async (_case, args, code, error) => {
  const outcome = await typed(["rdv", ...args()], { cwd: dir });
  expect(outcome).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(`(${error})`) });
});
