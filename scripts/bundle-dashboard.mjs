/**
 * The dashboard as the files that a browser loads, in dist/dashboard/: index.html, dashboard.js, dashboard.css, favicon.svg, and
 * report.html, the same page in one file with a place for a recording. Run by `npm run build`.
 *
 *   node scripts/bundle-dashboard.mjs [DIRECTORY]
 *
 * index.html has no script and no style of its own, so that it runs under `default-src 'self'`. report.html stands alone and is
 * opened from disk: its own policy names the digests of the one script and the one style that are in it. Put lines of a
 * recording, with each "<" as \u003c, where RECORDING_MARK stands.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Browsers of the last three years. */
const TARGET = ["chrome120", "firefox121", "safari17.2"];
/** Where the recording goes in report.html. */
export const RECORDING_MARK = "RECORDING-HERE";

/** Writes the files to a directory that may have older ones. */
export async function bundleDashboard(directory) {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: { dashboard: "dashboard/main.ts", style: "dashboard/page/dashboard.css" },
    outdir: directory,
    write: false,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    banner: { js: `/* with uPlot ${licenceLine()} */` },
    logLevel: "warning",
  });
  const textOf = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text;
  const [script, style] = [textOf("dashboard.js"), textOf("style.css")];
  mkdirSync(directory, { recursive: true });
  const page = readFileSync(join(ROOT, "dashboard/page/index.html"), "utf8");
  replace(join(directory, "dashboard.js"), script);
  replace(join(directory, "dashboard.css"), style);
  replace(join(directory, "report.html"), alone(page, script, style));
  replace(join(directory, "index.html"), page);
  copyFileSync(join(ROOT, "dashboard/page/favicon.svg"), join(directory, "favicon.svg"));
}

function licenceLine() {
  const { version, license } = JSON.parse(readFileSync(join(ROOT, "node_modules/uplot/package.json"), "utf8"));
  const [, holder] = /Copyright \(c\) (.*)/.exec(readFileSync(join(ROOT, "node_modules/uplot/LICENSE"), "utf8")) ?? [];
  return `${version}, ${license}, (c) ${holder}`;
}

/** The page in one file. A function as replacement: the script has "$" in it. */
function alone(page, script, style) {
  const inner = script.replaceAll("</script", "<\\/script");
  const digest = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  // Strokes and places are set by script on elements, which no policy counts as inline style.
  const policy = `default-src 'none'; script-src ${digest(inner)}; style-src ${digest(style)}; base-uri 'none'; form-action 'none'`;
  return page
    .replace(/ *<link rel="icon".*\n/, "")
    .replace(
      /<meta charset="utf-8" \/>/,
      (meta) => `${meta}\n    <meta http-equiv="content-security-policy" content="${policy}" />`,
    )
    .replace(/<link rel="stylesheet".*/, () => `<style>${style}</style>`)
    .replace(/ *<script type="module".*\n/, "")
    .replace(
      /<\/body>/,
      () =>
        `  <script id="recording" type="application/x-ndjson">${RECORDING_MARK}</script>\n    <script type="module">${inner}</script>\n  </body>`,
    );
}

/** The one that is there is replaced by a whole one. */
function replace(file, text) {
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await bundleDashboard(process.argv[2] ?? join(ROOT, "dist/dashboard"));
