/** What it takes to load the public entries, each dependency, and the command's help, beside Node.js alone. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { MAIN } from "../process.mjs";
import { cpuOf, line, median, rssOf } from "./usage.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ENTRIES = ["fireflies", "fireflies/gossip", "fireflies/sim", "fireflies/ca"];
const PACKAGES = [
  "@bufbuild/protobuf/wire",
  "yaml",
  "commander",
  "@grpc/grpc-js",
  "pkijs",
  "node-forge",
  "fastify",
  "libsql",
];
/** It wants the other first. */
const X509 = ["reflect-metadata", "@peculiar/x509"];

export async function weighStart({ runs }) {
  await tell("node", [], runs);
  for (const entry of ENTRIES) await tell(`import "${entry}"`, [entry], runs);
  await tell('import "@peculiar/x509"', X509, runs);
  for (const name of PACKAGES) await tell(`import "${name}"`, [name], runs);
  await tellHelp(runs);
}

async function tell(what, names, runs) {
  const found = [];
  for (let run = 0; run < runs; run++) found.push(await load(names));
  console.log(line(what, median(found.map(({ cpu }) => cpu)), median(found.map(({ rss }) => rss))));
}

async function load(names) {
  const imports = names.map((name) => `await import(${JSON.stringify(name)});`).join(" ");
  const program = `${imports} console.log(""); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const found = { cpu: cpuOf(child.pid), rss: rssOf(child.pid) };
  child.kill();
  await once(child, "exit");
  return found;
}

/** From exec to the end, as somebody waits for it. */
async function tellHelp(runs) {
  const found = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    const child = spawn(process.execPath, [MAIN, "--help"], { stdio: "ignore" });
    await once(child, "exit");
    found.push((performance.now() - start) / 1000);
  }
  console.log(`${"fireflies --help, until it ends".padEnd(44)} ${median(found).toFixed(2).padStart(6)} s`);
}
