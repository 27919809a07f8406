/**
 * Two ends of one program that send each other values: ports of worker threads, and the channels of processes. What is not ours on
 * the same port is left alone.
 */
import type { ChildProcess } from "node:child_process";
import type { Worker as ClusterWorker } from "node:cluster";
import type { MessagePort, Worker } from "node:worker_threads";
import { wrongType } from "../../identity/index.js";

/** What joins two ends: the latter three are processes, begun with `serialization: "advanced"`. */
export type SharingPort = MessagePort | Worker | ChildProcess | ClusterWorker | NodeJS.Process;

/** One end. */
export interface Line {
  post(message: Message): void;
  close(): void;
}

/** All that is said begins with this, so that a port may carry other things as well. */
const MARK = "fireflies/threads/1";

/** What one end tells the other; what it says is in `wire.ts`. */
export interface Message {
  readonly kind: string;
}

interface Emitter {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Events that say that the other end is gone. */
const ENDS = ["close", "exit", "disconnect"];

/** Throws a TypeError for what is no port. */
export function lineOver(port: SharingPort, onMessage: (message: Message) => void, onEnd: () => void): Line {
  const post = posting(port);
  const emitter = port as unknown as Emitter;
  let isOpen = true;
  const take = (value: unknown) => {
    const { mark, message } = (value ?? {}) as { readonly mark?: unknown; readonly message?: Message };
    if (mark === MARK && message !== undefined) onMessage(message);
  };
  const ended = () => {
    close();
    onEnd();
  };
  const close = () => {
    isOpen = false;
    emitter.off("message", take);
    for (const event of ENDS) emitter.off(event, ended);
  };
  emitter.on("message", take);
  for (const event of ENDS) emitter.on(event, ended);
  return { post: (message) => void (isOpen && post({ mark: MARK, message })), close };
}

function posting(port: SharingPort): (value: unknown) => void {
  if ("postMessage" in port && typeof port.postMessage === "function") return (value) => port.postMessage(value);
  // That the other end is gone is told by "disconnect"; an error without a listener would end the process.
  if ("send" in port && typeof port.send === "function")
    return (value) => void (port as ChildProcess).send(value as object, () => {});
  throw wrongType("A client is shared over a MessagePort, a Worker, a child process or a worker of cluster.");
}
