/** One test's connections: made, read, flooded, and closed at its end whatever happens. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Address, Bound, DialReason, Transport } from "../../net/index.js";
import type { Place, TransportEnds, TransportSubject } from "./subject.js";

const KIB = 1024;
/** Far more than all buffers of both ends and of the system hold together. */
export const FLOOD_BYTES = 256 * KIB * KIB;
const CHUNK_BYTES = 64 * KIB;
/** Turns of the event loop in which nothing more is taken, before a writer counts as stopped. */
const IDLE_TURNS = 100;

export interface Pair {
  /** The end that dialled. */
  readonly near: Duplex;
  /** The end that was accepted. */
  readonly far: Duplex;
  readonly from: Address;
  readonly bound: Bound;
}

type OnConnection = (connection: Duplex, from: Address) => void;

export class Scene {
  readonly subject: TransportSubject;
  readonly options: { readonly bytes: number; readonly lives: number };
  readonly #ends: TransportEnds;
  readonly #open = new Set<Duplex>();
  readonly #bounds: Bound[] = [];
  readonly #places: Place[] = [];

  private constructor(subject: TransportSubject, options: Scene["options"], ends: TransportEnds) {
    this.subject = subject;
    this.options = options;
    this.#ends = ends;
  }

  static async of(subject: TransportSubject, options: Scene["options"]): Promise<Scene> {
    const made = await subject.create();
    return new Scene(subject, options, "dialling" in made ? made : { dialling: made, listening: made });
  }

  get dialling(): Transport {
    return this.#ends.dialling;
  }

  get scheme(): string {
    return this.#ends.listening.scheme;
  }

  async close(): Promise<void> {
    const gone = [...this.#open].map(closed);
    for (const connection of this.#open) connection.destroy();
    await Promise.all(gone);
    await Promise.all(this.#bounds.map((bound) => bound.close()));
    for (const { close } of this.#places) await close?.();
    await this.#ends.close?.();
  }

  /** Until it has closed by itself; the test's end destroys it. */
  kept<T extends Duplex>(connection: T): T {
    connection.on("error", () => {});
    if (connection.closed) return connection;
    this.#open.add(connection);
    connection.once("close", () => this.#open.delete(connection));
    return connection;
  }

  async place(make: () => Promise<Place> | Place): Promise<Address> {
    const place = await make();
    this.#places.push(place);
    return place.address;
  }

  async listen(onConnection: OnConnection = () => {}, port = 0): Promise<Bound> {
    const { host, path } = this.subject;
    const at = path === undefined ? { host, port } : { host, port, path };
    const bound = await this.#ends.listening.listen(at, (connection, from) =>
      onConnection(this.kept(connection), from),
    );
    this.#bounds.push(bound);
    return bound;
  }

  async dial({ address }: Pick<Bound, "address">): Promise<Duplex> {
    return this.kept(await this.dialling.dial(address, { signal: new AbortController().signal }));
  }

  /** Both ends of one connection. */
  async pair(): Promise<Pair> {
    let arrived: (end: Pick<Pair, "far" | "from">) => void = () => {};
    const accepted = new Promise<Pick<Pair, "far" | "from">>((resolve) => {
      arrived = resolve;
    });
    const bound = await this.listen((far, from) => arrived({ far, from }));
    const near = await this.dial(bound);
    return { near, bound, ...(await accepted) };
  }
}

/** When the connection has closed, with an error or without. */
export function closed(connection: Duplex): Promise<void> {
  return connection.closed ? Promise.resolve() : new Promise((done) => connection.once("close", () => done()));
}

/** Everything until the end. An async iterator would destroy the connection there, with what it still writes. */
export function all(connection: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  connection.on("data", (chunk: Buffer) => chunks.push(chunk));
  const everything = ended(connection).then(() => Buffer.concat(chunks));
  everything.catch(() => {});
  return everything;
}

/** When the other side's end has come. Somebody reads meanwhile. */
export function ended(connection: Duplex): Promise<void> {
  const end = new Promise<void>((resolve, reject) => {
    connection.once("end", resolve);
    connection.once("error", reject);
    connection.once("close", () => reject(new Error("The connection closed before its end came.")));
  });
  end.catch(() => {}); // A test that fails earlier waits for it no more.
  return end;
}

/** So many bytes, as text. */
export async function read(connection: Duplex, bytes: number): Promise<string> {
  for (;;) {
    const found: Buffer | null = connection.read(bytes);
    if (found !== null) return found.toString();
    await once(connection, "readable");
  }
}

/** Writes until nothing more is taken for a while; how much was taken. */
export async function flood(to: Duplex): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES, 7);
  let taken = 0;
  for (let idle = 0; idle < IDLE_TURNS && taken < FLOOD_BYTES; ) {
    if (to.writableNeedDrain) {
      await turn();
      idle++;
    } else {
      to.write(chunk);
      taken += chunk.length;
      idle = 0;
    }
  }
  return taken;
}

/** What a promise rejects with, which must be an error of ours with this code, and this reason if it is a dial's. */
export async function rejects(promise: Promise<unknown>, code: string, reason?: DialReason): Promise<void> {
  const error = await promise.then(
    () => assert.fail("Nothing was refused."),
    (found: { readonly code?: unknown; readonly reason?: unknown }) => found,
  );
  assert.ok(error instanceof Error, "What is thrown is an Error.");
  assert.deepEqual({ code: error.code, reason: error.reason }, { code, reason });
}
