/** Files of a directory for members: what is found, what is not, and ranges. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MemberFetch, memberFetch, type ServedFiles, serveFiles } from "../../../services/http/index.js";
import { type HttpMembers, httpMembers } from "../../support/http-members.js";

let root: string;
let members: HttpMembers;
let files: ServedFiles;
let ask: MemberFetch;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-files-"));
  const site = join(root, "site");
  mkdirSync(join(site, "sub", ".git"), { recursive: true });
  mkdirSync(join(site, "empty"));
  writeFileSync(join(root, "secret.txt"), "secret");
  for (const name of ["index.html", "sub/index.html", "a b.txt", ".env", "sub/.git/config"]) {
    writeFileSync(join(site, name), `this is ${name}`);
  }
  writeFileSync(join(site, "digits.txt"), "0123456789");
  symlinkSync(join(root, "secret.txt"), join(site, "outside.txt"));
  symlinkSync(root, join(site, "up"));
  symlinkSync(join(site, ".env"), join(site, "env.txt"));
  symlinkSync(join(site, "digits.txt"), join(site, "inside.txt"));
  execFileSync("mkfifo", [join(site, "pipe")]);
  members = await httpMembers();
  files = await serveFiles(members.bob, { root: site });
  ask = memberFetch(members.alice);
});
afterAll(async () => {
  await members.network[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const get = (path: string, init: RequestInit = {}) => ask(`http://bob.fireflies${path}`, init);

describe("files of a directory", () => {
  it.each([
    ["/", "this is index.html"],
    ["/index.html?v=1", "this is index.html"],
    ["/sub", "this is sub/index.html"],
    ["/a%20b.txt", "this is a b.txt"],
    ["/inside.txt", "0123456789"],
  ])("%s is there", async (path, text) => {
    const response = await get(path);
    expect([response.status, await response.text()]).toEqual([200, text]);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it.each([
    ...["/none", "/empty/", "/.env", "/sub/.git/config", "/sub/.git/", "/outside.txt", "/up/secret.txt", "/env.txt"],
    ...["/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub/..%2f..%2fsecret.txt", "/%00", "/%", "//secret.txt", "/pipe"],
    ...["/index.html%00.txt", "/\\..\\secret.txt", "/..%5csecret.txt"],
  ])("%s is not", async (path) => {
    const response = await get(path);
    expect([400, 403, 404]).toContain(response.status);
    expect(await response.text()).not.toContain("secret");
  });

  it("answers ranges, conditions and HEAD, and no other method", async () => {
    const part = await get("/digits.txt", { headers: { range: "bytes=2-4" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 2-4/10", "234"]);
    const beyond = await get("/digits.txt", { headers: { range: "bytes=20-" } });
    expect(beyond.status).toBe(416);
    const etag = String((await get("/digits.txt")).headers.get("etag"));
    expect((await get("/digits.txt", { headers: { "if-none-match": etag } })).status).toBe(304);
    const head = await get("/digits.txt", { method: "HEAD" });
    expect([head.headers.get("content-length"), await head.text()]).toEqual(["10", ""]);
    expect((await get("/digits.txt", { method: "PUT", body: "x" })).status).toBe(405);
  });

  it("of what is no directory are refused", async () => {
    const refused = (path: string) => serveFiles(members.alice, { root: path }).catch(({ code }) => code);
    expect(await refused(join(root, "none"))).toBe("input-failed");
    expect(await refused(join(root, "secret.txt"))).toBe("input-failed");
    expect(files.root).toMatch(/site$/);
  });
});
