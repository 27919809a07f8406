/** Imports lead one way: within a room no file and no folder needs what needs it. */
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { filesIn, ROOMS, read } from "../support/tree.js";

/** Who imports whom, by name. */
type Graph = ReadonlyMap<string, ReadonlySet<string>>;
type Import = readonly [from: string, to: string];

/** Of the room's own files, also those of types alone: what is gone once it is compiled is still read together. */
function importsIn(room: string): Import[] {
  const pattern = /^(?:import|export) [^;"]*?from "(\.[^"]+)\.js";$/gm;
  return filesIn([room], ".ts").flatMap((file) =>
    [...read(file).matchAll(pattern)]
      .map(([, path]): Import => [file, `${join(dirname(file), path!)}.ts`])
      .filter(([, to]) => to.startsWith(`${room}/`)),
  );
}

function graphOf(imports: readonly Import[]): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [from, to] of imports) {
    if (from !== to) graph.set(from, (graph.get(from) ?? new Set()).add(to));
  }
  return graph;
}

/** Those that reach themselves. */
function inCircles(graph: Graph): string[] {
  return [...graph.keys()].filter((start) => {
    const seen = new Set<string>();
    const open = [...(graph.get(start) ?? [])];
    for (let next = open.pop(); next !== undefined && !seen.has(start); next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(graph.get(next) ?? []));
    }
    return seen.has(start);
  });
}

/** A file in a room's folder counts for the folder; one at the top of the room, as `index.ts`, for itself. */
function folderOf(file: string): string {
  const folder = dirname(file);
  return folder.includes("/") ? folder : file;
}

describe.each(ROOMS)("%s", (room) => {
  it("has no file that needs, also by types alone, what needs it", () => {
    expect(inCircles(graphOf(importsIn(room)))).toEqual([]);
  });

  it("has no folder that needs what needs it", () => {
    const imports = importsIn(room).map(([from, to]): Import => [folderOf(from), folderOf(to)]);
    expect(inCircles(graphOf(imports)).filter((name) => !name.endsWith(".ts"))).toEqual([]);
  });
});

describe("what looks for circles", () => {
  it("finds those who stand in one, and not those who only lead to one", () => {
    const graph = graphOf([
      ["a", "b"],
      ["b", "c"],
      ["c", "b"],
      ["c", "d"],
    ]);
    expect(inCircles(graph)).toEqual(["b", "c"]);
  });

  it("reads the imports of all rooms that have several files", () => {
    for (const room of ROOMS) expect(importsIn(room).length).toBeGreaterThan(filesIn([room], ".ts").length / 2);
  });
});
