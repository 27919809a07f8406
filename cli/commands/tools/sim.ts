/** `fireflies sim`: a whole overlay in one thread, under attack, from a seed (docs/simulator.md). */
import { type Command, InvalidArgumentError, Option } from "commander";
import { RING_COUNT_MAX } from "../../../rings/index.js";
import { BYTES_PER_SECOND_MAX, MEMBERS_MAX, SECONDS_MAX, SEED_MAX } from "../../../sim/limits.js";
import type { SeedRange, SimOptions } from "../../sim/options.js";
import { examples, number, withJson } from "../common.js";

/** More seeds than anyone waits for in one process. */
const SEEDS_MAX = 1_000_000;
/** More generations, minutes and cores than any search has. */
const GENERATIONS_MAX = 1_000_000;
const MINUTES_MAX = 7 * 24 * 60;
const CORES_MAX = 1_024;
/** Some share of all packets must arrive. */
const SHARE_MAX = 0.99;

export function addSim(program: Command): void {
  const command = withJson(program.command("sim").description("simulate a whole overlay under attack, from a seed"));
  addNetworkOptions(command);
  addLinkOptions(command);
  addPlanOptions(command);
  addSearchOptions(command);
  command
    .option("--report <file>", "write the run as one HTML page with plots")
    .option("--trace <member>", "also print all that concerns a member, such as m3")
    .option("--no-shrink", "do not make a failing run smaller");
  examples(
    command,
    "sim --members 100 --byzantine 0.2 --seconds 60 --report run.html",
    "sim --members 1000 --byzantine 0.2 --rings 10 --adversary false-accuser",
    "sim --adversary help",
    "sim --seeds 0..99",
    "sim --replay 42",
    "sim --search --minutes 60 --cores 2 --state search.json",
  );
  command.action(async (options: SimOptions) => await run(options, command));
}

function addNetworkOptions(command: Command): void {
  command
    .option("--members <n>", "members at the beginning", number(1, MEMBERS_MAX, true), 100)
    .option("--byzantine <f>", "share of them that lie, or from 1 on their number", byzantine, 0)
    .option("--rings <k>", "rings, or auto: as many as so many liars need", rings, "auto")
    .option("--adversary <names>", "what the liars do: names with commas, all, none, or help for a list", "all")
    .option("--seconds <s>", "virtual time with faults, before the quiet phase", number(1, SECONDS_MAX, false), 60)
    .option("--seed <x>", "all chance of the run", number(0, SEED_MAX, true), 1)
    .option("--faults <kinds>", "faults and changes: kinds with commas, all or none", "crash,describe")
    .addOption(choice("--start <how>", "all know all, or come in one by one", ["whole", "joining"]))
    .addOption(choice("--preset <name>", "intervals of the members", ["lan", "local", "wan"]));
}

function addLinkOptions(command: Command): void {
  const share = number(0, SHARE_MAX, false);
  command
    .addOption(choice("--latency <name>", "how long packets take", ["lan", "wan", "spiky", "steady"]))
    .option("--loss <share>", "share of packets lost on all links", share, 0)
    .option("--duplicates <share>", "share of datagrams that arrive twice", share, 0)
    .option("--reordering <share>", "share of datagrams that others overtake", share, 0)
    .option("--bandwidth <bytes>", "bytes a second out of and into each member", number(1, BYTES_PER_SECOND_MAX, false))
    .option("--nat <share>", "share of members behind NATs, which others reach through relays", share, 0)
    .addOption(choice("--crypto <name>", "fast fake signatures, or real ones", ["fake", "p256"]));
}

function addPlanOptions(command: Command): void {
  command
    .option("--replay <seed>", "a seed's own draw of all of the above", number(0, SEED_MAX, true))
    .option("--seeds <a..b>", "one seed after the other, each with its own draw", seedRange)
    .addOption(choice("--size <name>", "how large the draws of seeds may be", ["small", "large"]))
    .option("--plan <json>", "a plan as a failing run printed it, or the file that holds it")
    .option("--program <json>", "an attack as a search printed it, or the file that holds it");
}

function addSearchOptions(command: Command): void {
  command
    .option("--search", "search for attacks: draw programs of liars, keep and change those that come nearest")
    .option("--from <seed>", "the search's first seed, default 0", number(0, SEED_MAX, true))
    .option("--generations <n>", "blocks of 50 seeds, default 10", number(1, GENERATIONS_MAX, true))
    .option("--minutes <m>", "search for so long instead", number(0.01, MINUTES_MAX, false))
    .option("--cores <c>", "processes at a time, default 1", number(1, CORES_MAX, true))
    .option("--state <file>", "keep what is found there, and go on from there the next time");
}

async function run(options: SimOptions, command: Command): Promise<void> {
  const { checkTogether } = await import("../../sim/options.js");
  const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === "cli");
  checkTogether(given);
  const { asksForList, printAdversaries } = await import("../../sim/adversaries.js");
  const { json = false } = options;
  if (asksForList(options.adversary)) {
    await printAdversaries(json);
    return;
  }
  if (options.search) {
    const { searchAttacks } = await import("../../sim/search.js");
    await searchAttacks(options);
    return;
  }
  if (options.program !== undefined) {
    const { playProgram } = await import("../../sim/program.js");
    await playProgram(options.program, json);
    return;
  }
  const { simulateOne, simulateSeeds } = await import("../../sim/sim.js");
  if (options.seeds) await simulateSeeds(options.seeds, options);
  else await simulateOne(options);
}

function choice(flags: string, description: string, values: readonly [string, ...string[]]): Option {
  return new Option(flags, description).choices([...values]).default(values[0]);
}

function byzantine(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if ((value >= 0 && value < 1) || (Number.isInteger(value) && value >= 1 && value < MEMBERS_MAX)) return value;
  throw new InvalidArgumentError("It must be a share below 1 such as 0.2, or a whole number of members from 1 on.");
}

function rings(text: string): number | "auto" {
  return text === "auto" ? text : number(1, RING_COUNT_MAX, true)(text);
}

function seedRange(text: string): SeedRange {
  const [, from, to] = /^(\d{1,10})\.\.(\d{1,10})$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  if (range.from <= range.to && range.to <= SEED_MAX && range.to - range.from < SEEDS_MAX) return range;
  throw new InvalidArgumentError(`It must be like 0..99: two seeds, the second at most ${SEED_MAX}.`);
}
