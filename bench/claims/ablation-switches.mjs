/**
 * Parts of the machine that a run can do without, to see what each contributes. A switch replaces a public method of a
 * class of the built package for the time of one run, in this process only.
 */
import { Detector } from "../../dist/gossip/detection/detector.js";
import { LocalHealth } from "../../dist/gossip/detection/local-health.js";
import { Monitor } from "../../dist/gossip/detection/monitor.js";
import { NEW_PATH } from "../../dist/gossip/detection/path.js";
import { Mailer } from "../../dist/gossip/spreading/mailer.js";
import { Rounds } from "../../dist/gossip/spreading/rounds.js";

const SWITCHES = {
  /** News travel by comparing views alone. */
  push: [
    [Mailer, "spread", () => {}],
    [Mailer, "spreadUrgently", () => {}],
  ],
  /** News travel by push alone: nobody compares views after it has joined. */
  reconciliation: [[Rounds, "visit", () => {}]],
  /** Three misses and a fixed timeout, whatever the way to a member is like. */
  "adaptive pings": [[Detector, "path", () => NEW_PATH]],
  /** Every miss counts, also while my own loop stands still or most of those I ask are silent. */
  "local health": [
    [LocalHealth, "isVoid", () => false],
    [Monitor, "restart", () => {}],
    [Monitor, "postpone", () => {}],
  ],
};

/** Returns what switches it on again. */
export function switchOff(name) {
  const undo = SWITCHES[name].map(([type, method, replacement]) => {
    const original = type.prototype[method];
    if (typeof original !== "function") throw new Error(`${type.name} has no ${method} any more: mend this switch`);
    type.prototype[method] = replacement;
    return () => {
      type.prototype[method] = original;
    };
  });
  return () => {
    for (const restore of undo) restore();
  };
}

export const PARTS = Object.keys(SWITCHES);
