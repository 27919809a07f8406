/** What tests of net/ wait for. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { vi } from "vitest";
import type { Address } from "../../net/index.js";

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

/** A connection of the system that says nothing. */
export async function knock({ host, port }: Address): Promise<Duplex> {
  const socket = connect(port, host).on("error", () => {});
  await once(socket, "connect");
  return socket.resume();
}

/** Resolves when `check` throws no more; far longer than it takes, for machines that are busy. */
export function soon(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 15_000, interval: 5 });
}
