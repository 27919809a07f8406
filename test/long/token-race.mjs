// Tokens raced over HTTPS by 1,000 keys: one that admits one, and one that admits 50. Exactly as many certificates as uses, and
// "token-used" for all others. With PostgreSQL two replicas are asked by turns. (threats.md, The CA)
// Run: npx tsc -b && node test/long/token-race.mjs [keys] [postgres://...]
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateAuthority, SERVICE_LIMITS, serveAuthority } from "../../dist/ca/index.js";
import { enroll } from "../../dist/client/authority/authority.js";
import { generateKeyPair } from "../../dist/identity/index.js";

const count = Number(process.argv[2] ?? 1_000);
const store = process.argv[3];
const rate = { burst: 1_000_000, perSecond: 1_000_000, callersMax: 10 };
const gate = { handshakes: rate, addressMax: 10_000, memberMax: 8, youngMs: 0, connectionsMax: 10_000 };
const work = { max: 256, perAddressMax: 256 };
/** Both ends of all handshakes are in this process: none is quick. */
const waits = { ...SERVICE_LIMITS.waits, requestMs: 300_000 };
const FLEET = 50;

const root = mkdtempSync(join(tmpdir(), "fireflies-race-"));
const replicas = [];
for (const name of store === undefined ? ["a"] : ["a", "b"]) {
  const directory = join(root, name);
  if (replicas.length > 0) {
    mkdirSync(directory, { mode: 0o700 });
    for (const file of ["root.pem", "issuing.pem", "issuing.key.pem"])
      copyFileSync(join(root, "a", file), join(directory, file));
  }
  const authority = await CertificateAuthority.open({ directory, store });
  replicas.push({
    authority,
    server: await serveAuthority(authority, { port: 0, limits: { address: rate, gate, work, waits } }),
  });
}
const [{ authority }] = replicas;
const urls = replicas.map(({ server }) => server.urls[0]);

const LATER = new Set(["overloaded", "authority-failed", "authority-unreachable"]);

/** Each asks the replicas in another order, and again where one says that it is too busy. */
async function outcomeOf(token, principal) {
  const pair = generateKeyPair();
  for (;;) {
    try {
      await enroll({ token, principal }, pair, { addresses: [], now: Date.now(), timeoutMs: 300_000 });
      return "certificate";
    } catch (error) {
      if (!LATER.has(error.code)) return error.code ?? String(error);
    }
  }
}

async function race(what, { name, uses, ask }) {
  const tokens = [];
  for (let first = 0; first < urls.length; first++) tokens.push([...urls.slice(first), ...urls.slice(0, first)]);
  const token = await authority.createToken(name, { uses, urls: tokens[0] });
  const { decodeToken, encodeToken } = await import("../../dist/identity/index.js");
  const spread = tokens.map((order) => encodeToken({ ...decodeToken(token), urls: order }));
  const before = await certificates();
  const start = performance.now();
  const codes = await Promise.all(
    Array.from({ length: count }, (_, index) => outcomeOf(spread[index % spread.length], ask(index))),
  );
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  const outcomes = Object.fromEntries(
    [...new Set(codes)].map((code) => [code, codes.filter((c) => c === code).length]),
  );
  const issued = (await certificates()) - before;
  const isRight = issued === uses && outcomes.certificate === uses && outcomes["token-used"] === count - uses;
  const at = `${replicas.length} replica${replicas.length === 1 ? "" : "s"}`;
  console.log(`${isRight ? "ok" : "FAILED"}: ${count} keys, ${what}, ${at}, ${seconds} s: ${JSON.stringify(outcomes)}`);
  return isRight;
}

async function certificates() {
  return (await authority.counts()).certificates;
}

const results = [
  await race("one token", { name: "contested", uses: 1, ask: () => undefined }),
  await race(`one token for ${FLEET}`, { name: "web-*", uses: FLEET, ask: (index) => `web-${index}` }),
  await race(`one token for ${FLEET} that ask for no name`, { name: "cell-*", uses: FLEET, ask: () => undefined }),
];
for (const { authority: each, server } of replicas) {
  await server.close();
  await each.close();
}
rmSync(root, { recursive: true, force: true });
process.exit(results.every(Boolean) ? 0 : 1);
