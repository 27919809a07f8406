/**
 * A process that is killed: opens an authority and issues, without end or `max` times, one line on stdout for each certificate that it
 * would have answered with. Plain JavaScript over the built package, since Node runs it without vitest.
 */
import { writeSync } from "node:fs";
import { CertificateAuthority } from "../../dist/ca/index.js";
import { createRequest, decodeToken, generateKeyPair } from "../../dist/identity/index.js";

const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);
const [directory, prefix, max] = process.argv.slice(2);

say({ event: "opening" });
const authority = await CertificateAuthority.open({ directory });
say({ event: "open", fingerprint: authority.fingerprint });
for (let n = 0; n < Number(max ?? Infinity); n++) {
  const principal = `${prefix}-${n % 7}`;
  const token = await authority.createToken(principal, { urls: ["https://127.0.0.1:1"] });
  const request = await createRequest(generateKeyPair());
  say({ event: "token", principal, token, request: Buffer.from(request).toString("base64") });
  const admission = { kind: "token", secret: decodeToken(token).secret };
  const { id, leaf } = await authority.enroll({ admission, request, addresses: [`127.0.0.1:${1 + (n % 60_000)}`] });
  say({ event: "issued", principal, token, id, leaf: Buffer.from(leaf).toString("base64") });
}
