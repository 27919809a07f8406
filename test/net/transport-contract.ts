/** What every transport must do (net/transports/transport.ts), as one suite that each implementation runs. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FirefliesError } from "../../identity/index.js";
import type { Address, Bound, DialError, Transport } from "../../net/index.js";
import { closed, later } from "./waiting.js";

export interface ContractSubject {
  /** A transport. Those of one test reach each other. */
  readonly create: () => Transport;
  readonly host: string;
  readonly path?: string;
  /** What the process holds while a place is listened at, as process.getActiveResourcesInfo() names it. */
  readonly handle?: string;
  /** A connection that says too little to be handed over, where there is such a thing. */
  readonly knock?: (address: Address) => Promise<Duplex>;
  /** An address that takes connections of the system and answers nothing, for transports that shake hands. */
  readonly silent?: () => Promise<{ readonly address: Address; close(): Promise<void> }>;
}

const KIB = 1024;
/** Far more than all buffers of both ends and of the system hold together. */
const FLOOD_BYTES = 256 * KIB * KIB;
const CHUNK_BYTES = 64 * KIB;

export function transportContract(title: string, subject: ContractSubject): void {
  describe(`${title} keeps the transport's contract`, () => {
    const open: Duplex[] = [];
    const bounds: Bound[] = [];
    let transport: Transport;

    beforeEach(() => {
      transport = subject.create();
    });

    afterEach(async () => {
      for (const connection of open.splice(0)) connection.destroy();
      await Promise.all(bounds.splice(0).map((bound) => bound.close()));
    });

    /** Kept, so that the test's end closes it. */
    function kept<T extends Duplex>(connection: T): T {
      connection.on("error", () => {});
      open.push(connection);
      return connection;
    }

    async function listening(onConnection: (connection: Duplex, from: Address) => void, port = 0): Promise<Bound> {
      const { host, path } = subject;
      const at = path === undefined ? { host, port } : { host, port, path };
      const bound = await transport.listen(at, (connection, from) => onConnection(kept(connection), from));
      bounds.push(bound);
      return bound;
    }

    async function dialled(address: Address): Promise<Duplex> {
      return kept(await transport.dial(address, { signal: new AbortController().signal }));
    }

    /** Both ends of one connection. */
    async function pair() {
      const accepted = later<{ connection: Duplex; from: Address }>();
      const bound = await listening((connection, from) => accepted.resolve({ connection, from }));
      const near = await dialled(bound.address);
      const { connection: far, from } = await accepted.promise;
      return { near, far, from, bound };
    }

    /** Everything until the end. An async iterator would destroy the connection there, with what it still writes. */
    function all(connection: Duplex): Promise<Buffer> {
      const chunks: Buffer[] = [];
      connection.on("data", (chunk: Buffer) => chunks.push(chunk));
      return new Promise((resolve, reject) => {
        connection.once("end", () => resolve(Buffer.concat(chunks)));
        connection.once("error", reject);
      });
    }

    async function read(connection: Duplex, bytes: number): Promise<Buffer> {
      for (;;) {
        const found: Buffer | null = connection.read(bytes);
        if (found !== null) return found;
        await once(connection, "readable");
      }
    }

    it("listens at a free port when asked for 0, and tells both sides where the other one is", async () => {
      const { from, bound } = await pair();
      expect(bound.address).toMatchObject({ scheme: transport.scheme, host: subject.host });
      expect(bound.address.port).toBeGreaterThan(0);
      expect(from).toMatchObject({ scheme: transport.scheme, host: subject.host });
      expect(from.port).toBeGreaterThan(0);
    });

    it("carries bytes both ways, in order and unchanged, whatever the size of a write", async () => {
      const { near, far } = await pair();
      const sizes = [1, 2, 125, 126, 65_535, 65_536, 1_000_000];
      const sent = Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index + 1)));
      const echoed = all(near);
      far.pipe(far);
      let at = 0;
      for (const size of sizes) {
        near.write(sent.subarray(at, at + size));
        at += size;
      }
      near.write(Buffer.alloc(0));
      near.end();
      const received = await echoed;
      expect(received.length).toBe(sent.length);
      expect(received.equals(sent)).toBe(true);
    });

    it("carries what was written before the end, then the end; what the other side had written still comes", async () => {
      const { near, far } = await pair();
      far.write("from far");
      near.end("from near");
      const [atFar, atNear] = await Promise.all([all(far), all(near)]);
      expect([atFar.toString(), atNear.toString()]).toEqual(["from near", "from far"]);
      await Promise.all([closed(near), closed(far)]);
      expect([near.errored, far.errored]).toEqual([null, null]);
    });

    it("never delivers within the write", async () => {
      const { near, far } = await pair();
      let arrived = 0;
      far.on("data", () => arrived++);
      far.resume();
      await turn();
      const ended = once(far, "end");
      near.write("x");
      expect(arrived).toBe(0);
      near.end();
      expect(arrived).toBe(0);
      await ended;
      expect(arrived).toBeGreaterThan(0);
    });

    it("lets a writer wait for a reader that stops, with a bounded number of bytes under way", async () => {
      const { near, far } = await pair();
      far.pause();
      const taken = await flood(near);
      expect(taken).toBeLessThan(FLOOD_BYTES / 4);
      expect(far.readableLength).toBeLessThanOrEqual(KIB * KIB);
      // And nothing of it is lost.
      near.end();
      let arrived = 0;
      far.on("data", (chunk: Buffer) => {
        arrived += chunk.length;
      });
      far.resume();
      await once(far, "end");
      expect(arrived).toBe(taken);
    });

    /** Writes until nothing more is taken for a hundred turns in which something could be; how much was taken. */
    async function flood(to: Duplex): Promise<number> {
      const chunk = Buffer.alloc(CHUNK_BYTES, 7);
      let taken = 0;
      for (let idle = 0; idle < 100 && taken < FLOOD_BYTES; ) {
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

    it("carries both directions while one of them stands still", async () => {
      const { near, far } = await pair();
      far.pause();
      await flood(near);
      far.write("still here");
      expect((await read(near, 10)).toString()).toBe("still here");
    });

    it("closes the other end when one is destroyed, with an error or without", async () => {
      for (const error of [undefined, new Error("enough")]) {
        const { near, far } = await pair();
        near.write("a word");
        await read(far, 6);
        far.resume();
        near.destroy(error);
        await closed(far);
        const other = await pair();
        other.near.resume();
        other.far.destroy(error);
        await closed(other.near);
      }
    });

    it("closes the other end though that one does not read", async () => {
      const { near, far } = await pair();
      far.pause();
      far.destroy();
      near.write("x");
      near.resume();
      await closed(near);
    });

    it("says that nobody listens, as evidence", async () => {
      const bound = await listening(() => {});
      await bound.close();
      const error = await failure(dialled(bound.address));
      expect(error).toMatchObject({ code: "peer-unreachable", reason: "refused" });
    });

    it("does not dial when its signal has fired, and stops when it fires", async () => {
      const bound = await listening(() => {});
      const fired = await failure(transport.dial(bound.address, { signal: AbortSignal.abort() }));
      expect(fired).toMatchObject({ code: "cancelled", reason: "cancelled" });
      const controller = new AbortController();
      const dialling = transport.dial(bound.address, { signal: controller.signal });
      controller.abort();
      expect(await failure(dialling)).toMatchObject({ code: "cancelled", reason: "cancelled" });
    });

    it("stops while the other side says nothing", async () => {
      if (subject.silent === undefined) return;
      const silent = await subject.silent();
      const controller = new AbortController();
      const dialling = transport.dial(silent.address, { signal: controller.signal });
      dialling.catch(() => {});
      await turn();
      controller.abort();
      expect(await failure(dialling)).toMatchObject({ reason: "cancelled" });
      await silent.close();
    });

    it("listens where nobody else does, and again after close", async () => {
      const bound = await listening(() => {});
      const again = await failure(listening(() => {}, bound.address.port));
      expect(again.code).toBe("address-in-use");
      await bound.close();
      await bound.close();
      expect((await listening(() => {}, bound.address.port)).address.port).toBe(bound.address.port);
    });

    it("takes nobody in after close, lets connections live, and leaves no handle", async () => {
      const { near, far, bound } = await pair();
      await bound.close();
      expect(process.getActiveResourcesInfo().filter((name) => name === subject.handle)).toEqual([]);
      near.write("alive");
      expect((await read(far, 5)).toString()).toBe("alive");
    });

    it("closes with itself what it has not handed over", async () => {
      if (subject.knock === undefined) return;
      const bound = await listening(() => {});
      const knocking = await subject.knock(bound.address);
      await bound.close();
      await closed(knocking);
    });

    it("survives connections that their owner drops at once", async () => {
      const bound = await listening((connection) => connection.destroy());
      for (let count = 0; count < 10; count++) {
        const near = await dialled(bound.address);
        near.write("x");
        near.resume();
        await closed(near);
      }
    });
  });
}

async function failure(promise: Promise<unknown>): Promise<DialError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FirefliesError);
  return error as DialError;
}
