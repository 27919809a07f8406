// Certificates per second: enrolments by token, synced to disk and checked, beside @peculiar/x509 that only issues; by turns, so
// that whatever else the machine does slows all of them. With --postgres URL also one replica beside two, as processes.
// Run: npx tsc -b && node bench/authority.mjs [enrolments] [at once]        (--postgres URL for that store)

import { fork } from "node:child_process";
import { randomUUID, webcrypto } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { postgres: { type: "string" }, replica: { type: "string" } },
});
const count = Number(positionals[0] ?? 2_000);
const atOnce = Number(positionals[1] ?? 32);

/** Parts of a measurement, each of which comes in every turn. */
const TURNS = 5;

/** Time and CPU of this process for all that was done under one name. */
class Sum {
  constructor(what) {
    Object.assign(this, { what, done: 0, seconds: 0, cpuMs: 0 });
  }

  async add(count, work) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const value = await work();
    this.seconds += (performance.now() - start) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    this.cpuMs += (user + system) / 1_000;
    this.done += count;
    return value;
  }

  get rate() {
    return this.done / this.seconds;
  }

  print() {
    const each = (this.cpuMs / this.done).toFixed(2);
    console.log(`${this.what.padEnd(56)} ${this.rate.toFixed(0).padStart(6)}/s  ${each.padStart(6)} ms CPU each`);
  }
}

/** What is done in each turn. */
const share = (items, turn) => items.slice((turn * items.length) / TURNS, ((turn + 1) * items.length) / TURNS);

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
  return (turn) => inParallel(share(serials, turn), issue);
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
  return (turn) =>
    inParallel(share(orders, turn), async ({ secret, request }) => {
      const input = { admission: { kind: "token", secret }, request, addresses: [ADDRESS] };
      const { leaf, issuer } = await authority.enroll(input);
      const { serial } = check(authority, leaf, issuer);
      if (serials.has(serial)) throw new Error("a serial was given twice");
      serials.add(serial);
    });
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
    // The connection had been idle, and ended at this very moment.
    call.on("error", (error) => (call.reusedSocket ? resolve(posted(url, agent, body)) : reject(error)));
    call.end(JSON.stringify(body));
  });

/** The callers have a thread of their own: their work is not the authority's. They ask the servers by turns. */
const overHttps = async (authority, urls) => {
  const orders = (await prepared(authority)).map(({ secret, request }) => ({
    secret: Buffer.from(secret).toString("base64url"),
    request: Buffer.from(request).toString("base64"),
    addresses: [ADDRESS],
  }));
  const worker = new Worker(new URL(import.meta.url), { workerData: { urls, atOnce } });
  await once(worker, "message");
  const ask = async (turn) => {
    worker.postMessage(share(orders, turn));
    const [answers] = await once(worker, "message");
    const refused = answers.filter(({ status }) => status !== 200);
    if (refused.length > 0) throw new Error(`${refused.length} were refused: ${refused[0].text}`);
    return answers;
  };
  const checked = (answers) => {
    for (const { text } of answers) {
      const { certificate, issuer } = JSON.parse(text);
      check(authority, Buffer.from(certificate, "base64"), Buffer.from(issuer, "base64"));
    }
  };
  return { ask, checked, close: () => worker.terminate() };
};

const callers = async () => {
  const { urls, atOnce } = workerData;
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  parentPort.on("message", async (orders) => {
    const answers = [];
    const waiting = orders.entries();
    const call = async () => {
      for (const [index, order] of waiting) answers.push(await posted(urls[index % urls.length], agent, order));
    };
    await Promise.all(Array.from({ length: atOnce }, call));
    parentPort.postMessage(answers);
  });
  parentPort.postMessage("ready");
};

/** A replica is a process, as in production: two of them have two event loops. */
const replica = async (directory, store) => {
  const authority = await CertificateAuthority.open({ directory, store });
  const { urls } = await serveAuthority(authority, { port: 0, limits: UNLIMITED });
  process.send(urls[0]);
};

const replicas = async (directory, store) => {
  const second = `${directory}-second`;
  mkdirSync(second, { mode: 0o700 });
  for (const name of ["root.pem", "issuing.pem", "issuing.key.pem"]) {
    copyFileSync(join(directory, name), join(second, name));
  }
  const children = [directory, second].map((each) => fork(fileURLToPath(import.meta.url), ["--replica", each, store]));
  const urls = await Promise.all(children.map(async (child) => (await once(child, "message"))[0]));
  const close = () => {
    for (const child of children) child.kill();
    rmSync(second, { recursive: true, force: true });
  };
  return { urls, close };
};

/** One replica and two, by turns, with the same callers. */
const measureReplicas = async (directory, store) => {
  const { urls, close } = await replicas(directory, store);
  const authority = await CertificateAuthority.attach({ directory, store });
  try {
    const [one, two] = [new Sum("one replica, over HTTPS"), new Sum("two replicas, over HTTPS")];
    const [alone, both] = [await overHttps(authority, [urls[0]]), await overHttps(authority, urls)];
    for (let turn = 0; turn < TURNS; turn++) {
      alone.checked(await one.add(count / TURNS, () => alone.ask(turn)));
      both.checked(await two.add(count / TURNS, () => both.ask(turn)));
    }
    for (const sum of [one, two]) sum.print();
    console.log(`two replicas ${((100 * two.rate) / one.rate).toFixed(0)} % of one (CPU is the callers')`);
    await Promise.all([alone.close(), both.close()]);
  } finally {
    await authority.close();
    close();
  }
};

const main = async () => {
  const directory = mkdtempSync(join(tmpdir(), "fireflies-bench-"));
  const store = values.postgres;
  try {
    console.log(`${count} enrolments, ${atOnce} at once, ${store ? "PostgreSQL" : "SQLite"}, Node ${process.version}`);
    const authority = await CertificateAuthority.open({ directory, store });
    await authority.saveUrls(["https://127.0.0.1:1"]);
    const server = await serveAuthority(authority, { port: 0, limits: UNLIMITED });
    const sums = [
      new Sum("raw: @peculiar/x509 issues, nothing recorded"),
      new Sum("the authority in process: synced, recorded, checked"),
      new Sum("the authority over HTTPS: keep-alive connections"),
    ];
    const [least, rate, https] = sums;
    const [issue, enrol, callers] = [await raw(), await inProcess(authority), await overHttps(authority, server.urls)];
    for (let turn = 0; turn < TURNS; turn++) {
      await least.add(count / TURNS, () => issue(turn));
      await rate.add(count / TURNS, () => enrol(turn));
      callers.checked(await https.add(count / TURNS, () => callers.ask(turn)));
    }
    for (const sum of sums) sum.print();
    await callers.close();
    await server.close();
    await authority.close();
    const part = (sum) => `${((100 * sum.rate) / least.rate).toFixed(0)} % of raw`;
    console.log(`in process ${part(rate)}, over HTTPS ${part(https)}`);
    if (store !== undefined) await measureReplicas(directory, store);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

if (!isMainThread) await callers();
else if (values.replica !== undefined) await replica(values.replica, positionals[0]);
else await main();
