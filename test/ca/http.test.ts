/** The HTTP API against callers that are not our client: nothing but codes, and 200 for nothing that is not granted. */
import { request } from "node:https";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRequest, decodeToken, generateKeyPair, isErrorCode } from "../../identity/index.js";
import { AuthorityFixture } from "./authority-fixture.js";

let fixture: AuthorityFixture;
let csr: string;
beforeAll(async () => {
  fixture = await AuthorityFixture.start({ open: true });
  csr = Buffer.from(await createRequest(generateKeyPair())).toString("base64");
});
afterAll(() => fixture[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly body: Record<string, unknown>;
}

function call(
  path: string,
  body: string | undefined,
  headers: Record<string, string> = {},
  url = fixture.url,
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const options = { host: hostname, port, path, rejectUnauthorized: false, agent: false };
    const method = body === undefined ? "GET" : "POST";
    const sent = request({ ...options, method, headers: { "content-type": "application/json", ...headers } });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const json = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        resolve({
          status: response.statusCode ?? 0,
          code: String(json.code),
          body: json,
        });
      });
    });
    sent.end(body);
  });
}

const enroll = (fields: object) => call("/v1/enroll", JSON.stringify(fields));

describe("GET /v1/network", () => {
  it("says what the network is, and nothing secret", async () => {
    const { status, body } = await call("/v1/network", undefined);
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(["deltaMs", "issuer", "networkId", "open", "ringCount", "root"]);
    expect(body).toMatchObject({ ringCount: 13, deltaMs: 1_500, open: true });
  });
});

describe("bad calls", () => {
  it.each<[string, () => Promise<Answer>, number, string]>([
    ["300 KiB", () => call("/v1/enroll", JSON.stringify({ request: "A".repeat(300 * 1024) })), 413, "body-too-large"],
    ["no JSON", () => call("/v1/enroll", "{"), 400, "body-malformed"],
    ["no body", () => call("/v1/enroll", ""), 400, "body-malformed"],
    ["null", () => call("/v1/enroll", "null"), 400, "body-malformed"],
    ["another type", () => call("/v1/enroll", "x", { "content-type": "text/plain" }), 400, "body-malformed"],
    ["__proto__", () => call("/v1/enroll", '{"__proto__":{"request":"AA"}}'), 400, "body-malformed"],
    ["request is a number", () => enroll({ request: 7, principal: "a" }), 400, "body-malformed"],
    ["request is no base64", () => enroll({ request: "%%", principal: "a" }), 400, "body-malformed"],
    ["junk request", () => enroll({ request: "AAAA", principal: "a" }), 400, "request-invalid"],
    ["empty request", () => enroll({ request: "", principal: "a" }), 400, "request-invalid"],
    ["neither token nor name", () => enroll({ request: csr }), 403, "token-required"],
    ["unknown token", () => enroll({ request: csr, secret: "AAAA" }), 403, "token-invalid"],
    ["bad name", () => enroll({ request: csr, principal: "../x" }), 400, "principal-invalid"],
    ["name is an object", () => enroll({ request: csr, principal: {} }), 400, "body-malformed"],
    ["bad address", () => enroll({ request: csr, principal: "a", addresses: ["x"] }), 400, "address-invalid"],
    ["address is a number", () => enroll({ request: csr, principal: "a", addresses: [1] }), 400, "body-malformed"],
    ["renewal without certificate", () => call("/v1/renew", JSON.stringify({ request: csr })), 401, "unauthenticated"],
    ["report without certificate", () => call("/v1/report", '{"addresses":[]}'), 401, "unauthenticated"],
    ["no such call", () => call("/v1/../etc/passwd", undefined), 404, "not-found"],
    ["a broken path", () => call("/v1/ocsp/%", undefined), 400, "body-malformed"],
    ["an endless parameter", () => call(`/v1/crl/${"a".repeat(5_000)}`, undefined), 400, "body-malformed"],
    ["wrong method", () => call("/v1/enroll", undefined), 404, "not-found"],
  ])("%s", async (_, send, status, code) => {
    const answer = await send();
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(Object.keys(answer.body).sort()).toEqual(["advice", "code", "message"]);
  });

  it("records nothing of them", () => {
    expect(fixture.decisions.filter(({ kind }) => kind !== "refused")).toEqual([]);
  });

  it("junk requests, 150 of them, each cost little and get a code", async () => {
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, i) => {
        const der = Buffer.from(csr, "base64");
        der[i % der.length]! ^= 1 + (i % 255);
        return enroll({ request: der.toString("base64"), principal: "a" });
      }),
    );
    for (const { status, code } of answers) {
      expect([400, 429]).toContain(status);
      expect(isErrorCode(code)).toBe(true);
    }
  });

  it("what is no HTTP gets a 400 with a code", async () => {
    const { port, hostname } = new URL(fixture.url);
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
    socket.write("\0\0\0 not http\r\n\r\n");
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const [head, json] = Buffer.concat(chunks).toString().split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(json!)).toMatchObject({ code: "body-malformed" });
  });

  it("TLS 1.2 is refused", async () => {
    const { port, hostname } = new URL(fixture.url);
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    const code = await new Promise((resolve) => {
      socket.on("error", (error) => resolve("code" in error ? error.code : error.message));
      socket.on("secureConnect", () => resolve("connected"));
    });
    expect(code).not.toBe("connected");
  });
});

describe("an authority that cannot record", () => {
  it("issues nothing and answers 503", async () => {
    const broken = await AuthorityFixture.start({ open: true });
    const url = broken.url;
    await broken.authority.close(); // The server goes on without its database.
    const answer = await call("/v1/enroll", JSON.stringify({ request: csr, principal: "a" }), {}, url);
    expect([answer.status, answer.code]).toEqual([503, "authority-failed"]);
    expect(JSON.stringify(answer.body)).not.toMatch(/closed|ca\.db|\.js:/);
    expect(broken.decisions.map(({ kind }) => kind)).toEqual(["failed"]);
    await broken[Symbol.asyncDispose]();
  });
});

describe("a good call by hand", () => {
  it("takes a token's secret, ignores fields it does not know, and answers in base64", async () => {
    const token = decodeToken(await fixture.authority.createToken("by-hand"))!;
    const secret = Buffer.from(token.secret).toString("base64url");
    const { status, body } = await enroll({ request: csr, secret, later: { version: 2 } });
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(["certificate", "contacts", "issuer", "root"]);
  });
});
