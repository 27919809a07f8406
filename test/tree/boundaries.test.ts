/**
 * The walls between the rooms: broken on purpose, in a copy of the tree, to see the build or the linter refuse. Needs a build, which
 * spares the copy its own of all that nobody breaks.
 */
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { filesIn, ROOMS, read, TreeCopy } from "../support/tree.js";

const DEADLINE_MS = 120_000;
type Room = (typeof ROOMS)[number];

/** docs/architecture.md: who may import whom. */
const MAY_IMPORT: Readonly<Record<Room, readonly Room[]>> = {
  rings: [],
  gossip: ["rings"],
  topics: ["rings"],
  sim: ["gossip", "topics", "rings"],
  identity: ["rings"],
  rdv: [],
  ops: [],
  dashboard: [],
  net: ["identity", "rings", "rdv"],
  ca: ["identity", "ops", "rings"],
  client: ["gossip", "topics", "net", "identity", "rings", "rdv"],
  services: ["client", "net", "topics", "identity", "rings", "ops"],
  testing: ["gossip", "client", "net", "identity", "rings", "rdv"],
  cli: ["rings", "gossip", "sim", "identity", "rdv", "net", "ca", "client", "services", "ops"],
};
/** What the compiler lets pass, since a room that may be imported needs it: the imports themselves are read. */
const BEHIND_ANOTHER: readonly (readonly [Room, Room])[] = [
  ["services", "gossip"],
  ["services", "rdv"],
  ["testing", "topics"],
  ["cli", "topics"],
];
const PAIRS = ROOMS.flatMap((from) => ROOMS.filter((to) => to !== from).map((to) => ({ from, to })));
const isAllowed = ({ from, to }: { from: Room; to: Room }) => MAY_IMPORT[from].includes(to);

let tree: TreeCopy;
beforeAll(() => {
  tree = new TreeCopy({ isBuilt: true });
});
afterAll(() => tree.remove());

function plant(file: string, text: string): () => void {
  writeFileSync(join(tree.root, file), text);
  return () => rmSync(join(tree.root, file));
}

const plantTargets = () => ROOMS.map((room) => plant(`${room}/planted.ts`, "export const planted = 1;\n"));
const plantImports = (pairs: typeof PAIRS) =>
  pairs.map(({ from, to }) => plant(`${from}/imports-${to}.ts`, `import "../${to}/planted.js";\n`));

const PURE = ["rings", "gossip", "topics", "sim"] as const satisfies readonly Room[];
const IMPURE = [
  "setTimeout(() => {}, 1)",
  "setInterval(() => {}, 1)",
  "queueMicrotask(() => {})",
  'console.log("")',
  "process.env",
  "Buffer.alloc(1)",
  "new TextEncoder()",
  "performance.now()",
  "crypto.randomUUID()",
  'fetch("")',
  'import("node:fs")',
];
const impure = PURE.flatMap((room) =>
  IMPURE.map((expression, index) => ({ file: `${room}/planted-${index}.ts`, expression })),
);

/** What one build says of a tree with each import between two rooms, and with all that is impure. */
let problems: readonly string[];
beforeAll(async () => {
  const undo = [
    ...plantTargets(),
    ...plantImports(PAIRS),
    ...impure.map(({ file, expression }) => plant(file, `export const planted = ${expression};\n`)),
  ];
  const { code, output } = await tree.build();
  expect(code).not.toBe(0);
  problems = output.split("\n").filter((line) => line.includes(": error "));
  for (const remove of undo) remove();
}, DEADLINE_MS);

/** What the build says of the import that was planted for these two rooms. */
const saidOf = ({ from, to }: (typeof PAIRS)[number]) =>
  problems.filter((line) => line.startsWith(`${from}/imports-${to}.ts(`));

