/** The bad certificates over real TLS: shown to a member that listens, by a member that is dialled, and to the authority. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as http2Connect } from "node:http2";
import { request } from "node:https";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createServer, type TLSSocket, connect as tlsConnect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  certificatesToPem,
  createRequest,
  generateKeyPair,
  type Identity,
  privateKeyFromPem,
  privateKeyToPem,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { type Bound, deadlineIn } from "../../net/index.js";
import { AuthorityFixture, codeOf } from "../ca/authority-fixture.js";
import { createChain, forge, keys, NOW } from "../identity/forge.js";
import { BAD_CERTIFICATES } from "../identity/forgeries.js";
import { loneStack } from "../support/lone-stack.js";

const TIMEOUT_MS = 10_000;
/** OpenSSL itself does not let these be presented, or be read: the handshake fails before our check. */
const UNPRESENTABLE = "unpresentable";

interface Shown {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
}

let own: Awaited<ReturnType<typeof createChain>>;
let stack: ReturnType<typeof loneStack>;
let listener: Bound;
let shown: readonly Shown[];
let good: Shown;
let identity: Identity;

beforeAll(async () => {
  own = await createChain();
  const verdict = verifyMemberCertificate({ leaf: own.leaf, issuer: own.issuing }, { root: own.root, now: NOW });
  if (!verdict.ok) throw new Error(verdict.reason);
  identity = { certificate: verdict.certificate, privateKey: keys.member.privateKey, root: own.root };
  good = shownBy("good", own.leaf);
  shown = [
    ...BAD_CERTIFICATES.map(({ name, forgery, key }) => shownBy(name, forge(own.leaf, forgery()), key)),
    shownBy("the authority's own", own.server, keys.server.privateKey),
    shownBy("the issuing certificate", own.issuing, keys.issuing.privateKey),
    shownBy("the root", own.root, keys.root.privateKey),
  ];
  stack = loneStack(identity, { wall: () => NOW });
  listener = await stack.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => stack.close(0));

function shownBy(name: string, leaf: Uint8Array, key = keys.member.privateKey): Shown {
  return { name, cert: certificatesToPem(leaf, own.issuing, own.root), key: privateKeyToPem(key) };
}

/** Whether a listener speaks HTTP/2 with who shows this, and not only to say that it does not. */
async function isLetIn({ cert, key }: Partial<Shown>): Promise<boolean | typeof UNPRESENTABLE> {
  let socket: TLSSocket;
  try {
    const { host, port } = listener.address;
    socket = tlsConnect({ host, port, cert, key, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  } catch {
    return UNPRESENTABLE;
  }
  const session = http2Connect("http://member", { createConnection: () => socket });
  session.on("error", () => {});
  const settled = new Promise<boolean>((resolve) => {
    session.once("goaway", () => resolve(false));
    session.once("remoteSettings", () => session.ping(() => resolve(true))); // Its answer comes behind a goaway.
    session.once("close", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
  return await settled.finally(() => session.destroy());
}

/** The code of dialling somebody who shows this. */
async function dialled({ cert, key }: Shown): Promise<string> {
  const sockets: Socket[] = [];
  let server: ReturnType<typeof createServer>;
  try {
    server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  } catch {
    return UNPRESENTABLE;
  }
  server.on("connection", (socket: Socket) => sockets.push(socket)).on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const code = await codeOf(
    stack.links
      .reach({ addresses: [`127.0.0.1:${port}`] }, { deadline: deadlineIn(TIMEOUT_MS) })
      .then((session) => session.close()),
  );
  for (const socket of sockets) socket.destroy();
  server.close();
  return code;
}

describe("a member", () => {
  it(`lets none of ${BAD_CERTIFICATES.length + 3} in over TLS, nor who shows none, but the good one`, {
    timeout: 60_000,
  }, async () => {
    const letIn: string[] = [];
    for (const each of shown) if ((await isLetIn(each)) === true) letIn.push(each.name);
    expect(letIn).toEqual([]);
    expect(await isLetIn({})).toBe(false);
    expect(await isLetIn(good)).toBe(true);
  });

  it("makes no link to any of them when it dials", { timeout: 60_000 }, async () => {
    const linked: string[] = [];
    for (const each of shown) {
      const code = await dialled(each);
      if (code === "none") linked.push(each.name);
      expect([UNPRESENTABLE, "certificate-invalid", "peer-unreachable"], each.name).toContain(code);
    }
    expect(linked).toEqual([]);
  });
});

describe("the authority", () => {
  let fixture: AuthorityFixture;
  let csr: string;
  beforeAll(async () => {
    fixture = await AuthorityFixture.start();
    csr = Buffer.from(await createRequest(generateKeyPair())).toString("base64");
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  /** Status and code of a renewal; "unpresentable" when OpenSSL does not take the certificate. */
  function renewal(cert: string, key: string): Promise<string> {
    const body = JSON.stringify({ request: csr, addresses: [] });
    const headers = { "content-type": "application/json" };
    const where = { host: "127.0.0.1", port: fixture.server.port, path: "/v1/renew", method: "POST", headers };
    return new Promise((resolve) => {
      try {
        const sent = request({ ...where, cert, key, rejectUnauthorized: false, agent: false }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => resolve(`${response.statusCode} ${(JSON.parse(text) as { code?: string }).code}`));
        });
        sent.on("error", () => resolve(UNPRESENTABLE));
        sent.end(body);
      } catch {
        resolve(UNPRESENTABLE);
      }
    });
  }

  it("renews none of them: forged with its own issuing key, each is 401", { timeout: 120_000 }, async () => {
    const { identity: member, pair } = await fixture.join("alice");
    const issuing = privateKeyFromPem(readFileSync(join(fixture.directory, "issuing.key.pem"), "utf8"));
    const answers = new Map<string, string>();
    for (const { name, forgery, key = pair.privateKey } of BAD_CERTIFICATES) {
      const leaf = forge(member.certificate.leaf, { key: issuing.privateKey, ...forgery() });
      answers.set(name, await renewal(certificatesToPem(leaf, member.certificate.issuer), privateKeyToPem(key)));
    }
    const wrong = [...answers].filter(([, answer]) => answer !== "401 unauthenticated" && answer !== UNPRESENTABLE);
    expect(wrong).toEqual([]);
    expect([...answers.values()].filter((answer) => answer === "401 unauthenticated").length).toBeGreaterThan(60);
    const { leaf, issuer } = member.certificate;
    const own = [certificatesToPem(leaf, issuer), privateKeyToPem(pair.privateKey)] as const;
    expect(await renewal(...own)).toBe("200 undefined");
    await fixture.authority.operator.revokePrincipal("alice");
    expect(await renewal(...own)).toMatch(/^40[13] /);
  });
});
