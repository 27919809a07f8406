/** The transports' contract itself: what breaks a promise fails its test, and the runner of Node.js takes it as well. */
import { createServer, type Server } from "node:net";
import { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { type Address, MemoryNetwork, type Transport } from "../../net/index.js";
import { type TransportSubject, transportContract, transportPromises } from "../../testing/index.js";
import { ROOT, runNode } from "../support/tree.js";

const HOST = "127.0.0.1";
const SMALL = { bytes: 100_000, lives: 6 };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const kept = (): Transport => new MemoryNetwork().transport("here");

/** A transport that keeps the contract but for what is replaced. */
function broken(change: (inner: Transport) => Partial<Transport>): TransportSubject {
  return {
    host: HOST,
    create: () => {
      const inner = kept();
      return { ...inner, ...change(inner) };
    },
  };
}

/** Each connection of the dialler goes through `change`. */
function dialling(change: (connection: Duplex) => Duplex): TransportSubject {
  return broken((inner) => ({ dial: async (to, target) => change(await inner.dial(to, target)) }));
}

/** Titles of the promises that a transport does not keep. What hangs counts as broken. */
async function brokenPromises(subject: TransportSubject): Promise<string[]> {
  const found: string[] = [];
  for (const { title, run } of transportPromises(subject, SMALL)) {
    const isKept = await Promise.race([
      run().then(
        () => true,
        () => false,
      ),
      late(),
    ]);
    if (!isKept) found.push(title);
  }
  return found;
}

/** Within memory everything that will happen has happened after so many turns. */
async function late(): Promise<false> {
  for (let turns = 0; turns < 20_000; turns++) await new Promise((done) => setImmediate(done));
  return false;
}

function wrapped(inner: Duplex, write: (chunk: Buffer, done: () => void) => void): Duplex {
  const outer = new Duplex({
    write: (chunk, _, done) => write(chunk, done),
    read: () => void inner.resume(),
    final: (done) => void inner.end(done),
    destroy: (error, done) => {
      inner.destroy();
      done(error);
    },
  });
  inner.on("data", (chunk) => outer.push(chunk) || inner.pause());
  inner.on("end", () => outer.push(null));
  inner.on("close", () => outer.destroy());
  return outer;
}

describe("the transports' contract", { timeout: 120_000 }, () => {
  it("is kept by a transport that keeps it", async () => {
    expect(await brokenPromises({ host: HOST, create: kept })).toEqual([]);
  });

  it.each<[string, TransportSubject, RegExp]>([
    [
      "changes a byte",
      dialling((inner) =>
        wrapped(inner, (chunk, done) =>
          inner.write(
            Buffer.from(chunk).map((byte, at) => (at === 0 ? byte ^ 1 : byte)),
            () => done(),
          ),
        ),
      ),
      /in order and unchanged/,
    ],
    [
      "takes all that is written",
      dialling((inner) =>
        wrapped(inner, (chunk, done) => {
          inner.write(chunk);
          done();
        }),
      ),
      /a bounded number/,
    ],
    ["closes when the other side ends", dialling((inner) => inner.once("end", () => inner.destroy())), /half-closes/],
    [
      "says that there is no way when nobody listens",
      broken((inner) => ({
        dial: (to, target) =>
          inner.dial(to, target).catch((error) => Promise.reject(Object.assign(error, { reason: "no-route" }))),
      })),
      /nobody listens/,
    ],
    [
      "dials on when its signal has fired",
      broken((inner) => ({ dial: (to) => inner.dial(to, { signal: new AbortController().signal }) })),
      /signal has fired/,
    ],
    [
      "listens on after close",
      broken((inner) => ({
        listen: async (at, onConnection) => ({ ...(await inner.listen(at, onConnection)), close: async () => {} }),
      })),
      /again after close/,
    ],
    [
      "keeps a handle of each connection",
      dialling((inner) => {
        servers.push(createServer().listen(0, HOST));
        return inner;
      }),
      /no handle/,
    ],
    [
      "tells a wrong address",
      broken((inner) => ({
        listen: (at, onConnection) =>
          inner.listen(at, (connection, from: Address) => onConnection(connection, { ...from, scheme: "other" })),
      })),
      /where the other one is/,
    ],
  ])("sees one that %s", async (_, subject, promise) => {
    const found = await brokenPromises(subject);
    expect(found.filter((title) => promise.test(title))).not.toEqual([]);
  });

  it("runs what a subject can show, and nothing else", () => {
    const titles = (subject: Partial<TransportSubject>) =>
      transportPromises({ host: HOST, create: kept, ...subject }).map(({ title }) => title);
    const place = () => ({ address: { scheme: "memory", host: HOST, port: 1 } });
    expect(titles({ failures: { timeout: place } })).toContain("says why a dial fails: timeout");
    expect(titles({ hasPorts: false }).length).toBe(titles({}).length - 2);
    expect(titles({ silent: async () => place() }).length).toBe(titles({}).length + 1);
  });

  it("is defined by any runner: each promise once, with its deadline", () => {
    const defined: string[] = [];
    transportContract(
      "Mine",
      { host: HOST, create: kept },
      {
        describe: (title, define) => {
          defined.push(title);
          define();
        },
        test: (title, { timeout }) => defined.push(`${title} ${timeout}`),
      },
      { timeoutMs: 7 },
    );
    expect(defined[0]).toBe("Mine keeps the transport's contract");
    expect(defined.length).toBe(transportPromises({ host: HOST, create: kept }).length + 1);
    expect(defined.slice(1).every((title) => title.endsWith(" 7"))).toBe(true);
  });

  it("runs under the runner of Node.js", async () => {
    const { code, output } = await runNode(["--test", "--test-reporter=tap", "test/testing/node-runner.mjs"], ROOT);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/^# pass [1-9]\d$/m);
  });
});
