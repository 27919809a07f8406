/** The bytes in docs/protocol.md are the bytes that the code makes: a change of a layout must show in the document. */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { vectorBlock } from "../support/vectors.js";

const DOCUMENT = new URL("../../docs/protocol.md", import.meta.url);
const BLOCK = /<!-- vectors -->\n[\s\S]*<!-- \/vectors -->/;

it("docs/protocol.md has the test vectors of this code", () => {
  const expected = `<!-- vectors -->\n${vectorBlock()}\n<!-- /vectors -->`;
  const before = readFileSync(DOCUMENT, "utf8");
  if (process.env.UPDATE_VECTORS) writeFileSync(DOCUMENT, before.replace(BLOCK, expected));
  expect(readFileSync(DOCUMENT, "utf8").match(BLOCK)?.[0]).toBe(expected);
});
