/** Attacks that many liars play together, summed up over the networks that plots.mjs drew. */
import { count, groups, percent, sum, table } from "./markdown.mjs";

export const title = "Attacks that liars play together";
export const about = `One head moves all liars to the millisecond, sees everything, and tells whom it likes what it likes (docs/adversaries.md). Each
network draws its intervals (lan, local, wan), its loss (0, .05, .1) and how far its clocks are off from its seed, and is watched for 38
gossip intervals. Before rule R20 each of these but the doorstep removed members from nearly every view of nearly every network
(SECURITY.md). Never agreed: some views differed about a member at 30 instants in a row, over twelve gossip intervals. Other
invariants: such as were broken besides. Run by \`node bench/claims/plots.mjs --seeds FROM..TO --resume FILE\`, and put here with \`--claims\`.`;

/** They are run by plots.mjs, which can be stopped and resumed. */
export function jobs() {
  return [];
}

/** One row of results.jsonl for the networks of one adversary, size and share of liars. */
export function rowOf(group) {
  const [{ options, result }] = group;
  const total = (name) => sum(group.map((row) => row.result[name]));
  const which = (holds) => group.filter((row) => holds(row.result)).length;
  const seeds = group.map((row) => row.options.seed);
  return {
    table: "plots",
    options: {
      adversary: options.adversary,
      n: options.n,
      f: options.f,
      seeds: `${Math.min(...seeds)}..${Math.max(...seeds)}`,
    },
    result: {
      rings: result.rings,
      networks: group.length,
      broken: which(({ lost }) => lost > 0),
      victims: total("victims"),
      lost: total("lost"),
      exposed: total("exposed"),
      apart: which(({ isApart }) => isApart),
      others: [...new Set(group.flatMap((row) => row.result.others.split(" ")))].filter(Boolean).join(" "),
      inputs: total("inputs"),
    },
    seconds: sum(group.map((row) => row.seconds)),
  };
}

export function render(rows) {
  const lines = groups(rows, "adversary", "n", "f").map(([{ options, result }]) => [
    options.adversary,
    options.n,
    percent(options.f),
    result.rings,
    `${result.broken} of ${result.networks}`,
    result.victims,
    result.lost,
    result.exposed,
    result.apart,
    result.others,
    count(result.inputs),
    options.seeds,
  ]);
  const headings = ["adversary", "N", "liars", "rings", "networks broken", "victims", "views lost"];
  return table([...headings, "views lost of exposed", "never agreed", "other invariants", "inputs", "seeds"], lines);
}
