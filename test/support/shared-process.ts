/**
 * Runs before each test file of the rooms whose files share a process (vitest.config.ts). After the file it takes spies and fake
 * timers back. A file that leaves the process changed would fail a later one; so it fails itself, here.
 */
import { afterAll, expect, vi } from "vitest";

const EVENTS = ["uncaughtException", "unhandledRejection", "warning", "exit", "SIGTERM", "SIGINT"] as const;

/** What all files of a process have in common, as far as a test may change it by mistake. */
function processState() {
  return {
    directory: process.cwd(),
    umask: process.umask(),
    environment: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST"))),
    clocks: [setTimeout, clearTimeout, setInterval, setImmediate, Date, performance.now],
    listeners: EVENTS.map((event) => [event, process.listenerCount(event)]),
  };
}

/** What the worker has open before any test. */
const open = () => process.getActiveResourcesInfo().filter((kind) => /^(TCP|TLS|Pipe|UDP|HTTP)/.test(kind)).length;
/** Sockets that are closing are waited for as long as one closes within this, milliseconds. */
const CLOSING_MS = 100;

/**
 * What a file leaves half closed goes on in the next one: timers that it sets then would be among those that a test counts on a
 * clock of its own.
 */
async function closed(): Promise<void> {
  let [count, since] = [open(), performance.now()];
  while (count > openBefore && performance.now() - since < CLOSING_MS) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (open() < count) [count, since] = [open(), performance.now()];
  }
}

const before = processState();
const openBefore = open();
afterAll(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await closed();
  expect(processState(), "the process after this file's tests").toEqual(before);
});
