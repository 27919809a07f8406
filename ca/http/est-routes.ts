/**
 * Enrolment over Secure Transport (RFC 7030), for devices and tools that speak it: the same admission and renewal as our
 * own API. A token is the password of HTTP basic authentication, under any user name; re-enrolment is proven in TLS.
 */
import type { FastifyInstance, FastifyReply } from "fastify";
import { certificatesToPkcs7, decodeToken, FirefliesError } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import type { Callers } from "../gate/callers.js";
import { requestIn } from "./est-request.js";
import type { Described } from "./openapi.js";
import { bytesOf } from "./plain-bodies.js";
import { FAILURES } from "./schemas.js";

const PATH = "/.well-known/est";
const REQUEST_TYPE = "application/pkcs10";
const ANSWER_TYPE = "application/pkcs7-mime";
const CERTS_ONLY = `${ANSWER_TYPE}; smime-type=certs-only`;
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const LINE = /.{1,76}/g;
const CRLF = "\r\n";

/** With a label in the path as without one: one server serves one network, so there is nothing to choose (RFC 7030, 3.2.2). */
const PREFIXES = [PATH, `${PATH}/:label`] as const;

export function addEstRoutes(server: FastifyInstance, authority: CertificateAuthority, callers: Callers): void {
  for (const prefix of PREFIXES) addOperations(server, prefix, { authority, callers });
}

interface EstParts {
  readonly authority: CertificateAuthority;
  readonly callers: Callers;
}

function addOperations(server: FastifyInstance, prefix: string, { authority, callers }: EstParts): void {
  const response = { 200: { description: "PKCS#7, certificates only, base64.", type: "string" }, ...FAILURES };
  const request: Described = { bodyType: REQUEST_TYPE, answerType: ANSWER_TYPE, response };

  const cacerts: Described = { summary: "EST: the root and issuing certificates.", answerType: ANSWER_TYPE, response };
  server.get(`${prefix}/cacerts`, { schema: cacerts }, (_, reply) =>
    sendCertificates(reply, authority.root, ...authority.issuers),
  );

  const none = { 204: { description: "Nothing: of a request only its key is taken.", type: "null" }, ...FAILURES };
  const csrattrs: Described = { summary: "EST: what a request should say.", response: none };
  server.get(`${prefix}/csrattrs`, { schema: csrattrs }, (_, reply) => reply.code(204).send());

  const enroll = { ...request, summary: "EST: a first certificate, with a token as the password." };
  server.post(`${prefix}/simpleenroll`, { schema: enroll }, async ({ body, headers }, reply) => {
    const secret = passwordOf(headers.authorization);
    if (secret === undefined) {
      reply.header("www-authenticate", 'Basic realm="fireflies"');
      throw new FirefliesError("unauthenticated", "EST without a member's certificate needs a token.", {
        advice: "Give it as the password of HTTP basic authentication.",
      });
    }
    const admission = { kind: "token", secret } as const;
    const { leaf } = await authority.enroll({ admission, request: requestIn(bytesOf(body)), addresses: [] });
    return sendCertificates(reply, leaf);
  });

  const reenroll = { ...request, summary: "EST: the calling member's next certificate.", needsCertificate: true };
  server.post(`${prefix}/simplereenroll`, { schema: reenroll }, async (call, reply) => {
    const caller = callers.of(call, authority.renewalGraceMs);
    const { leaf } = await authority.renew(caller, requestIn(bytesOf(call.body)));
    return sendCertificates(reply, leaf);
  });
}

/** Base64 in lines (RFC 7030, 4.1.3). */
function sendCertificates(reply: FastifyReply, ...certificates: readonly Uint8Array[]): FastifyReply {
  const lines = Buffer.from(certificatesToPkcs7(...certificates))
    .toString("base64")
    .match(LINE);
  reply.type(CERTS_ONLY).header("content-transfer-encoding", "base64");
  return reply.send(`${lines?.join(CRLF)}${CRLF}`);
}

/** The secret of a whole token, or the bare secret, of "Basic base64(user:password)". */
function passwordOf(authorization: string | undefined): Uint8Array | undefined {
  const [scheme, credentials = ""] = (authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "basic") return undefined;
  const text = Buffer.from(credentials, "base64").toString("utf8");
  const password = text.slice(text.indexOf(":") + 1);
  const bare = SECRET.test(password) ? new Uint8Array(Buffer.from(password, "base64url")) : undefined;
  return decodeToken(password)?.secret ?? bare;
}
