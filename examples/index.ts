/** Runs an example by its name: `npm run example -- messages`. */
const EXAMPLES = [
  "messages",
  "proofs",
  "gossip",
  "streams",
  "rpc",
  "inventory",
  "kv",
  "simulation",
  "rendezvous",
  "lans",
  "http",
  "orders",
  "cache",
];

const [name = ""] = process.argv.slice(2);
if (EXAMPLES.includes(name)) {
  await import(`./${name}.js`);
} else {
  console.error(`Which example? npm run example -- ${EXAMPLES.join("|")}`);
  process.exitCode = 2;
}
