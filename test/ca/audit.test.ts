/** The audit: what was decided, in order, and whatever is done to it afterwards is found. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readHead, verifyAudit } from "../../ca/audit/audit.js";
import { auditHash } from "../../ca/store/audit-chain.js";
import { renew, report } from "../../client/authority/authority.js";
import { decodeToken, generateKeyPair } from "../../identity/index.js";
import { AuthorityFixture, codeOf, DAY_MS, NOW } from "./authority-fixture.js";

let fixture: AuthorityFixture;
let lines: string[];
let root: Uint8Array;
let early: string[];
beforeAll(async () => {
  fixture = await AuthorityFixture.start();
  root = fixture.authority.root;
  const alice = await fixture.join("alice");
  early = await collected();
  await fixture.join("bob");
  await fixture.at(NOW + 5 * DAY_MS);
  await renew(fixture.server.urls, alice.identity, generateKeyPair(), fixture.call("10.0.0.1:1"));
  await report(fixture.server.urls, alice.identity, fixture.call("10.0.0.1:2"));
  await fixture.authority.operator.revokePrincipal("bob");
  await codeOf(fixture.join("eve; DROP TABLE audit\r\n"));
  lines = await collected();
});
afterAll(() => fixture[Symbol.asyncDispose]());

async function collected(after = 0): Promise<string[]> {
  const found: string[] = [];
  for await (const line of fixture.authority.operator.exportAudit(after)) found.push(line);
  return found;
}

interface Entry {
  readonly sequence: number;
  readonly at: number;
  readonly network: string;
  readonly kind: string;
  readonly fields: Record<string, unknown>;
  readonly previous: string;
  readonly hash: string;
}
const entry = (line: string | undefined) => JSON.parse(line!) as Entry;
const verdict = (changed: readonly string[], since?: { sequence: number; hash: string }) =>
  verifyAudit(changed, { root, since });
/** Makes a changed entry's own hash right again. */
const rehashed = ({ fields, ...rest }: Entry): string => {
  const whole = { ...rest, fields: JSON.stringify(fields) };
  return JSON.stringify({ ...rest, fields, hash: auditHash(whole) });
};

describe("the audit", () => {
  it("has one line per decision, and a signed head", async () => {
    const kinds = lines.slice(0, -1).map((line) => entry(line).kind);
    expect(kinds).toEqual(expect.arrayContaining(["authority-created", "token-created", "issued", "revoked"]));
    expect(kinds.filter((kind) => kind === "issued").length).toBe(3);
    const renewal = lines.map(entry).find(({ fields }) => fields?.how === "renewal");
    expect(renewal?.fields).toMatchObject({ principal: "alice" });
    expect(await verdict(lines)).toMatchObject({ ok: true, entries: lines.length - 1 });
    expect(await fixture.authority.operator.verifyAudit()).toMatchObject({ ok: true, entries: lines.length - 1 });
  });

  it("notes refusals, with the code and from where, when the server stops at the latest", async () => {
    await using other = await AuthorityFixture.start();
    const answer = await fetchRaw(other.server.port);
    expect(answer).toBe(404);
    await other.server.close();
    const found: { kind: string; fields: string }[] = [];
    for await (const each of other.authority.operator.audit()) found.push(each);
    const refusal = found.find(({ kind }) => kind === "refused");
    expect(JSON.parse(refusal!.fields)).toEqual({ code: "not-found", route: "none", address: "127.0.0.1" });
  });

  it("holds no secret: no token, no key", async () => {
    const token = await fixture.authority.createToken("carol");
    const { secret } = decodeToken(token)!;
    const text = (await collected()).join("\n");
    for (const form of ["base64", "base64url", "hex"] as const)
      expect(text).not.toContain(Buffer.from(secret).toString(form));
    expect(text).not.toMatch(/PRIVATE|passphrase|secret/i);
  });

  it("may be exported in parts that follow each other", async () => {
    const head = readHead(early.at(-1)!, root);
    const part = await collected(head.sequence);
    expect(entry(part[0]).sequence).toBe(head.sequence + 1);
    expect(await verdict(part, head)).toMatchObject({ ok: true });
    expect(await verdict(lines, head)).toMatchObject({ ok: true });
    const nothing = await collected(1_000_000);
    expect(nothing.length).toBe(1);
    expect(await verdict(nothing)).toMatchObject({ ok: true, entries: 0 });
  });
});

