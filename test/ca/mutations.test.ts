/**
 * Requests that somebody tampered with: every one refused with a code, none granted, none that takes long or throws. A few
 * thousand here; `test/long/ca-mutations.sh` does a million. MUTATIONS and SEED choose how many and which.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionGate } from "../../ca/gate/connection-gate.js";
import { SERVICE_LIMITS } from "../../ca/gate/service-limits.js";
import { TrustedProxies } from "../../ca/gate/trusted-proxies.js";
import { createApp } from "../../ca/http/app.js";
import { createServerCredentials } from "../../ca/http/server-certificate.js";
import { createRequest, decodeToken, generateKeyPair, isErrorCode, openRequest } from "../../identity/index.js";
import { extensionsOf } from "../identity/forge.js";
import { AuthorityFixture } from "./authority-fixture.js";

const MUTATIONS = Number(process.env.MUTATIONS ?? 5_000);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Bodies go through the whole application: a hundredth of the requests. */
const BODIES = Math.max(200, Math.round(MUTATIONS / 100));
const LONG = { timeout: 60_000 + MUTATIONS * 2 };
/** For each, milliseconds; of nearly all, for a machine that does other things may stop us at any moment. */
const EACH_MS = 5;

/** mulberry32: a short generator, so that a seed gives the same run everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof randomFrom>;
const INTERESTING = [0, 1, 0x7f, 0x80, 0x81, 0x82, 0xff, 0x30, 0x31, 0x02, 0x03, 0x06];

/** One to four changes: bits, bytes, pieces left out, doubled, moved, filled or spliced in from another request. */
function mutated(bytes: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let changed: Uint8Array = new Uint8Array(bytes);
  for (let count = 1 + random(4); count > 0; count--) changed = once(changed, others, random);
  return changed;
}

function once(bytes: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(random(256));
  const copy = [...bytes];
  const at = random(copy.length);
  const length = 1 + random(Math.min(40, copy.length - at));
  const other = others[random(others.length)]!;
  const set = (byte: number) => copy.splice(at, 1, byte & 0xff);
  const changes: readonly (() => unknown)[] = [
    () => set(copy[at]! ^ (1 << random(8))),
    () => set(INTERESTING[random(INTERESTING.length)]!),
    () => set(random(256)),
    () => copy.splice(at, length),
    () => copy.splice(at, 0, ...copy.slice(at, at + length)),
    () => copy.splice(at, length, ...other.slice(at, at + length)),
    () => copy.splice(at, 0, ...other.slice(0, random(other.length))),
    () => copy.fill(0xff, at, at + length),
    () => copy.splice(at),
  ];
  changes[random(changes.length)]!();
  return Uint8Array.from(copy.slice(0, 6_000));
}

const directory = mkdtempSync(join(tmpdir(), "fireflies-csr-"));
const KEYS = {
  "P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  "P-384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
};

