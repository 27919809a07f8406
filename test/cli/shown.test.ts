/** Peers write into messages, metadata, addresses, names and errors. On an operator's terminal each of them is one line, and moves nothing. */
import { connect } from "node:net";
import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { logDecision } from "../../ca/decision-log.js";
import type { Decision } from "../../ca/index.js";
import { alarmLines } from "../../cli/api/recent-alarms.js";
import { failureLine } from "../../cli/failure.js";
import { Log } from "../../cli/log/log.js";
import { Sink } from "../../cli/log/sink.js";
import { frames, painter, toJson, writeLine } from "../../cli/output.js";
import { changeLine, changeView, infoTable, membersTable, memberView } from "../../cli/views.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { member } from "../support/fake-agent-client.js";

const EVIL = "hi\nalarm: \u001b[2J\u001b]0;t\u0007\u009b1A \u202e\u2066\u2028\u2029\u200b\ufeff\u3164 \ud800";
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\p{DI}]/u;

function expectLines(text: string, count: number): void {
  const lines = text.split("\n");
  expect(lines).toHaveLength(count);
  for (const line of lines) expect(line).not.toMatch(UNSAFE);
}

describe("for people", () => {
  const evil = member("aa", { address: EVIL, addresses: [EVIL], metadata: { [EVIL]: [EVIL] } });

  it("a member is one row", () => expectLines(membersTable([memberView(evil)], 0), 2));

  it.each(["joined", "updated", "left"] as const)("the change %s is one line", (kind) => {
    expectLines(changeLine(changeView({ kind, member: evil, at: 0 }), painter(false)), 1);
  });

  it("new addresses of mine are one line", () => {
    expectLines(changeLine(changeView({ kind: "moved", addresses: [EVIL], at: 0 }), painter(false)), 1);
  });

  it("a fact is one row", () => expectLines(infoTable({ rejected: { [EVIL]: 1 }, address: EVIL }), 2));

  it.each([new FirefliesError("handler-failed", EVIL), new Error(EVIL), EVIL])("a failure is one line", (error) => {
    expectLines(failureLine(error, false), 1);
  });

  it("an error of the system shows no places in Node, any other one all of its places", async () => {
    const refused: unknown = await new Promise((resolve) =>
      connect({ port: 1, host: "127.0.0.1" }).once("error", resolve),
    );
    expect(refused).toMatchObject({ syscall: "connect" });
    expect(frames(refused)).toEqual([]);
    expect(frames(new TypeError("mine")).join("\n")).toMatch(/shown\.test\.ts/);
  });

  it("an alarm is one line; that of a handler also has the places where it threw", () => {
    const cause = new TypeError("mine");
    for (const code of ["authority-awaited", "authority-unreachable", "state-write-failed"] as const) {
      expect(alarmLines(new FirefliesError(code, EVIL, { cause }))).toHaveLength(1);
    }
    const [line, place] = alarmLines(new FirefliesError("handler-failed", "It threw.", { cause }));
    expect(line).toMatch(/^alarm: It threw\. .* \(handler-failed\)$/);
    expect(place).toMatch(/shown\.test\.ts/);
  });

  it("what a view forgot is caught where it is written: only line ends and colours get by", async () => {
    const line = painter(true)("red", `a${EVIL}`);
    const [first, ...more] = (await written(line)).split("\n");
    expect(first).toBe("\u001b[31mahi");
    expect(more.join("\n")).toBe(
      "alarm: \\u001b[2J\\u001b]0;t\\u0007\\u009b1A \\u202e\\u2066\\u2028\\u2029\\u200b\\ufeff\\u3164 \\ud800\u001b[39m\n",
    );
  });
});

describe("for programs", () => {
  it("JSON is one line, safe, and has the same values", () => {
    const value = { [EVIL]: [EVIL, { at: 2n ** 62n }] };
    expectLines(toJson(value), 1);
    expect(JSON.parse(toJson(value))).toEqual({ [EVIL]: [EVIL, { at: String(2n ** 62n) }] });
  });

  it("so is a failure", () => {
    const line = failureLine(new Error(EVIL), true);
    expectLines(line, 1);
    expect(JSON.parse(line)).toEqual({ error: { code: "unexpected", message: EVIL } });
  });
});

describe("an authority's log", () => {
  const at = 0;
  const decisions: readonly Decision[] = [
    { kind: "failed", at, error: new Error(EVIL) },
    { kind: "token-created", at, principal: EVIL, uses: 1 },
  ];

  it.each(["text", "json"] as const)("as %s has one line for each decision", (form) => {
    const lines: string[] = [];
    const outlet = { write: (text: string) => lines.push(text) > 0, drained: async () => {}, problem: undefined };
    const sink = new Sink(outlet, { leftOut: String, onProblem: () => {} });
    const log = new Log({ form, level: "info", sink });
    for (const decision of decisions) logDecision(log, decision);
    expect(lines).toHaveLength(decisions.length);
    // The place of an error follows as lines of its own.
    for (const line of lines) expectLines(line.split("\n")[0]!, 1);
  });
});

async function written(line: string): Promise<string> {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  await writeLine(line, stream);
  return chunks.join("");
}
