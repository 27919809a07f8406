import { defineConfig } from "vitest/config";

/** Where to write a JSON report beside the usual output, for .ci/run. */
const report = process.env.VITEST_REPORT;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // For two cores: a third of the time goes by in waiting for real processes and deadlines. More would crowd them.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
