import { defineConfig } from "vitest/config";

/** Where to write a JSON report beside the usual output, for .ci/run. */
const report = process.env.VITEST_REPORT;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real processes and real sockets share two cores: more workers would only make them wait for each other.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
