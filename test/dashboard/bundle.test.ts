/** What the browser loads of the dashboard: small, without a script or a style in the page, and nothing that reads HTML. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesIn, ROOT, read } from "../support/tree.js";

/** 150 kB, all files together. */
const GZIPPED_BYTES_MAX = 150_000;
const LOADED = ["dashboard.css", "dashboard.js", "favicon.svg", "index.html"];

let folder: string;
let mark: string;
const fileOf = (name: string) => readFileSync(join(folder, name), "utf8");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ff-dashboard-"));
  const script = (await import(pathToFileURL(join(ROOT, "scripts/bundle-dashboard.mjs")).href)) as {
    readonly RECORDING_MARK: string;
    bundleDashboard(directory: string): Promise<void>;
  };
  mark = script.RECORDING_MARK;
  await script.bundleDashboard(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the bundle", () => {
  it(`is at most ${GZIPPED_BYTES_MAX / 1_000} kB gzipped`, () => {
    expect(readdirSync(folder).toSorted()).toEqual([...LOADED, "report.html"].toSorted());
    const bytes = LOADED.map((name) => gzipSync(fileOf(name)).length).reduce((sum, each) => sum + each, 0);
    expect(bytes).toBeLessThanOrEqual(GZIPPED_BYTES_MAX);
  });

  it("runs under `default-src 'self'`: no inline script, style or handler, nothing from elsewhere", () => {
    const page = fileOf("index.html");
    expect(page).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:|https?:/);
    expect(fileOf("dashboard.css")).not.toMatch(/url\(|@import/);
    expect(fileOf("dashboard.js")).not.toMatch(/\beval\(|new Function\(|\bimport\(/);
  });

  it("as one file allows its own script and style by their digests, and has one place for a recording", () => {
    const page = fileOf("report.html");
    const digest = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    const [, script] = /<script type="module">(.*)<\/script>/s.exec(page) ?? [];
    const [, style] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
    expect(page).toContain(`script-src ${digest(script ?? "")}; style-src ${digest(style ?? "")}`);
    expect(page.split(mark).length).toBe(2);
    expect(page).not.toMatch(/\bsrc=|<link/);
  });
});

describe("the source", () => {
  it("sets text, never HTML, and no style attribute", () => {
    const sinks =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|"style"/;
    expect(filesIn(["dashboard"], ".ts").filter((file) => sinks.test(read(file)))).toEqual([]);
  });
});