describe("what is done to an export is found", () => {
  const at = 3; // Some entry in the middle.
  const replace = (index: number, line: string) => lines.with(index, line);
  const cases: readonly (readonly [string, () => readonly string[], RegExp])[] = [
    [
      "a field changed",
      () => replace(at, lines[at]!.replace(/"principal":"\w+"/, '"principal":"mallory"')),
      /was changed/,
    ],
    ["a time changed", () => replace(at, lines[at]!.replace(/"at":\d/, '"at":9')), /was changed/],
    [
      "a change with its hash made right",
      () => replace(at, rehashed({ ...entry(lines[at]), kind: "renewed" })),
      /does not belong/,
    ],
    ["an entry left out", () => lines.toSpliced(at, 1), /missing or in another order/],
    ["an entry twice", () => lines.toSpliced(at, 0, lines[at]!), /missing or in another order/],
    [
      "two entries swapped",
      () => lines.with(at, lines[at + 1]!).with(at + 1, lines[at]!),
      /missing or in another order/,
    ],
    ["swapped and renumbered", () => swappedAndRenumbered(), /signed head is entry|does not belong/],
    ["the end cut off", () => lines.slice(0, -3), /signed head is missing/],
    ["the end cut off before the head", () => lines.toSpliced(-3, 2), /signed head is entry/],
    [
      "the beginning replaced",
      () => replace(0, rehashed({ ...entry(lines[0]), previous: "1".repeat(64) })),
      /begin the chain/,
    ],
    ["another head", () => lines.with(-1, early.at(-1)!), /signed head is entry/],
    ["something after the head", () => [...lines, lines[0]!], /after the signed head/],
    ["a head with another signature", () => lines.with(-1, flipped(lines.at(-1)!)), /signature of its head/],
    ["a line of junk", () => lines.toSpliced(at, 0, "junk"), /no line of an audit/],
    ["an empty line", () => lines.toSpliced(at, 0, ""), /no line of an audit/],
    ["a huge line", () => lines.toSpliced(at, 0, `{"a":"${"x".repeat(20_000)}"}`), /no line of an audit/],
    ["a further field", () => replace(at, lines[at]!.replace("{", '{"extra":1,')), /no line of an audit/],
    ["nothing at all", () => [], /signed head is missing/],
  ];

  const swappedAndRenumbered = () => {
    const [first, second] = [entry(lines[at]), entry(lines[at + 1])];
    const early = rehashed({ ...second, sequence: first.sequence, previous: first.previous });
    const late = rehashed({ ...first, sequence: second.sequence, previous: entry(early).hash });
    return lines.with(at, early).with(at + 1, late);
  };
  const flipped = (line: string) => {
    const head = JSON.parse(line) as { signature: string };
    const bytes = Buffer.from(head.signature, "base64");
    bytes[5]! ^= 1;
    return JSON.stringify({ ...head, signature: bytes.toString("base64") });
  };

  it.each(cases)("%s", async (_, changed, why) => {
    const result = await verdict(changed());
    expect(result).toMatchObject({ ok: false, problem: expect.stringMatching(why) });
  });

  it("any one character changed", async () => {
    const accepted: string[] = [];
    for (const [index, line] of lines.entries()) {
      for (let position = 1; position < line.length; position += 3) {
        const character = line[position] === "1" ? "2" : "1";
        const changed = `${line.slice(0, position)}${character}${line.slice(position + 1)}`;
        if ((await verdict(lines.with(index, changed))).ok) accepted.push(`${index}:${position}`);
      }
    }
    expect(accepted).toEqual([]);
  });

  it("an export of another authority, or of a rewritten past", async () => {
    await using other = await AuthorityFixture.start();
    expect(await verifyAudit(lines, { root: other.authority.root })).toMatchObject({ ok: false });
    const foreign: string[] = [];
    for await (const line of other.authority.operator.exportAudit()) foreign.push(line);
    expect(await verdict(foreign)).toMatchObject({ ok: false });
    const head = readHead(early.at(-1)!, root);
    const rewritten = { ...head, hash: "2".repeat(64) };
    expect(await verdict(lines, rewritten)).toMatchObject({ ok: false, problem: expect.stringMatching(/rewritten/) });
    const ahead = { sequence: 1_000, hash: head.hash };
    expect(await verdict(lines, ahead)).toMatchObject({ ok: false, problem: expect.stringMatching(/is missing/) });
    const { operator } = fixture.authority;
    expect(await operator.verifyAudit(head)).toMatchObject({ ok: true });
    expect(await operator.verifyAudit(rewritten)).toMatchObject({ ok: false });
    expect(await operator.verifyAudit(ahead)).toMatchObject({ ok: false });
  });
});

async function fetchRaw(port: number): Promise<number> {
  const { request } = await import("node:https");
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: "/none", rejectUnauthorized: false, agent: false };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}
