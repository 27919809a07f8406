/** What tests of net/ wait for. */
import type { Duplex } from "node:stream";

/** A promise with its ways to settle; Node 20 has no Promise.withResolvers. */
export function later<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((...ways) => {
    [resolve, reject] = ways;
  });
  return { promise, resolve, reject };
}

/** When the connection has closed, with an error or without. */
export function closed(connection: Duplex): Promise<void> {
  return connection.closed ? Promise.resolve() : new Promise((done) => connection.once("close", () => done()));
}
