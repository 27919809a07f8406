/** Real members that find each other by sources: islands that started apart, sources that are silent, lie, or come and go. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Discovery } from "../../../client/discovery/discovery.js";
import { MemoryNetwork } from "../../../net/index.js";
import { FakeDns } from "../../net/fake-dns.js";
import { OfflineNetwork, whole } from "../../support/network.js";

const directory = mkdtempSync(join(tmpdir(), "fireflies-islands-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A source of the test's own. */
function source() {
  let contacts: readonly string[] = [];
  let changed = () => {};
  const discovery: Discovery = {
    name: "own",
    contacts: async () => contacts,
    onChange: (listener) => {
      changed = listener;
    },
  };
  return {
    discovery,
    says: (next: readonly string[]) => {
      contacts = next;
      changed();
    },
  };
}

it("islands that started apart become one, once one member of one of them is told of one of the other", async () => {
  await using network = await OfflineNetwork.create({ wires: new MemoryNetwork() });
  const { discovery, says } = source();
  const first = await network.start({ discovery: [discovery] });
  const second = await network.start({ entryAddrs: [first.address] });
  const others = await network.startMany(3);
  await whole([first, second]);
  expect(first.info().discovery).toMatchObject([{ source: "own", contacts: 0, error: undefined }]);
  says([others[1]!.address]);
  await whole([first, second, ...others]);
  expect(first.info().discovery).toMatchObject([{ source: "own", contacts: 1 }]);
  expect(first.alarms).toEqual([]);
});

it("a member that is alone goes on asking, and gets in when somebody is there", async () => {
  await using network = await OfflineNetwork.create({ wires: new MemoryNetwork() });
  const path = join(directory, "contacts");
  writeFileSync(path, "# nobody yet\n");
  const early = await network.start({ entryAddrs: [`file:${path}`] });
  expect([early.ids, early.alarms.map(({ code }) => code)]).toEqual([[], []]);
  const late = await network.start();
  writeFileSync(`${path}.new`, `${early.address}\nm99:1\n${late.id}@${late.address} # the late one\n`);
  renameSync(`${path}.new`, path);
  await whole([early, late]);
  expect(early.info().discovery).toMatchObject([{ source: `file:${path}`, contacts: 2 }]); // Not itself.
});

it("DNS that is silent, lies or fails holds up no start and no other source", async () => {
  await using network = await OfflineNetwork.create();
  const first = await network.start();
  await using silent = await FakeDns.start(() => "silent");
  await using lying = await FakeDns.start(({ type }) =>
    type === "A" ? Array.from({ length: 300 }, (_, index) => `198.18.${index >> 8}.${index & 255}`) : "garbage",
  );
  const port = first.address.replace(/^.*:/, "");
  await using right = await FakeDns.start(({ type }) => (type === "A" ? ["127.0.0.1"] : []));
  const at = ({ servers }: FakeDns) => `dns://${servers[0]}/members.example:${port}`;
  const second = await network.start({ entryAddrs: [at(silent), at(lying), at(right)] });
  expect(second.ids).toEqual([first.id]);
  const infos = second.info().discovery;
  expect(infos.map(({ answeredAt, error }) => [answeredAt === undefined, error])[0]).toEqual([true, undefined]);
});

it("sources change while the member runs", async () => {
  await using network = await OfflineNetwork.create({ wires: new MemoryNetwork() });
  const path = join(directory, "later");
  const [first, other] = [await network.start(), await network.start()];
  writeFileSync(path, `${other.address}\n`);
  expect(first.adjust({ entryAddrs: [`file:${path}`] }).entryAddrs).toEqual([]);
  await whole([first, other]);
  first.adjust({ entryAddrs: [] });
  expect(first.info().discovery).toEqual([]);
});
