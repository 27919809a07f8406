/**
 * A cache that is spread over the members that offer it: each value at two of them. A member that comes takes its share from all, and
 * one that dies loses nothing, since the other copy is handed on. The members are real, on wires in memory.
 */
import { type Client, decodeJson, encodeJson } from "fireflies";
import { type Holding, holders, holdKeys } from "fireflies/coordination";
import { startTestNetwork } from "fireflies/testing";

const COPIES = 2;
const SERVICE = "cache";

/** What one member asks another one: a value to keep, or a key to answer for. */
type Request = { readonly key: string; readonly value?: string };

/** One member's part of the cache. */
class Cache {
  readonly #client: Client;
  readonly #store = new Map<string, string>();
  #holding: Holding | undefined;

  /** Before the client starts: so that no request finds nobody. */
  constructor(client: Client) {
    this.#client = client;
    client.serve(SERVICE, (data) => {
      const { key, value } = decodeJson(data) as Request;
      if (value !== undefined) this.#store.set(key, value);
      return encodeJson(this.#store.get(key) ?? null);
    });
  }

  /** When the client has started. */
  hold(): void {
    this.#holding = holdKeys(this.#client, SERVICE, {
      copies: COPIES,
      keys: () => this.#store.keys(),
      handOver: async (key, to, signal) => {
        const value = this.#store.get(key);
        if (value !== undefined) await this.#ask(to.id, { key, value }, signal);
      },
      drop: (key) => void this.#store.delete(key),
    });
  }

  get size(): number {
    return this.#store.size;
  }

  /** Resolves when nothing is left to hand over. */
  async settled(): Promise<void> {
    await this.#holding?.settled();
  }

  async set(key: string, value: string): Promise<void> {
    await Promise.all(this.#holders(key).map(({ id }) => this.#ask(id, { key, value })));
  }

  /** From the first holder that has it. */
  async get(key: string): Promise<string | undefined> {
    for (const { id } of this.#holders(key)) {
      const found = await this.#ask(id, { key }).catch(() => null); // It has died: the next one.
      if (found !== null) return found;
    }
    return undefined;
  }

  #holders(key: string) {
    return holders(this.#client, SERVICE, key, COPIES);
  }

  async #ask(id: string, request: Request, signal?: AbortSignal): Promise<string | null> {
    const options = { service: SERVICE, timeout: 2_000, ...(signal && { signal }) };
    return decodeJson(await this.#client.sendToId(id, encodeJson(request), options)) as string | null;
  }
}

const caches = new Map<Client, Cache>();
await using network = await startTestNetwork({
  members: 3,
  prepare: (client) => caches.set(client, new Cache(client)),
});
const running = () => network.members.map((client) => caches.get(client) as Cache);

/** All offer it, in the view of each. */
async function offered(): Promise<void> {
  for (const client of network.members) {
    const others = network.members.length - 1;
    if (client.members({ service: SERVICE }).length === others) continue;
    for await (const _ of client.changes()) if (client.members({ service: SERVICE }).length === others) break;
  }
}

await offered();
for (const cache of running()) cache.hold();
const [first] = running() as [Cache];
const keys = Array.from({ length: 100 }, (_, index) => `key ${index}`);
for (const key of keys) await first.set(key, `value of ${key}`);
const [a, b, c] = running().map(({ size }) => size);
console.log(`three members hold ${a}, ${b} and ${c} copies of 100 values`);

const client = await network.add();
const fourth = caches.get(client) as Cache;
fourth.hold();
await offered();
await Promise.all(running().map((cache) => cache.settled()));
console.log(`a fourth one has come, and holds ${fourth.size} of them`);

await network.kill(client);
await network.gone(client);
await Promise.all(running().map((cache) => cache.settled()));
const values = await Promise.all(keys.map((key) => first.get(key)));
const found = values.filter((value, index) => value === `value of ${keys[index]}`).length;
console.log(`one is killed: ${found} of 100 values are still there`);
