/** What a failed try says of a member: only refusals are evidence, and what this machine could not do says nothing. */
import { describe, expect, it } from "vitest";
import { outcomeOf } from "../../client/driver/outcome.js";
import { FirefliesError } from "../../identity/index.js";
import { DialError, type DialReason } from "../../net/index.js";

describe("a try that failed", () => {
  it.each<[string, readonly DialReason[]]>([
    ["refused", ["refused"]],
    ["refused", ["refused", "refused", "forbidden"]],
    ["silent", ["no-route"]],
    ["silent", ["timeout"]],
    ["silent", ["handshake"]],
    ["silent", ["backoff"]],
    ["silent", ["refused", "backoff"]],
    ["silent", ["refused", "timeout"]],
    ["silent", ["refused", "unresolved"]],
    ["silent", ["refused", "local"]],
    ["unable", ["unresolved"]],
    ["unable", ["forbidden"]],
    ["unable", ["local"]],
    ["unable", ["local", "unresolved", "forbidden"]],
    ["unable", ["cancelled"]],
  ])("is %s when its addresses ended with %j", (outcome, reasons) => {
    const error = new DialError(reasons[0]!, "203.0.113.7:1", { reasons });
    expect(outcomeOf(error, { wasDialled: true })).toBe(outcome);
  });

  it("is silence where the member never answered a dial of mine: a router may have refused, or a stranger's host", () => {
    expect(outcomeOf(new DialError("refused", "192.168.1.5:1"))).toBe("silent");
    expect(outcomeOf(new DialError("refused", "192.168.1.5:1"), { wasReached: true })).toBe("silent");
  });

  it("is silence when its name is gone and it was dialled before; not when this machine is at fault", () => {
    const failed = (...reasons: DialReason[]) => new DialError(reasons[0]!, "b.example:1", { reasons });
    expect(outcomeOf(failed("unresolved"), { wasReached: true })).toBe("silent");
    expect(outcomeOf(failed("unresolved", "forbidden"), { wasReached: true })).toBe("silent");
    expect(outcomeOf(failed("unresolved", "local"), { wasReached: true })).toBe("unable");
    for (const reason of ["local", "forbidden"] as const)
      expect(outcomeOf(failed(reason), { wasReached: true })).toBe("unable");
  });

  it("after the connection was made is silence", () => {
    for (const code of ["timeout", "peer-refused", "overloaded"] as const)
      expect(outcomeOf(new FirefliesError(code))).toBe("silent");
  });
});
