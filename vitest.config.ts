import { join } from "node:path";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Where to write a JSON report beside the usual output, for .ci/run. */
const report = process.env.VITEST_REPORT;

/** Small files that take long. In a fresh clone the largest files go first; these would then run alone at the end. */
const LONG =
  /test\/(processes\/(operator-day|overlay)|cli\/(demo|processes)|package\/pack|client\/start|sim\/(seeds|rules)|ca\/postgres-store|net\/watch)\.test\.ts$/;

/** Files with a process of their own first: a worker's process is shared as long as the next file in the queue shares, too. */
const rank = ({ moduleId, project }: TestSpecification) =>
  (project.name === "shared" ? 2 : 0) + (LONG.test(moduleId) ? 0 : 1);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

/**
 * Files that share a process, so that dependencies are loaded once per worker and not once per file: a third of their CPU time.
 * `shared-process.ts` sees to it that none of them leaves anything behind for the next.
 */
const SHARED = [
  "test/{rings,gossip,topics,sim,identity,rdv,services}/**/*.test.ts",
  // These count the handles of their process, and what is left on its heap; relays are waited for by the clock.
  "test/client/**/!(start|held|lives|relays).test.ts",
  // One counts the timers of its clock, and sockets of the file before set some.
  "test/net/**/!(tcp|ws|dialler).test.ts",
  // Commands that run in the test's process (typed.ts). Those that start processes of their own, or count what is theirs, are apart.
  "test/cli/{views,shown,which-member,api-access,graph,openapi,log,authority-store,ca-life,output-files,verify-message}.test.ts",
  // A security module's native library stays in its process, which has to change its directory to find it.
  "test/ca/**/!(pkcs11).test.ts",
];

/** Minutes long: the suite has short forms of them. */
const LONG_FORMS = process.env.LONG ? [] : ["test/long/**"];

/** What is built is imported as it is: nothing to transform. */
const BUILT = new RegExp(`^${join(import.meta.dirname, "dist/").replaceAll(/[^\w/]/g, "\\$&")}`);

export default defineConfig({
  test: {
    // For two cores: half of the time goes by in waiting for real processes and deadlines. More would crowd them.
    maxWorkers: 4,
    // Ten times what the slowest of them takes on a quiet machine. A failure is told by an assertion; this is for what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    server: { deps: { external: [BUILT] } },
    sequence: { sequencer: LongFirst },
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    projects: [
      {
        extends: true,
        test: { name: "shared", include: SHARED, isolate: false, setupFiles: ["test/support/shared-process.ts"] },
      },
      {
        extends: true,
        test: {
          name: "apart",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...LONG_FORMS, ...SHARED],
        },
      },
    ],
  },
});
