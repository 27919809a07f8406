/** Tokens, the lines between peers, and the dialler's commands, against the bytes of docs/rdv.md. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LINE_BYTES_MAX, TOKEN_BYTES_MAX } from "../../../rdv/limits.js";
import { formatIpPort } from "../../../rdv/wire/addresses.js";
import { CONTINUE_LINE, formatOther, formatPeerLine, parseCommand, parsePeerLine } from "../../../rdv/wire/lines.js";
import { escapeToken, unescapeToken } from "../../../rdv/wire/token.js";
import { bytesOf } from "../../support/rdv-bytes.js";

const token = Buffer.from("to k");

describe("what is written", () => {
  it("is what docs/rdv.md says", () => {
    expect(formatPeerLine("DIAL", token)).toBe(bytesOf("dialer-line"));
    expect(formatPeerLine("ACCEPT", token)).toBe(bytesOf("accepter-line"));
    expect(CONTINUE_LINE).toBe(bytesOf("continue"));
    expect(formatOther("192.0.2.7:40123")).toBe(bytesOf("other"));
  });

  it("fits a line for each token that is taken", () => {
    const longest = Buffer.alloc(TOKEN_BYTES_MAX, "a");
    expect(formatPeerLine("ACCEPT", longest)).toHaveLength(LINE_BYTES_MAX);
  });
});

describe("a peer's line", () => {
  it.each([
    ["rdv/1 DIAL to%20k\n", "DIAL", "to k"],
    ["rdv/1 ACCEPT to%20k\r\n", "ACCEPT", "to k"],
    ["rdv/1 DIAL a%2Fb\n", "DIAL", "a/b"],
    ["rdv/1 DIAL a/b\n", "DIAL", "a/b"],
    ["rdv/1 DIAL %c3%bc+\n", "DIAL", "ü+"],
  ])("%j is %s of %s", (line, method, expected) => {
    expect(parsePeerLine(line)).toEqual({ method, token: Buffer.from(expected) });
  });

  it.each([
    "",
    "\n",
    "rdv/1 DIAL \n",
    "rdv/1 DIAL a b\n",
    "rdv/1 dial a\n",
    "rdv/2 DIAL a\n",
    "rdv/1 GET a\n",
    "rdv/1 DIAL a%2\n",
    "rdv/1 DIAL a",
    "x rdv/1 DIAL a\n",
  ])("%j is none", (line) => {
    expect(parsePeerLine(line)).toBeUndefined();
  });
});

describe("a command", () => {
  it.each(["CONTINUE\n", "CONTINUE\r\n", "CONTINUE now\n"])("%j continues", (line) => {
    expect(parseCommand(line)).toEqual({ kind: "continue" });
  });

  it.each([
    ["OTHER 192.0.2.7:40123\n", "192.0.2.7:40123"],
    ["OTHER [::1]:5\r\n", "[::1]:5"],
    ["OTHER nowhere\n", undefined],
  ])("%j is a direct connection at %s", (line, expected) => {
    const command = parseCommand(line);
    expect(command?.kind).toBe("other");
    expect(command?.kind === "other" && command.address && formatIpPort(command.address)).toBe(expected);
  });

  it.each(["", "\n", "CONTINUE", "continue\n", "CONTINUED\n", "OTHER\n", "OTHER \n", "BYE\n"])("%j is none", (line) => {
    expect(parseCommand(line)).toBeUndefined();
  });
});

describe("tokens", () => {
  it("are any bytes: what is escaped is read back, in a path and in a line", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
        const escaped = escapeToken(bytes);
        expect(escaped).toMatch(/^[\w.~%-]+$/);
        expect(unescapeToken(escaped)).toEqual(Buffer.from(bytes));
        expect(parsePeerLine(formatPeerLine("DIAL", bytes))).toEqual({ method: "DIAL", token: Buffer.from(bytes) });
      }),
    );
  });

  it.each([
    ["a/b", "a%2Fb"],
    ["100%", "100%25"],
    ["ü", "%C3%BC"],
    ["a.b", "a.b"],
    [".", "%2E"],
    ["..", "%2E%2E"],
  ])("%s is escaped as %s", (text, escaped) => {
    expect(escapeToken(Buffer.from(text))).toBe(escaped);
  });

  it("nothing throws", () => {
    fc.assert(fc.property(fc.string(), (text) => void [unescapeToken(text), parsePeerLine(text), parseCommand(text)]));
  });
});
