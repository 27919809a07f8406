/** What the machine tells, for the program: changes, alarms, and the gossip that is handed over. */
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { OutputHandlers } from "../driver/switchboard.js";
import type { Isolation } from "../standing/isolation.js";
import type { Hearsay } from "../talk/hearsay.js";
import type { PathChange } from "../types.js";
import type { Directory } from "../view/directory.js";
import type { ChangeFeed } from "./changes.js";
import type { Rejections } from "./rejections.js";

export interface HeardOptions {
  readonly directory: Pick<Directory, "change" | "entered">;
  readonly feed: Pick<ChangeFeed, "publish">;
  readonly handOver: (...given: Parameters<Hearsay["handOver"]>) => void;
  readonly isolation: Pick<Isolation, "found" | "over">;
  readonly rejected: Pick<Rejections, "count">;
  readonly onClockStepped: () => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export function heard(options: HeardOptions): OutputHandlers {
  const { directory, feed, handOver, isolation, rejected, onClockStepped, onAlarm } = options;
  const changed = (told: Parameters<Directory["change"]>[0]) => feed.publish(directory.change(told));
  return {
    ready: () => directory.entered(),
    gossip: ({ to, content }) => handOver(to, content),
    isolated: ({ reason, until }) =>
      isolation.found(reason, until && Math.round(Date.now() + until - performance.now())),
    back: () => isolation.over(),
    alarm: ({ what }) => {
      if (what === "clock-stepped") onClockStepped();
      onAlarm(new FirefliesError(what));
    },
    rejected: ({ what, reason }) => rejected.count(`${what}: ${reason}`),
    joined: changed,
    suspected: changed,
    rebutted: changed,
    updated: changed,
    left: changed,
    failed: changed,
  };
}

/** Tells the readers that asked for paths. */
export function pathTeller(
  feed: Pick<ChangeFeed, "publishPath">,
  directory: Pick<Directory, "find">,
): (id: MemberId, describe: () => PathChange) => void {
  return (id, describe) =>
    feed.publishPath(() => {
      const member = directory.find(id);
      return member && { kind: "path", member, at: Date.now(), ...describe() };
    });
}
