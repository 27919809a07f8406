/** Tokens: one string with address, fingerprint and secret. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeToken, encodeToken, isAuthorityUrl } from "../../identity/index.js";

const token = {
  urls: ["https://[::1]:8300", "https://ca.example.org:8300"],
  fingerprint: "ab".repeat(32),
  secret: new Uint8Array(32).fill(9),
};
const fields = (json: unknown) => `ff1.${Buffer.from(JSON.stringify(json)).toString("base64url")}`;
const good = {
  u: token.urls,
  f: Buffer.alloc(32, 0xab).toString("base64url"),
  s: Buffer.alloc(32, 9).toString("base64url"),
};

describe("tokens", () => {
  it("come back as they went, also with white space around them", () => {
    expect(decodeToken(encodeToken(token))).toEqual(token);
    expect(decodeToken(`\n ${encodeToken(token)} \r\n`)).toEqual(token);
    expect(encodeToken(token)).toMatch(/^ff1\.[A-Za-z0-9_-]+$/);
  });

  it.each([
    ["nothing", ""],
    ["another version", encodeToken(token).replace("ff1", "ff2")],
    ["cut off", encodeToken(token).slice(0, -10)],
    ["no JSON", "ff1.AAAA"],
    ["null", fields(null)],
    ["no URL", fields({ ...good, u: [] })],
    ["plain HTTP", fields({ ...good, u: ["http://127.0.0.1:1"] })],
    ["a URL with a path", fields({ ...good, u: ["https://127.0.0.1:1/x"] })],
    ["nine URLs", fields({ ...good, u: new Array(9).fill("https://a:1") })],
    ["a short secret", fields({ ...good, s: "AAAA" })],
    ["a short fingerprint", fields({ ...good, f: "AAAA" })],
    ["too long", `ff1.${"A".repeat(3_000)}`],
  ])("are refused: %s", (_, text) => {
    expect(decodeToken(text)).toBeUndefined();
  });

  it("made of any text never throw", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => decodeToken(`ff1.${text}`) === undefined));
  });

  it("name https addresses only", () => {
    expect(isAuthorityUrl("https://127.0.0.1:8300")).toBe(true);
    for (const url of ["", "https://u:p@h:1", "https://h:1/?q", "ftp://h", 7]) expect(isAuthorityUrl(url)).toBe(false);
  });
});
