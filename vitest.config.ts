import { defineConfig } from "vitest/config";
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

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // For two cores: a third of the time goes by in waiting for real processes and deadlines. More would crowd them.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    sequence: { sequencer: LongFirst },
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
