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

const before = processState();
afterAll(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  expect(processState(), "the process after this file's tests").toEqual(before);
});
