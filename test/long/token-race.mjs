// One token, raced by 1,000 keys over HTTPS: exactly one certificate, and 999 times "token-used". (threats.md, The CA)
// Run: npx tsc -b && node test/long/token-race.mjs [keys] [postgres://...]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";
import { enroll } from "../../dist/client/authority/authority.js";
import { generateKeyPair } from "../../dist/identity/index.js";

const count = Number(process.argv[2] ?? 1_000);
const store = process.argv[3];
const rate = { burst: 1_000_000, perSecond: 1_000_000, callersMax: 10 };
const gate = { handshakes: rate, unfinishedMax: 10_000, connectionsMax: 10_000 };

const directory = mkdtempSync(join(tmpdir(), "fireflies-race-"));
const authority = await CertificateAuthority.open({ directory, store });
const server = await serveAuthority(authority, { port: 0, limits: { address: rate, gate } });
const token = await authority.createToken("contested");
const start = performance.now();
const codes = await Promise.all(
  Array.from({ length: count }, () =>
    enroll({ token }, generateKeyPair(), { addresses: [], now: Date.now(), timeoutMs: 300_000 }).then(
      () => "certificate",
      (error) => error.code ?? String(error),
    ),
  ),
);
const seconds = ((performance.now() - start) / 1_000).toFixed(1);
const outcomes = Object.fromEntries([...new Set(codes)].map((code) => [code, codes.filter((c) => c === code).length]));
let issued = 0;
for await (const member of authority.operator.list()) {
  issued += (await authority.operator.show(member.principal)).certificates.length;
}
await server.close();
await authority.close();
rmSync(directory, { recursive: true, force: true });
const isRight = issued === 1 && outcomes.certificate === 1 && outcomes["token-used"] === count - 1;
console.log(`${isRight ? "ok" : "FAILED"}: ${count} keys, one token, ${seconds} s: ${JSON.stringify(outcomes)}`);
process.exit(isRight ? 0 : 1);
