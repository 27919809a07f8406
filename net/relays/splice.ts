/**
 * Two duplexes joined: what one brings goes out by the other, as it came, without a copy. While one end does not take more,
 * the other is not read; an end of one direction is passed on; what ends one side out of order ends the other.
 */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import { releaseMessage } from "../session/release.js";
import { releaserOf } from "../session/roomy.js";
import type { ByteDuplex } from "../session/session.js";
import { CONDUIT_ROOM_BYTES } from "./limits.js";

/** True when these bytes may go at once; otherwise `go` is called when they may. */
export type Pace = (bytes: number, go: () => void) => boolean;

/** Passes one direction of messages on. */
export function pass(from: ByteDuplex, to: ByteDuplex, pace: Pace): void {
  passAs(from, to, pace, (chunk) =>
    to.write(chunk, (error) => {
      if (!error) releaseMessage(chunk); // Nobody else has it.
    }),
  );
}

/** Passes one direction of bytes on. What a connection may hold is the conduit's, not the transport's: that is one byte at a gate. */
export function passBytes(from: Duplex, to: Duplex, pace: Pace): void {
  const giveBack = releaserOf(from);
  passAs(from, to, pace, (chunk) => {
    to.write(chunk, (error) => {
      if (!error) giveBack?.(chunk as Buffer<ArrayBuffer>);
    });
    return to.writableLength < CONDUIT_ROOM_BYTES;
  });
}

/** `send` returns false when nothing more is to be read until "drain". */
function passAs(from: Duplex, to: Duplex, pace: Pace, send: (chunk: Uint8Array) => boolean): void {
  const write = (chunk: Uint8Array) => {
    if (!to.destroyed && !send(chunk)) from.pause();
  };
  to.on("drain", () => from.resume());
  from.on("data", (chunk: Uint8Array) => {
    const isNow = pace(chunk.length, () => {
      from.resume();
      write(chunk);
    });
    if (isNow) write(chunk);
    else from.pause();
  });
  from.once("end", () => to.end());
  from.resume(); // It was paused behind its first message.
}

/** What ends one of them out of order ends the other, with the same reason. */
export function tie(one: Duplex, other: Duplex): void {
  const closed = (side: Duplex, far: Duplex) => {
    if (!isInOrder(side)) far.destroy(reasonOf(side));
  };
  whenClosed(one, () => closed(one, other));
  whenClosed(other, () => closed(other, one));
}

/** Calls `then` once, when both are closed. */
export function whenBothClosed(one: Duplex, other: Duplex, then: () => void): void {
  whenClosed(one, () => whenClosed(other, then));
}

/** The first message; the duplex is paused behind it. Undefined when it ends or closes before, or when time is up. */
export function firstMessage(duplex: ByteDuplex, withinMs: number): Promise<Uint8Array | undefined> {
  if (duplex.destroyed) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const done = (message?: Uint8Array) => {
      clearTimeout(timer);
      duplex.off("data", onData).off("end", onNone).off("close", onNone);
      resolve(message);
    };
    const onNone = () => done();
    const onData = (message: Uint8Array) => {
      duplex.pause();
      done(message);
    };
    const timer = setTimeout(onNone, withinMs);
    duplex.on("data", onData).once("end", onNone).once("close", onNone);
  });
}

/** Calls `then` when the duplex is closed, in a later turn if it is already. */
function whenClosed(duplex: Duplex, then: () => void): void {
  if (duplex.closed) setImmediate(then);
  else duplex.once("close", then);
}

function isInOrder(side: Duplex): boolean {
  return side.errored === null && side.readableEnded && side.writableFinished;
}

function reasonOf({ errored }: Duplex): FirefliesError {
  return errored instanceof FirefliesError ? errored : new FirefliesError("stream-reset");
}
