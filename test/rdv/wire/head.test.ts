/** Requests and answers as bytes: written, read, and judged. docs/rdv.md has them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIpPort, parseIpPorts } from "../../../rdv/wire/addresses.js";
import { formatMeeting, formatRefusal, parseMeeting, statusOf } from "../../../rdv/wire/answer.js";
import { firstValue, formatHead, headEnd, headersRecord, parseHead } from "../../../rdv/wire/head.js";
import { formatRequest, judgeRequest } from "../../../rdv/wire/request.js";
import { bytesOf } from "../../support/rdv-bytes.js";

const head = (text: string) => parseHead(Buffer.from(text, "latin1"));

describe("what is written", () => {
  it("is what docs/rdv.md says: a request", () => {
    const request = formatRequest({
      method: "DIAL",
      url: new URL("http://127.0.0.1:8321/rdv"),
      token: Buffer.from("to k"),
      selfAddresses: parseIpPorts("192.0.2.2:40479,[fd00::2]:40479")!,
      headers: [["X-Application", "yes"]],
    });
    expect(request).toBe(bytesOf("request"));
  });

  it("is what docs/rdv.md says: the answer to two that met, and a refusal", () => {
    const peerAddresses = parseIpPorts("10.0.0.1:7, 127.0.0.1:5, [2001:db8::1]:6")!;
    expect(formatMeeting({ observedAddress: parseIpPort("127.0.0.1:39390"), peerAddresses })).toBe(bytesOf("answer"));
    expect(formatRefusal(409, "replaced by another conn")).toBe(bytesOf("refusal"));
  });

  it("says with 426 to what an upgrade is wanted (RFC 9110, section 15.5.22)", () => {
    expect(headersRecord(head(formatRefusal(426, ""))!)).toMatchObject({
      upgrade: "rdv/1",
      connection: "close, upgrade",
    });
  });

  it("keeps an application's headers apart from lines of its own", () => {
    for (const [name, value] of [
      ["x", "a\r\nb: c"],
      ["x y", "a"],
      ["x:", "a"],
      ["", "a"],
    ] as const) {
      expect(() => formatHead("HTTP/1.1 200 OK", [[name, value]])).toThrow(TypeError);
    }
  });

  it("keeps the URL's folder and query, and the token one part of the path", () => {
    const lineOf = (url: string, token: string) =>
      formatRequest({
        method: "ACCEPT",
        url: new URL(url),
        token: Buffer.from(token),
        selfAddresses: [],
        headers: [],
      }).split("\r\n")[0];
    expect(lineOf("http://h", "a")).toBe("ACCEPT /a HTTP/1.1");
    expect(lineOf("http://h/p/?q=1", "a/b")).toBe("ACCEPT /p/a%2Fb?q=1 HTTP/1.1");
    expect(lineOf("http://h/p", "..")).toBe("ACCEPT /p/%2E%2E HTTP/1.1");
  });
});

describe("heads", () => {
  it("end with an empty line, with or without carriage returns", () => {
    expect(headEnd(Buffer.from("A\r\nb: c\r\n\r\nrest"))).toBe(11);
    expect(headEnd(Buffer.from("A\nb: c\n\nrest"))).toBe(8);
    expect(headEnd(Buffer.from("A\r\nb: c\r\n"))).toBeUndefined();
  });

  it("have names without case, and the first value of a name counts", () => {
    const parsed = head("A\r\nX-One: 1\r\nx-one:  2 \r\n\r\n")!;
    expect(firstValue(parsed, "x-one")).toBe("1");
    expect(headersRecord(parsed)["x-one"]).toBe("1, 2");
    expect(headersRecord(head("A\r\n__proto__: x\r\n\r\n")!)).toHaveProperty("__proto__", "x");
  });

  it.each([
    "A\r\nno colon\r\n\r\n",
    "A\r\n folded: x\r\n\r\n",
    "A\r\nx y: 1\r\n\r\n",
    "A\r\nx: \0\r\n\r\n",
    `A\r\n${"x: 1\r\n".repeat(101)}\r\n`,
  ])("%j is malformed", (text) => {
    expect(head(text)).toBeUndefined();
  });

  it("what is written is read back", () => {
    const name = fc.string({ unit: fc.constantFrom(..."abcxyz-"), minLength: 1, maxLength: 8 });
    const value = fc.string({ unit: "grapheme-ascii", maxLength: 20 }).map((text) => text.trim());
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (headers) => {
        expect(head(formatHead("DIAL /x HTTP/1.1", headers))).toEqual({ startLine: "DIAL /x HTTP/1.1", headers });
      }),
    );
  });

  it("nothing throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const parsed = head(text);
        if (parsed) void [judgeRequest(parsed, "/"), parseMeeting(parsed), statusOf(parsed)];
      }),
    );
  });
});

describe("an answer", () => {
  const met = (replacements: Record<string, string>) => parseMeeting(head(bytesOf("answer", replacements))!);

  it("tells where both are", () => {
    expect(met({})).toEqual({
      observedAddress: parseIpPort("127.0.0.1:39390"),
      peerAddresses: parseIpPorts("10.0.0.1:7,127.0.0.1:5,[2001:db8::1]:6"),
    });
    expect(met({ "Rdv-Observed-Addr: 127.0.0.1:39390\r\n": "" })).toMatchObject({ observedAddress: undefined });
    expect(met({ "Connection: upgrade": "CONNECTION: Upgrade", "Upgrade: rdv/1": "upgrade: RDV/1" })).toBeTypeOf(
      "object",
    );
    expect(met({ "10.0.0.1:7, 127.0.0.1:5, [2001:db8::1]:6": "" })).toMatchObject({ peerAddresses: [] });
  });

  it.each([
    ["Connection: upgrade", "Connection: close"],
    ["Upgrade: rdv/1", "Upgrade: rdv/2"],
    ["127.0.0.1:39390", "somewhere"],
    ["10.0.0.1:7", "host:7"],
    ["10.0.0.1:7", Array.from({ length: 9 }, (_, index) => `10.0.0.1:${index}`).join(",")],
  ])("with %s as %s is refused with a text", (from, to) => {
    expect(met({ [from]: to })).toBeTypeOf("string");
  });

  it.each([
    ["HTTP/1.1 101 Switching Protocols", 101],
    ["HTTP/1.0 404 Not Found", 404],
    ["HTTP/1.1 200", 200],
    ["SSH-2.0", undefined],
    ["HTTP/2 200", undefined],
  ])("%s has status %s", (startLine, status) => {
    expect(statusOf({ startLine, headers: [] })).toBe(status);
  });
});
