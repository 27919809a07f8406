/**
 * What the package weighs: on disk, in a process that starts, in an agent that runs, and in a process of many clients.
 *
 *   npm run build && node bench/weight.mjs [packages] [start] [agents] [clients]      all of them when none is named
 *
 * --runs N (5) is how often a start is measured; the median is told. --agents N (10) and --clients N (100) are how many
 * there are. CPU is user and system time of all threads of one process. Linux: it reads /proc.
 */
import { parseArgs } from "node:util";
import { weighAgents } from "./weight/agents.mjs";
import { weighClients } from "./weight/clients.mjs";
import { weighPackages } from "./weight/packages.mjs";
import { weighStart } from "./weight/start.mjs";

const PARTS = { packages: weighPackages, start: weighStart, agents: weighAgents, clients: weighClients };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "5" },
    agents: { type: "string", default: "10" },
    clients: { type: "string", default: "100" },
  },
});
const unknown = positionals.find((name) => !(name in PARTS));
if (unknown !== undefined) throw new Error(`${unknown} is none of ${Object.keys(PARTS).join(", ")}`);
const counts = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));

for (const [name, weigh] of Object.entries(PARTS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  console.log(`\n${name}`);
  await weigh(counts);
}
