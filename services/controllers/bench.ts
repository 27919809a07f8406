/** The kind `bench`: members measure what they reach with this one (services/bench/). */
import { line, listOf, type Parser } from "../../client/config/values.js";
import { ACCESS_RULES_MAX, parseAccess } from "../access.js";
import type { BenchSettings } from "../bench/serve.js";
import { BENCH_NAME } from "../bench/wire.js";
import { refusedText } from "../refusals.js";
import type { ControllerKind } from "./kind.js";
import { checked, parseSettings, type SettingTable } from "./settings.js";

/** Characters of a rule. */
const TEXT_MAX = 4_096;

type Serving = Omit<BenchSettings, "onRefused">;

const allow: Parser<readonly string[]> = checked(listOf(line(TEXT_MAX), ACCESS_RULES_MAX), parseAccess);
const TABLE: SettingTable<Serving> = { allow: { file: "allow", parse: allow } };

export const BENCH: ControllerKind<Serving> = {
  kind: "bench",
  isSingle: true,
  parse: (raw, at) => parseSettings(TABLE, [], raw, at),
  async start(client, settings, report) {
    const { serveBench } = await import("../bench/serve.js");
    const running = serveBench(client, {
      ...settings,
      onRefused: (refused) => report.event("refused", refused, refusedText(refused)),
    });
    return { at: BENCH_NAME, figures: () => running.figures(), stop: () => running.close() };
  },
};
