/** Names that would break a careless sink: in every place that takes one, each is refused, or arrives as what it is and does nothing. */

import { readdir } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuthorityServer, CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { Log } from "../../cli/log/log.js";
import { Sink } from "../../cli/log/sink.js";
import { createRequest, generateKeyPair, isErrorCode, type LogLevel } from "../../identity/index.js";
import { codeOf, NOW, temporaryDirectory } from "./authority-fixture.js";

const NAMES = [
  "'; DROP TABLE certificates; --",
  '" OR "1"="1',
  "a\0b",
  "../../../etc/passwd",
  "..%2f..%2fca.db",
  "a\r\nSet-Cookie: session=1\r\n\r\nHTTP/1.1 200 OK",
  "__proto__",
  "constructor",
  "toString",
  "\u001b[2J\u001b]0;owned\u0007",
  "\u202egnp.exe",
  "{{7*7}}<script>alert(1)</script>",
  "%s%n%x",
  "\ud800",
  "a".repeat(5_000),
];
/** Words that are names like any other, wherever they come from. */
const HARMLESS = new Set(["constructor", "toString"]);

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let authority: CertificateAuthority;
let server: AuthorityServer;
let csr: string;
const printed: string[] = [];

beforeAll(async () => {
  temporary = await temporaryDirectory();
  const outlet = { write: (text: string) => printed.push(text) > 0, drained: async () => {}, problem: undefined };
  const sink = new Sink(outlet, { leftOut: String, onProblem: () => {} });
  const logs = (["json", "text"] as const).map((form) => new Log({ form, level: "debug", sink }));
  const both = (level: LogLevel) => (fields: object, message: string) => {
    for (const log of logs) log[level](fields, message);
  };
  authority = await CertificateAuthority.open({
    directory: temporary.path,
    now: () => NOW,
    open: true,
    logger: { debug: both("debug"), info: both("info"), warn: both("warn"), error: both("error") },
  });
  server = await serveAuthority(authority, { port: 0 });
  csr = Buffer.from(await createRequest(generateKeyPair())).toString("base64");
});
afterAll(async () => {
  await server.close();
  await authority.close();
  await temporary[Symbol.asyncDispose]();
});

interface Sent {
  readonly path?: string;
  readonly body?: object;
  readonly headers?: Record<string, string>;
}

function send({
  path = "/v1/enroll",
  body,
  headers = {},
}: Sent): Promise<{ readonly status: number; readonly code: string }> {
  const json = { "content-type": "application/json", ...headers };
  const where = { host: "127.0.0.1", port: server.port, rejectUnauthorized: false, agent: false };
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, path, method: body ? "POST" : "GET", headers: json }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, code: String(JSON.parse(text).code) }));
    });
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
  });
}

describe.each(NAMES.map((name) => [JSON.stringify(name).slice(0, 40), name] as const))("%s", (_, name) => {
  it("as a principal, an address, a secret, a field, a request", async () => {
    const places: readonly object[] = [
      { request: csr, principal: name },
      { request: csr, principal: "good", addresses: [name] },
      { request: csr, secret: name },
      { request: name, principal: "good" },
      JSON.parse(`{"request":${JSON.stringify(csr)},${JSON.stringify(name)}:{"request":1}}`) as object,
    ];
    for (const [index, body] of places.entries()) {
      const { status, code } = await send({ body });
      if (index === 0 && HARMLESS.has(name)) expect(status).toBe(200);
      else
        expect([status >= 400 && status < 500, isErrorCode(code)], `place ${index}: ${status} ${code}`).toEqual([
          true,
          true,
        ]);
    }
  });

  it("as a path, a query, a header", async () => {
    const encoded = encodeURIComponent(name.isWellFormed?.() === false ? "x" : name).slice(0, 4_000);
    expect((await send({ path: `/v1/${encoded}` })).status).toBe(404);
    expect((await send({ path: `/v1/network?${encoded}=1` })).status).toBe(200);
    const header = Buffer.from(name)
      .toString("latin1")
      .replace(/[^\t\x20-\x7e\x80-\xff]/g, "")
      .slice(0, 4_000);
    expect((await send({ path: "/v1/network", headers: { "x-name": header, cookie: header } })).status).toBe(200);
  });

  it("for a token, a revocation, a look-up, a network", async () => {
    const { operator } = authority;
    const codes = [
      await codeOf(authority.createToken(name)),
      await codeOf(operator.revokePrincipal(`${name}-nobody`)),
      await codeOf(operator.revokeKey(name)),
      await codeOf(operator.find(`${name}-nobody`)),
      await codeOf(CertificateAuthority.attach({ directory: temporary.path, networkName: name })),
    ];
    if (HARMLESS.has(name)) codes[0] = codes[4] = "principal-invalid";
    for (const code of codes) expect(isErrorCode(code), code).toBe(true);
  });
});

describe("afterwards", () => {
  it("records and audit are whole, nothing lies beside them, and prototypes are as they were", async () => {
    expect(await authority.operator.verifyAudit()).toMatchObject({ ok: true });
    expect((await authority.counts()).principals).toBe(HARMLESS.size);
    const files = (await readdir(temporary.path)).toSorted();
    const known = /^(ca\.db(-wal|-shm)?|ca\.lock(-journal)?|(root|issuing)(\.key)?\.pem|[\w.-]+)$/;
    expect(files.filter((file) => !known.test(file))).toEqual([]);
    expect(await readdir(join(temporary.path, ".."))).not.toContain("etc");
    expect(({} as Record<string, unknown>).request).toBeUndefined();
  });

  it("every line that was printed is one line, without control characters; those of JSON parse", () => {
    const lines = printed
      .join("")
      .split("\n")
      .filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(NAMES.length * 5);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
    expect(lines.filter((line) => /[\u0000-\u001f\u007f]/.test(line))).toEqual([]);
    for (const line of lines.filter((each) => each.startsWith("{"))) expect(() => JSON.parse(line)).not.toThrow();
    expect(lines.some((line) => line.includes("Set-Cookie"))).toBe(false);
  });

  it("the metrics page has no label of theirs", async () => {
    const page = await server.metrics();
    for (const name of NAMES) expect(page).not.toContain(name.slice(0, 20));
  });
});
