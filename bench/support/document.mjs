/** docs/performance.md: the figures that are kept, with the words of their rows. */
import { table } from "../claims/markdown.mjs";
import { meets } from "./measure.mjs";
import { plotsOf } from "./plots.mjs";
import { sizeSections } from "./sizes.mjs";
import { aimText, figure } from "./table.mjs";

const INTRODUCTION = `# Performance

What a member costs, beside what others would do in its place. Each row measures us and a peer in turns, in one run of one
program on one machine, each side of a conversation in a process of its own, over real sockets of the loopback interface with
mutual TLS 1.3 and P-256 certificates. Absolute figures change with the machine by a factor of two and more; ratios in one
run hold better, and are what the aims are about.

This page is printed by \`npm run -s bench -- --print\` from \`bench/performance.jsonl\`: one line for each row, as it was last
measured, with all its runs.`;

const TABLE = `Ours is signed in both directions, with default settings and membership running; the figure is the median of the runs. The ratio
is ours / peer of the medians; the spread is the lowest and the highest ratio of a run to the peer's run beside it. More is
better where the aim is >=, less where it is <=.`;

const ALONE = `Rows without a peer say what a part of ours costs by itself.`;

const REPEAT = `<!-- not run: measures for hours, and installs its peers before -->
\`\`\`sh
npm ci
npm ci --prefix bench/peers            # NATS's client and js-libp2p, for the rows nats-50, topic-* and libp2p-50
apt-get install nats-server serf       # for nats-50 and topic-*; for steady-*, kill and kill-silent, which need root and iproute2 as well
npm run bench                          # the table
npm run bench -- --only message-50,nats-50 --runs 5
npm run -s bench -- --json             # a JSON line for each row
npm run bench -- --keep                # and into bench/performance.jsonl
npm run -s bench -- --plots            # the plots of this page, from what is kept
npm run -s bench -- --print > docs/performance.md
\`\`\`

What is not installed is skipped with a word about it. Nothing else should run meanwhile: both sides of a row share the machine's
cores, and it shows in the spread.

The packages of the peers stand in \`bench/peers/\` with a lock file of their own: 115 packages, 44 MB and ten seconds for a few rows of one
table are nothing that everybody should install who builds or tests this. None of them runs a script when it is installed. One of
them, for reconnecting, asks for Node 22, hence a warning of npm; js-libp2p 3 itself runs on Node 20 once it is given
\`Promise.withResolvers\`, and is half as fast again as its version 2. NATS's server is that of Debian, with its defaults; the clients of
NATS, js-libp2p and grpc-js have theirs too, but for js-libp2p's limit of streams for each protocol, which would end the
measurement at 32 in flight.`;

/** `kept`: results by row, as `readKept` gives them; `rows`: the definitions, whose words are printed. */
export function document(kept, rows) {
  const found = rows.flatMap((row) => {
    const result = kept.find((each) => each.row === row.name);
    return result ? [{ ...row, result }] : [];
  });
  const beside = found.filter(({ result }) => result.ratio !== null);
  const alone = found.filter(({ result }) => result.ratio === null);
  const parts = [
    INTRODUCTION,
    `${machinesOf(found)}`,
    "## Beside others",
    TABLE,
    besideTable(beside),
    rowList(beside),
    ...sizeSections(Object.fromEntries(kept.map((row) => [row.row, row]))),
    ...(alone.length > 0 ? ["## By itself", ALONE, aloneTable(alone)] : []),
    ...section("## What limits each row", found, "limits"),
    ...growth(kept),
    ...section("## Tried, and not worth it", found, "tried"),
    "## Repeat it",
    REPEAT,
  ];
  return `${parts.join("\n\n")}\n`;
}

/** On what all this was measured; one sentence if it was one machine on one day. */
function machinesOf(found) {
  const places = new Set(
    found.map(({ result }) => `${result.cpu}, Node ${result.node.replace("v", "")}, ${result.date}`),
  );
  return `Measured on: ${[...places].join("; ")}.`;
}

function besideTable(rows) {
  const lines = rows.map(({ name, unit, aim, result: { ours, peer, ratio, spread, runs } }) => [
    `\`${name}\``,
    `${figure(ours)} ${unit}`,
    figure(peer),
    `**${figure(ratio)}**`,
    spread.map(figure).join(" - "),
    runs.length,
    aimText(aim),
    aim ? (meets(ratio, aim) ? "yes" : "no") : "",
  ]);
  return table(["row", "ours", "peer", "ratio", "spread", "runs", "aim", "reached"], lines);
}

function rowList(rows) {
  return rows
    .map(({ name, what, peer, result }) => `- \`${name}\`: ${sentence(what)} Peer: ${peer}.${tlsShare(result)}`)
    .join("\n");
}

/** Of streams: the limit of Node, measured beside them. */
function tlsShare({ ours, details }) {
  if (!details?.tls) return "";
  const tls = details.tls.toSorted((a, b) => a - b)[details.tls.length >> 1];
  return ` node:tls alone moves ${figure(tls)} MiB/s beside it: ours is ${Math.round((100 * ours) / tls)} % of that.`;
}

function aloneTable(rows) {
  const lines = rows.map(({ name, what, unit, result: { ours, runs } }) => [
    `\`${name}\``,
    sentence(what),
    `${figure(ours)} ${unit}`,
    `${figure(Math.min(...runs))} - ${figure(Math.max(...runs))}`,
  ]);
  return table(["row", "what", "median", "runs"], lines);
}

/** What the rows say under this key: a text, or several. */
function section(heading, rows, key) {
  const lines = rows.flatMap((row) => [row[key] ?? []].flat().map((text) => `- \`${row.name}\`: ${sentence(text)}`));
  return lines.length > 0 ? [heading, lines.join("\n")] : [];
}

function growth(kept) {
  const plots = plotsOf(kept);
  if (plots.length === 0) return [];
  return ["## How it grows", ...plots.map(({ file, title, says }) => `${says}\n\n![${title}](performance/${file})`)];
}

function sentence(text) {
  const begun = text.replace(/^[a-z](?!\w*[-:])/, (letter) => letter.toUpperCase());
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