describe("import directions", () => {
  it("what the rooms may import builds, and all that they have", () => {
    expect(PAIRS.filter(isAllowed).flatMap(saidOf)).toEqual([]);
    expect(problems.filter((line) => !/^\w+\/(imports|planted)-\w+\.ts\(/.test(line))).toEqual([]);
  });

  it("each import that they may not make fails the build", () => {
    const refused = ({ from, to }: (typeof PAIRS)[number]) =>
      new RegExp(`TS6307: File '[^']+/${to}/planted.ts' is not listed .* '[^']+/${from}/tsconfig.json'`).test(
        saidOf({ from, to }).join("\n"),
      );
    const passed = PAIRS.filter((pair) => !isAllowed(pair) && !refused(pair));
    expect(passed.map(({ from, to }) => [from, to])).toEqual(BEHIND_ANOTHER);
  });

  it("no file makes those that the compiler lets pass", () => {
    const made = BEHIND_ANOTHER.flatMap(([from, to]) =>
      filesIn([from], ".ts").filter((file) =>
        importsOf(file).some((name) => join(dirname(file), name).startsWith(`${to}/`)),
      ),
    );
    expect(made).toEqual([]);
  });

  it("examples and programs see the public entries only, and gRPC's packages, whose services members take", () => {
    expect(importsOf("examples/network.ts")).toEqual(expect.arrayContaining(["node:os", "fireflies", "fireflies/ca"]));
    const foreign = filesIn(["examples"], ".ts").flatMap((file) =>
      importsOf(file).filter(
        (name) =>
          !/^(fireflies(\/ca|\/coordination|\/forward|\/gossip|\/http|\/nats|\/rdv|\/sim|\/testing|\/threads)?|@grpc\/(grpc-js|proto-loader)|node:\w+(\/\w+)?|\.\/.*)$/.test(
            name,
          ),
      ),
    );
    expect(foreign).toEqual([]);
  });

  it("no room imports the package by its name, which would lead around the walls", () => {
    const named = filesIn(ROOMS, ".ts").filter((file) => importsOf(file).some((name) => /^fireflies\b/.test(name)));
    expect(named).toEqual([]);
  });
});

describe("pure rooms", () => {
  const isPure = (file: string) => PURE.some((room) => file.startsWith(`${room}/`));

  it("import nothing but each other", () => {
    const foreign = filesIn(PURE, ".ts").flatMap((file) =>
      importsOf(file).filter((name) => !name.startsWith(".") || !isPure(join(dirname(file), name))),
    );
    expect(foreign).toEqual([]);
  });

  it("a clock and chance fail the lint", async () => {
    const planted = PURE.flatMap((room) =>
      ["Date.now()", "new Date()", "Math.random()"].map((expression, index) => ({
        file: `${room}/planted-${index}.ts`,
        expression,
      })),
    );
    const undo = planted.map(({ file, expression }) => plant(file, `export const planted = ${expression};\n`));
    const { code, output } = await tree.lint(...planted.map(({ file }) => file));
    for (const remove of undo) remove();
    expect(code).not.toBe(0);
    const refused = ({ file }: { readonly file: string }) =>
      new RegExp(`^${file}:1:(?:(?!^\\w+/)[^])*?A pure room takes`, "m").test(output);
    expect(planted.filter((each) => !refused(each))).toEqual([]);
  });

  it("timers, console, process, Buffer, crypto and node: fail the build", () => {
    expect(impure.filter(({ file }) => !problems.some((line) => line.startsWith(`${file}(1,`)))).toEqual([]);
  });
});

describe("identity", () => {
  /** Random bytes and comparison in constant time are no keys: rooms with sockets take them from Node themselves. */
  const HARMLESS = ["constants", "randomBytes", "randomFillSync", "randomUUID", "timingSafeEqual"];

  /** Keys made from a seed guard nothing outside of a simulation, and must not be at hand where real keys are made. */
  const SEEDED_KEYS = "cli/sim/seeded-key.ts";

  it("is the only room with keys, signatures and digests of node:crypto", () => {
    const files = filesIn(["rdv", "net", "ca", "client", "services", "testing", "cli"], ".ts").filter(
      (file) => file !== SEEDED_KEYS,
    );
    const imports = files.flatMap((file) => {
      const names = /import (?:type )?\{([^}]*)\} from "node:crypto"/.exec(read(file))?.[1] ?? "";
      return names.split(",").map((name) => name.trim());
    });
    expect(imports.filter((name) => name !== "" && !HARMLESS.includes(name))).toEqual([]);
  });
});

/** The names in `from "..."`, `import "..."` and `import("...")` of a file. */
function importsOf(file: string): string[] {
  const statements = read(file).matchAll(
    /^(?:import|export)\b[^;"]*?\bfrom "([^"]+)";$|^import "([^"]+)";$|\bimport\("([^"]+)"\)/gm,
  );
  return [...statements].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "");
}