function opensslRequest(args: readonly string[], newKey: readonly string[] = KEYS["P-256"]): Uint8Array {
  const out = join(directory, "request.der");
  writeFileSync(join(directory, "empty.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n");
  const common = [
    "req",
    "-new",
    "-nodes",
    "-config",
    join(directory, "empty.cnf"),
    "-keyout",
    join(directory, "key.pem"),
  ];
  const run = spawnSync("openssl", [...common, "-newkey", ...newKey, "-outform", "DER", "-out", out, ...args], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return new Uint8Array(readFileSync(out));
}

let fixture: AuthorityFixture;
let app: FastifyInstance;
let requests: readonly Uint8Array[];
beforeAll(async () => {
  fixture = await AuthorityFixture.start({ open: true });
  const { authority } = fixture;
  const never = { burst: 1e9, perSecond: 1e9, callersMax: 10 };
  const limits = { ...SERVICE_LIMITS, address: never };
  const gate = new ConnectionGate(SERVICE_LIMITS.gate, SERVICE_LIMITS.waits, () => {});
  const credentials = await createServerCredentials(authority);
  const proxies = new TrustedProxies();
  app = createApp({ authority, credentials, gate, proxies, limits, answered: () => {}, isStopping: () => false });
  const asks = [
    "-addext",
    "basicConstraints=critical,CA:true",
    "-addext",
    "subjectAltName=DNS:ca.example.com,IP:10.0.0.1",
  ];
  requests = [
    await createRequest(generateKeyPair()),
    opensslRequest(["-subj", "/CN=root", ...asks]),
    opensslRequest(["-subj", "/C=NO/O=Example/OU=a/OU=b/CN=x/emailAddress=a@example.com"]),
  ];
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await app.close();
  await fixture[Symbol.asyncDispose]();
});

async function enrolled(request: Uint8Array | string, principal = "mallory") {
  const text = typeof request === "string" ? request : Buffer.from(request).toString("base64");
  const headers = { host: "a", "content-type": "application/json" };
  const payload = JSON.stringify({ request: text, principal });
  return await app.inject({ method: "POST", url: "/v1/enroll", headers, payload });
}

describe(`mutations (SEED=${SEED})`, () => {
  it(`of requests, ${MUTATIONS} of them: none opens`, LONG, () => {
    const random = randomFrom(SEED);
    const original = new Set(requests.map((request) => Buffer.from(request).toString("hex")));
    const times: number[] = [];
    const opened: string[] = [];
    for (let i = 0; i < MUTATIONS; i++) {
      const request = mutated(requests[random(requests.length)]!, requests, random);
      const started = performance.now();
      const { ok } = openRequest(request);
      times.push(performance.now() - started);
      const hex = Buffer.from(request).toString("hex");
      if (ok && !original.has(hex)) opened.push(hex);
    }
    tell("requests", times);
    expect(opened).toEqual([]);
    expect(share(times, 0.9)).toBeLessThan(EACH_MS);
  });

  it(`of whole bodies, ${BODIES} of them: each 4xx with a code`, LONG, async () => {
    const random = randomFrom(SEED + 1);
    const token = decodeToken(await fixture.authority.createToken("victim"))!;
    const secret = Buffer.from(token.secret).toString("base64url");
    const request = Buffer.from(requests[0]!).toString("base64");
    const bodies = [
      { request, secret, addresses: ["10.0.0.1:1"] },
      { request, principal: "a" },
    ].map((body) => new TextEncoder().encode(JSON.stringify(body)));
    const statuses = new Map<number, number>();
    const times: number[] = [];
    for (let i = 0; i < BODIES; i++) {
      const payload = Buffer.from(mutated(bodies[random(bodies.length)]!, bodies, random));
      const headers = { host: "a", "content-type": "application/json" };
      const started = performance.now();
      const answer = await app.inject({ method: "POST", url: "/v1/enroll", headers, payload });
      times.push(performance.now() - started);
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
      const body = answer.json<{ code?: string; certificate?: string }>();
      // What only changes a name or an address is another good request: it must have a certificate in it.
      if (answer.statusCode === 200) expect(body.certificate?.length).toBeGreaterThan(500);
      else expect([answer.statusCode >= 400 && answer.statusCode < 500, isErrorCode(body.code)]).toEqual([true, true]);
    }
    tell("bodies", times);
    expect(statuses.get(400) ?? 0).toBeGreaterThan(BODIES / 2);
    expect(share(times, 0.5)).toBeLessThan(EACH_MS);
  });
});

describe("requests of other tools", () => {
  it("with SHA-384 and SHA-512, as keytool of newer JDKs signs, are taken: the first key gets the name, another one not", async () => {
    const statuses = [];
    for (const hash of ["-sha384", "-sha512"]) {
      statuses.push((await enrolled(opensslRequest(["-subj", "/CN=a", hash]))).statusCode);
    }
    expect(statuses).toEqual([200, 409]);
  });

  it.each([
    ["RSA-1024", () => opensslRequest(["-subj", "/CN=a"], ["rsa:1024"])],
    ["RSA-2048", () => opensslRequest(["-subj", "/CN=a"], ["rsa:2048"])],
    ["P-384", () => opensslRequest(["-subj", "/CN=a"], KEYS["P-384"])],
    ["Ed25519", () => opensslRequest(["-subj", "/CN=a"], ["ed25519"])],
    ["SHA-1", () => opensslRequest(["-subj", "/CN=a", "-sha1"])],
    ["SHA-224", () => opensslRequest(["-subj", "/CN=a", "-sha224"])],
    ["five hundred names", () => opensslRequest(["-subj", `/CN=${"a".repeat(60)}${"/OU=b".repeat(500)}`])],
    ["a certificate", () => fixture.authority.root],
    ["another request around it", () => Uint8Array.of(0x30, 0x82, 1, 0, ...requests[0]!)],
    ["nothing", () => new Uint8Array()],
  ])("%s: 400 with a code", { timeout: 60_000 }, async (_, make) => {
    const answer = await enrolled(make());
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, "request-invalid"]);
  });

  it("ten thousand names: 413, for they do not even fit", async () => {
    const answer = await enrolled("A".repeat(600_000));
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([413, "body-too-large"]);
  });

  it("that ask for CA:TRUE and other names get the template and nothing else", async () => {
    const [plain, greedy] = [await enrolled(requests[0]!, "plain"), await enrolled(requests[1]!, "greedy")];
    expect([plain.statusCode, greedy.statusCode]).toEqual([200, 200]);
    const [one, two] = [plain, greedy].map(
      (answer) => new Uint8Array(Buffer.from(answer.json().certificate, "base64")),
    );
    const kinds = (der: Uint8Array) =>
      extensionsOf(der).map((each) => Buffer.from(each.subarray(2, 9)).toString("hex"));
    expect(kinds(two!)).toEqual(kinds(one!));
    const text = Buffer.from(two!).toString("latin1");
    for (const wanted of ["ca.example.com", "root"]) expect(text).not.toContain(wanted);
  });
});

/** The time that this share of them takes at most. */
function share(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

/** The figures of a long run. */
function tell(what: string, times: readonly number[]): void {
  if (process.env.MUTATIONS === undefined) return;
  const [half, most, slowest] = [0.5, 0.999, 1].map((part) => share(times, part).toFixed(3));
  process.stdout.write(`${what}: ${times.length}, p50 ${half} ms, p99.9 ${most} ms, slowest ${slowest} ms\n`);
}
