/** The tables of the document, by the name of the command line. Each has its title, its jobs, its run and how it reads. */
import * as ablation from "./ablation.mjs";
import * as cost from "./cost.mjs";
import * as detection from "./detection.mjs";
import * as dissemination from "./dissemination.mjs";
import * as mends from "./mends.mjs";
import * as nats from "./nats.mjs";
import * as partitions from "./partitions.mjs";
import * as plots from "./plots-table.mjs";
import * as rapid from "./rapid.mjs";
import * as removals from "./removals.mjs";
import * as rings from "./rings.mjs";
import * as rules from "./rule-switches.mjs";
import * as settings from "./settings.mjs";
import * as topics from "./topics.mjs";

export const TABLES = {
  plots,
  removals,
  nats,
  detection,
  dissemination,
  cost,
  mends,
  rapid,
  partitions,
  rings,
  ablation,
  settings,
  rules,
  topics,
};
