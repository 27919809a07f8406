/**
 * Topics while things go wrong, over real sockets and TLS: connections that break in the middle, a publisher and a subscriber that are
 * killed, a subscriber that stands still. Those that are killed are processes of their own. Needs a build: `npm run build`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { TopicMessage } from "../../../client/index.js";
import { saveIdentity } from "../../../identity/index.js";
import { type Transport, tcpTransport } from "../../../net/index.js";
import { codeOf, DEADLINE_MS, OfflineNetwork, read, type TestClient, text } from "../../support/network.js";

const CLIENT = fileURLToPath(new URL("../../../dist/client/index.js", import.meta.url));
const TOPIC = "orders.eu";
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => String(from + index));

/** Texts that came, in their order, and waits for them. */
class Handled {
  readonly texts: string[] = [];
  readonly #come = new EventTarget();

  readonly take = ({ data }: TopicMessage): void => {
    this.texts.push(read(data.subarray(0, 32)).replaceAll("\0", ""));
    this.#come.dispatchEvent(new Event("come"));
  };

  async until(isEnough: (texts: readonly string[]) => boolean): Promise<string[]> {
    while (!isEnough(this.texts)) await once(this.#come, "come", { signal: AbortSignal.timeout(DEADLINE_MS) });
    return this.texts;
  }
}

/** TCP whose connections a test breaks. */
class Breakable {
  readonly #open = new Set<Duplex>();
  readonly transport: Transport;

