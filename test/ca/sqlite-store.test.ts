/** The store's contract over a SQLite file, and the way from the tables of the first version. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { openStore } from "../../ca/store/open.js";
import { temporaryDirectory } from "./authority-fixture.js";
import { describeStore } from "./store-contract.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let count = 0;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => rm(directory.path, { recursive: true, force: true }));

describeStore("SQLite", () => openStore(join(directory.path, `${++count}.db`)));
