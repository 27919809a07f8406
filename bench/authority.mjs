// Certificates per second: enrolments by token, synced to disk and checked, beside @peculiar/x509 that only issues.
// Run: npx tsc -b && node bench/authority.mjs [enrolments] [at once]        (--postgres URL for that store)
import { randomUUID, webcrypto } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { CertificateAuthority, serveAuthority } from "../dist/ca/index.js";
import { createRequest, decodeToken, generateKeyPair, verifyMemberCertificate } from "../dist/identity/index.js";

const ADDRESS = "10.0.0.1:4000";
/** All callers of a measurement have one address. */
const RATE = { burst: 1_000_000, perSecond: 1_000_000, callersMax: 10 };
const UNLIMITED = {
  address: RATE,
  gate: { handshakes: RATE, addressMax: 2_048, memberMax: 8, youngMs: 0, connectionsMax: 2_048 },
  work: { max: 256, perAddressMax: 256 },
};
const { positionals, values } = parseArgs({ allowPositionals: true, options: { postgres: { type: "string" } } });
const count = Number(positionals[0] ?? 2_000);
const atOnce = Number(positionals[1] ?? 32);

const perSecond = async (what, total, work) => {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const each = ((user + system) / 1_000 / total).toFixed(2);
  console.log(`${what.padEnd(56)} ${(total / seconds).toFixed(0).padStart(6)}/s  ${each.padStart(6)} ms CPU each`);
  return total / seconds;
};

/** `work` of each item, `atOnce` at a time. */
const inParallel = async (items, work) => {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
};

const prepared = async (authority) => {
  const orders = [];
  await inParallel(
    Array.from({ length: count }, () => randomUUID()),
    async (name) => {
      const token = await authority.createToken(name);
      const pair = generateKeyPair();
      orders.push({ secret: decodeToken(token).secret, request: await createRequest(pair), pair });
    },
  );
  return orders;
};

/** What a CA has to do at the least: a certificate laid out and signed by the library, from a key that is there. */
const raw = async () => {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const issuer = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const subject = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const issue = (serial) =>
    x509.X509CertificateGenerator.create({
      serialNumber: serial.replaceAll("-", ""),
      subject: `CN=${serial}`,
      issuer: "CN=issuer",
      notBefore: new Date(),
      notAfter: new Date(Date.now() + 86_400_000),
      signingAlgorithm: algorithm,
      publicKey: subject.publicKey,
      signingKey: issuer.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
      ],
    });
  const serials = Array.from({ length: count }, () => randomUUID());
  for (const serial of serials.slice(0, 50)) await issue(serial);
  return perSecond("raw: @peculiar/x509 issues, nothing recorded", count, () => inParallel(serials, issue));
};

const check = (authority, leaf, issuer) => {
  const { root, network } = authority;
  const verdict = verifyMemberCertificate({ leaf, issuer }, { root, network, now: Date.now() });
  if (!verdict.ok) throw new Error(`the authority issued a certificate that is ${verdict.reason}`);
  return verdict.certificate;
};

const inProcess = async (authority) => {
  const orders = await prepared(authority);
  const serials = new Set();
  const rate = await perSecond("the authority in process: synced, recorded, checked", count, () =>
    inParallel(orders, async ({ secret, request }) => {
      const input = { admission: { kind: "token", secret }, request, addresses: [ADDRESS] };
      const { leaf, issuer } = await authority.enroll(input);
      serials.add(check(authority, leaf, issuer).serial);
    }),
  );
  if (serials.size !== count) throw new Error("a serial was given twice");
  return rate;
};

const posted = (url, agent, body) =>
  new Promise((resolve, reject) => {
    const options = {
      method: "POST",
      agent,
      headers: { "content-type": "application/json" },
      rejectUnauthorized: false,
    };
    const call = request(`${url}/v1/enroll`, options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    });
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });

/** The callers have a thread of their own: their work is not the authority's. */
const overHttps = async (authority) => {
  const server = await serveAuthority(authority, { port: 0, limits: UNLIMITED });
  const orders = (await prepared(authority)).map(({ secret, request }) => ({
    secret: Buffer.from(secret).toString("base64url"),
    request: Buffer.from(request).toString("base64"),
    addresses: [ADDRESS],
  }));
  const worker = new Worker(new URL(import.meta.url), { workerData: { url: server.urls[0], orders, atOnce } });
  await new Promise((resolve) => worker.once("message", resolve));
  let answers;
  const rate = await perSecond("the authority over HTTPS: keep-alive connections", count, async () => {
    worker.postMessage("go");
    answers = await new Promise((resolve) => worker.once("message", resolve));
  });
  const refused = answers.filter(({ status }) => status !== 200);
  if (refused.length > 0) throw new Error(`${refused.length} of ${count} were refused: ${refused[0].text}`);
  for (const { text } of answers) {
    const { certificate, issuer } = JSON.parse(text);
    check(authority, Buffer.from(certificate, "base64"), Buffer.from(issuer, "base64"));
  }
  await worker.terminate();
  await server.close();
  return rate;
};

const callers = async () => {
  const { url, orders, atOnce } = workerData;
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  parentPort.postMessage("ready");
  await new Promise((resolve) => parentPort.once("message", resolve));
  const answers = [];
  const waiting = orders.values();
  const call = async () => {
    for (const order of waiting) answers.push(await posted(url, agent, order));
  };
  await Promise.all(Array.from({ length: atOnce }, call));
  agent.destroy();
  parentPort.postMessage(answers);
};

const main = async () => {
  const directory = mkdtempSync(join(tmpdir(), "fireflies-bench-"));
  const store = values.postgres;
  try {
    console.log(`${count} enrolments, ${atOnce} at once, ${store ? "PostgreSQL" : "SQLite"}, Node ${process.version}`);
    const authority = await CertificateAuthority.open({ directory, store });
    await authority.saveUrls(["https://127.0.0.1:1"]);
    const least = await raw();
    const rate = await inProcess(authority);
    const https = await overHttps(authority);
    await authority.close();
    const share = (each) => `${((100 * each) / least).toFixed(0)} % of raw`;
    console.log(`in process ${share(rate)}, over HTTPS ${share(https)}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

await (isMainThread ? main() : callers());