  constructor() {
    const tcp = tcpTransport();
    const kept = <T extends Duplex>(duplex: T): T => {
      this.#open.add(duplex);
      duplex.once("close", () => this.#open.delete(duplex));
      return duplex;
    };
    this.transport = {
      ...tcp,
      dial: async (to, options) => kept(await tcp.dial(to, options)),
      listen: (at, onConnection) => tcp.listen(at, (connection, from) => onConnection(kept(connection), from)),
    };
  }

  /** All of them, at once. */
  break(): number {
    const { size } = this.#open;
    for (const duplex of this.#open) duplex.destroy();
    return size;
  }
}

/** A member in a process of its own; `program` has it as `client`. */
class Child {
  readonly process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #said = new EventTarget();

  constructor(program: string) {
    this.process = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["pipe", "pipe", 2] });
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      this.#said.dispatchEvent(new Event("said"));
    });
  }

  async said(line: string): Promise<void> {
    while (!this.#lines.includes(line)) await once(this.#said, "said", { signal: AbortSignal.timeout(DEADLINE_MS) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }
}

async function childOf(network: OfflineNetwork, entry: TestClient, program: string): Promise<Child> {
  const dir = network.directory();
  await saveIdentity(dir, await network.authority.member());
  const options = {
    config: false,
    preset: "local",
    listen: "127.0.0.1:0",
    useCa: false,
    dir,
    entryAddrs: [entry.address],
  };
  return new Child(`
    import { Client } from ${JSON.stringify(CLIENT)};
    const client = new Client(${JSON.stringify(options)});
    await client.start();
    const text = (value) => new TextEncoder().encode(value);
    process.stdin.resume().once("end", () => process.exit());
    ${program}
  `);
}

describe("connections that break in the middle", () => {
  it("lose nothing, and change no order", { timeout: 2 * DEADLINE_MS }, async () => {
    const breakable = new Breakable();
    await using network = await OfflineNetwork.create();
    const ann = await network.start();
    const entryAddrs = [ann.address];
    const bob = await network.member({ entryAddrs }, undefined, { transports: [breakable.transport] });
    await bob.start();
    await ann.waitForMembers(1);
    const handled = new Handled();
    await bob.subscribe(TOPIC, { handler: handled.take });
    const sent = numbered(400);
    let broken = 0;
    for (const [index, each] of sent.entries()) {
      const published = ann.publish(TOPIC, text(each), { timeout: DEADLINE_MS });
      if (index % 50 === 25) broken += breakable.break();
      if (index % 10 === 0) await published;
    }
    await ann.publish(TOPIC, text("end"), { ack: "all", timeout: DEADLINE_MS });
    expect(broken).toBeGreaterThan(4);
    expect(await handled.until((texts) => texts.at(-1) === "end")).toEqual([...sent, "end"]);
  });
});

describe("a publisher that is killed", () => {
  it("leaves all subscribers with the same messages, without a hole", { timeout: 2 * DEADLINE_MS }, async () => {
    const { network, clients } = await OfflineNetwork.of(3);
    await using _ = network;
    const [ann] = clients as [TestClient];
    const all = clients.map(() => new Handled());
    await Promise.all(clients.map((client, index) => client.subscribe(TOPIC, { handler: all[index]!.take })));
    await using child = await childOf(
      network,
      ann,
      `await client.waitForMembers(3);
       while (client.subscribers("${TOPIC}").length < 3) await new Promise((next) => setTimeout(next, 10));
       for (let index = 0; ; index++) {
         const published = client.publish("${TOPIC}", text(String(index)));
         if (index % 20 === 0) await published;
         if (index === 1000) console.log("many");
       }`,
    );
    await child.said("many");
    child.process.kill("SIGKILL");
    const { id } = ann.members().find((each) => !clients.some((client) => client.id === each.id))!;
    for await (const change of ann.changes({ signal: AbortSignal.timeout(DEADLINE_MS) })) {
      if (change.kind === "failed" && change.member.id === id) break;
    }
    // What one of them has, the others pull from it.
    const most = () => Math.max(...all.map(({ texts }) => texts.length));
    for (const each of all) await each.until((texts) => texts.length >= most());
    for (const { texts } of all) expect(texts).toEqual(numbered(texts.length));
    expect(most()).toBeGreaterThan(1_000);
  });
});

const SUBSCRIBER = `
  await client.waitForMembers(2);
  await client.subscribe("${TOPIC}", { handler: () => {} });
  console.log("subscribed");`;

/** A subscriber in a process of its own, which has had its first message: "0". */
async function subscribedChild(network: OfflineNetwork, ann: TestClient) {
  const child = await childOf(network, ann, SUBSCRIBER);
  await child.said("subscribed");
  await ann.publish(TOPIC, text("0"), { ack: "all" });
  return child;
}

describe("a subscriber that is killed", () => {
  it("is waited for until it is out of the view, and no longer", { timeout: 2 * DEADLINE_MS }, async () => {
    const { network, clients } = await OfflineNetwork.of(2);
    await using _ = network;
    const [ann, bob] = clients as [TestClient, TestClient];
    const handled = new Handled();
    await bob.subscribe(TOPIC, { handler: handled.take });
    await using child = await subscribedChild(network, ann);
    child.process.kill("SIGKILL");
    const late = ann.publish(TOPIC, text("1"), { ack: "all", timeout: 100 });
    const early = ann.publish(TOPIC, text("2"), { ack: "all", timeout: DEADLINE_MS });
    expect(await codeOf(late)).toBe("unacknowledged");
    await early;
    expect(ann.subscribers(TOPIC).map(({ id }) => id)).toEqual([bob.id]);
    expect(await handled.until((texts) => texts.length === 3)).toEqual(["0", "1", "2"]);
  });
});

describe("a subscriber that stands still", () => {
  it("holds up nobody: what waits for it is bounded, and it goes", { timeout: 2 * DEADLINE_MS }, async () => {
    const { network, clients } = await OfflineNetwork.of(2);
    await using _ = network;
    const [ann, bob] = clients as [TestClient, TestClient];
    const handled = new Handled();
    await bob.subscribe(TOPIC, { handler: handled.take });
    await using child = await subscribedChild(network, ann);
    child.process.kill("SIGSTOP");
    const data = Buffer.alloc(256 * 1024);
    for (const each of numbered(200, 1)) {
      data.fill(0, 0, 8);
      data.write(each);
      await ann.publish(TOPIC, data, { timeout: DEADLINE_MS });
    }
    expect(await handled.until((texts) => texts.length === 201)).toEqual(numbered(201));
    await ann.publish(TOPIC, text("end"), { ack: "all", timeout: DEADLINE_MS });
    expect(ann.subscribers(TOPIC).map(({ id }) => id)).toEqual([bob.id]);
  });
});
