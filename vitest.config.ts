import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Where to write a JSON report beside the usual output, for .ci/run. */
const report = process.env.VITEST_REPORT;

/** Small files that take long. In a fresh clone the largest files go first; these would then run alone at the end. */
const LONG = /test\/(processes\/operator-day|sim\/seeds|cli\/demo|ca\/postgres-store)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => Number(LONG.test(b.moduleId)) - Number(LONG.test(a.moduleId)));
  }
}

/**
 * Files that share a process, so that dependencies are loaded once per worker and not once per file: a third of their CPU time.
 * `shared-process.ts` sees to it that none of them leaves anything behind for the next.
 */
const SHARED = [
  "test/{rings,gossip,sim,identity,net,client}/**/*.test.ts",
  // A security module's native library stays in its process, which has to change its directory to find it.
  "test/ca/**/!(pkcs11).test.ts",
];

export default defineConfig({
  test: {
    // For two cores: a third of the time goes by in waiting for real processes and deadlines. More would crowd them.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    sequence: { sequencer: LongFirst },
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    projects: [
      {
        extends: true,
        test: { name: "shared", include: SHARED, isolate: false, setupFiles: ["test/support/shared-process.ts"] },
      },
      {
        extends: true,
        test: { name: "apart", include: ["test/**/*.test.ts"], exclude: [...configDefaults.exclude, ...SHARED] },
      },
    ],
  },
});
