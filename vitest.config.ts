import { defineConfig } from "vitest/config";

/** Where to write a JSON report beside the usual output, for .ci/run. */
const report = process.env.VITEST_REPORT;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // For two cores: a third of the time goes by in waiting for real processes and deadlines. More would crowd them.
    maxWorkers: 3,
    // Two hundred files would each load gRPC, certificates and the machine anew, a third of the suite's time. They share a
    // worker's modules instead: whoever changes a prototype or the environment puts it back.
    isolate: false,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
