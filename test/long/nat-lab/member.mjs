// A member in the lab: told what to do by lines of JSON, and tells what it saw in the same way.
// node member.mjs '{"name": ..., options of Client}'
import { createInterface } from "node:readline";
import { Client } from "../../../dist/client/index.js";
import { sendFile, takeFile } from "./files.mjs";

const plain = (_, value) => (typeof value === "bigint" ? String(value) : value);
/** Of one clock for all processes of a host, milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6;
const tell = (event) => process.stdout.write(`${JSON.stringify({ ...event, clock: now() }, plain)}\n`);
const client = new Client(JSON.parse(process.argv[2]));
client.registerMessageHandler((data, { from }) => {
  tell({ event: "handled", from: from.id, text: Buffer.from(data).toString() });
  return data;
});
client.registerStreamHandler((stream) => takeFile(stream, tell));
client.registerAlarmHandler(({ code, message }) => tell({ event: "alarm", code, message }));

const DO = {
  /** One message there and back. */
  async call({ id, timeoutMs = 10_000, text = "hello" }) {
    const startedAt = now();
    await client.sendToId(id, Buffer.from(text), { timeout: timeoutMs });
    return { startedAt, ms: now() - startedAt, ...pathTo(id) };
  },
  "send-file": (file) => sendFile(client, file),
  path: ({ id }) => pathTo(id),
  view: () => ({ members: client.members().map((member) => member.id) }),
  relays: ({ id }) => ({
    count: client.member(id)?.addresses.filter((address) => address.startsWith("relay:")).length ?? 0,
  }),
  info: () => ({ info: client.info() }),
  async stop() {
    await client.stop();
    setImmediate(() => process.exit(0));
    return {};
  },
};

function pathTo(id) {
  const { path, via, rttMs, whyNotBetter } = client.paths().find((each) => each.id === id) ?? {};
  return { path, via, rttMs, whyNotBetter };
}

(async () => {
  for await (const change of client.changes())
    if (change.kind !== "updated") tell({ event: change.kind, id: change.member?.id });
})().catch(() => {});
await client.start();
tell({ event: "ready", id: client.id, address: client.address });
for await (const line of createInterface(process.stdin)) {
  const { number, what, ...rest } = JSON.parse(line);
  Promise.resolve()
    .then(() => DO[what](rest))
    .then((answer) => tell({ event: "done", number, ...answer }))
    .catch((error) => tell({ event: "done", number, error: error.code ?? String(error), message: error.message }));
}
