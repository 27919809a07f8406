/** R21: a path that died accuses nobody. What a try says whose paths ended in these ways. */
import { describe, expect, it } from "vitest";
import { type PathEnd, verdictOf } from "../../../gossip/index.js";

const direct = (end: PathEnd["end"]): PathEnd => ({ isDirect: true, end });
const relayed = (end: PathEnd["end"]): PathEnd => ({ isDirect: false, end });

describe("R21: a try over several paths", () => {
  it.each<[string, string | undefined, readonly PathEnd[], number?]>([
    ["one answer is enough", "answered", [relayed("refused"), direct("refused"), relayed("answered")], 3],
    ["while a path is open an answer may come", undefined, [relayed("refused"), relayed("silent")], 1],
    ["a relay's refusal ends nothing", undefined, [relayed("refused")], 2],
    ["silence of all", "silent", [relayed("silent"), relayed("silent")]],
    ["all relays say that it is gone: silence", "silent", [relayed("refused"), relayed("refused")]],
    ["its own host says that nobody listens", "refused", [direct("refused")]],
    ["at every address", "refused", [direct("refused"), direct("refused"), direct("none")]],
    [
      "at its address, and relays say the same: they are no witnesses",
      "silent",
      [direct("refused"), relayed("refused")],
    ],
    ["at its address, and relays are silent", "silent", [direct("refused"), relayed("silent")]],
    ["nothing was sent, for reasons of mine", "unable", [direct("unable"), relayed("unable")]],
    ["no path was one for me", "unable", [direct("none")]],
    ["no path at all", "unable", []],
    ["one was tried, others could not be", "silent", [relayed("silent"), direct("unable")]],
    ["one was refused, others could not be tried", "silent", [direct("refused"), direct("unable")]],
  ])("%s: %s", (_, outcome, ends, open) => {
    expect(verdictOf(ends, open)).toBe(outcome);
  });
});
