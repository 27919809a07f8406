/** docs/claims.md, from the rows of the runs. */
import { RULES } from "./rules-version.mjs";
import { TABLES } from "./tables.mjs";

const INTRODUCTION = `# Claims

What a network of fireflies promises while some of its members lie, crash, stall or lose packets, and the runs behind it.
Every figure comes from the simulator: the production machine of \`gossip/\`, unchanged, with default settings (\`lan\`),
on a virtual clock and network, signatures without cryptography. A run follows from its options and its seed.

This page is printed by \`npm run -s claims -- --print\` from \`bench/claims/results.jsonl\`, \`-more\`, \`-topics\` and, for the rules before R20,
\`-before\`: one line for each run, with
options, seed, result, the seconds that it took, its memory at most, the commit and the version of Node. \`npm run claims -- --tables NAME
--scale 1\` runs a table again, \`--scale 10\` with ten times as many networks or ten times as long; \`npm run claims\` runs a short form,
with up to 100 members. Rates are simulated seconds per second of one of two cores, with another run on the other one. One network by hand:
\`fireflies sim --members 100 --byzantine 0.2 --rings auto --adversary all --faults none --seconds 160 --seed 1\`.

Rule R20 (a judge hears the accused) and its neighbours came in November 2026. What was run before it stands apart, under "before R20": the
attacks in those rows act each by itself, and found nothing on the rules of then either. Those that broke them are in the first table.
`;

export function document(rows) {
  const parts = [INTRODUCTION];
  for (const [name, { title, about, render }] of Object.entries(TABLES)) {
    const own = rows.filter(({ table }) => table === name);
    const [present, before] = [true, false].map((is) => own.filter(({ rules }) => (rules === RULES) === is));
    if (own.length > 0) parts.push(`## ${title}`, about);
    if (present.length > 0) parts.push(render(present));
    if (before.length > 0) parts.push(`### ${title}, before R20`, render(before));
  }
  return `${parts.map((part) => part.trim()).join("\n\n")}\n`;
}
