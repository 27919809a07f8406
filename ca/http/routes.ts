/** The authority's calls: JSON in, JSON out, bytes in base64. Their shapes are in identity/calls/authority-api.ts. */
import type { FastifyInstance } from "fastify";
import {
  AUTHORITY_PATHS,
  type CertificateAnswer,
  type ChallengeAnswer,
  type ContactAnswer,
  certificatesToPem,
  type EnrollBody,
  FirefliesError,
  type NetworkAnswer,
  type RenewBody,
  type ReportAnswer,
  type ReportBody,
} from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import type { Admission } from "../acts/admission.js";
import type { Issued } from "../acts/answer.js";
import type { CertificateAuthority } from "../authority.js";
import type { Callers } from "../gate/callers.js";
import type { ContactRecord } from "../store/store.js";
import type { Described } from "./openapi.js";
import { revocationsAnswer } from "./revocation-routes.js";
import {
  CERTIFICATE_ANSWER,
  CHALLENGE_ANSWER,
  ENROLL_BODY,
  FAILURES,
  NETWORK_ANSWER,
  RENEW_BODY,
  REPORT_ANSWER,
  REPORT_BODY,
} from "./schemas.js";

export function addRoutes(server: FastifyInstance, authority: CertificateAuthority, callers: Callers): void {
  const network: Described = { summary: "The network and its certificates.", response: answers(NETWORK_ANSWER) };
  server.get(AUTHORITY_PATHS.network, { schema: network }, () => networkAnswer(authority));

  const challenge: Described = {
    summary: "What a member signs instead of proving its certificate in TLS; good for a minute, for one call.",
    response: answers(CHALLENGE_ANSWER),
  };
  server.get(AUTHORITY_PATHS.challenge, { schema: challenge }, () => challengeAnswer(callers));

  const enroll: Described = {
    summary: "Admits a member: with a token's secret, with a JWT, or, in an open network, under a free name.",
    body: ENROLL_BODY,
    response: answers(CERTIFICATE_ANSWER),
  };
  server.post<{ Body: EnrollBody }>(AUTHORITY_PATHS.enroll, { schema: enroll }, async ({ body }) => {
    const request = fromBase64(body.request);
    const input = { admission: admissionOf(body), request, addresses: body.addresses ?? [] };
    return certificateAnswer(await authority.enroll(input));
  });

  const renew: Described = {
    summary: "The next certificate of the calling member: the same id, for the request's key.",
    needsCertificate: true,
    body: RENEW_BODY,
    response: answers(CERTIFICATE_ANSWER),
  };
  server.post<{ Body: RenewBody }>(AUTHORITY_PATHS.renew, { schema: renew }, async (request) => {
    const { body } = request;
    const caller = callers.of(request, authority.renewalGraceMs);
    const options = { addresses: body.addresses ?? [], anew: body.anew === true };
    return certificateAnswer(await authority.renew(caller, fromBase64(body.request), options));
  });

  const report: Described = {
    summary:
      "The calling member is there, or leaves: answers with members to talk to, and with a newer revocation list.",
    needsCertificate: true,
    body: REPORT_BODY,
    response: answers(REPORT_ANSWER),
  };
  server.post<{ Body: ReportBody }>(AUTHORITY_PATHS.report, { schema: report }, async (request) => {
    const { after, ...input } = request.body;
    const contacts = await authority.report(callers.of(request), input);
    const list = after === undefined ? { time: authority.now() } : await revocationsAnswer(authority, after);
    return { contacts: contacts.map(contactAnswer), ...list } satisfies ReportAnswer;
  });

  server.setNotFoundHandler(() => {
    throw new FirefliesError("not-found");
  });
}

function answers(ok: object): object {
  return { 200: ok, ...FAILURES };
}

function admissionOf({ secret, jwt, principal }: EnrollBody): Admission {
  if (secret !== undefined)
    return { kind: "token", secret: new Uint8Array(Buffer.from(secret, "base64url")), principal };
  if (jwt !== undefined) return { kind: "jwt", jwt, principal };
  if (principal !== undefined) return { kind: "open", principal };
  throw new FirefliesError("token-required");
}

function challengeAnswer({ invitation }: Callers): ChallengeAnswer {
  return { signatureInput: invitation };
}

function networkAnswer({ network, root, issuer, isOpen }: CertificateAuthority): NetworkAnswer {
  const { networkId, ringCount, deltaMs } = network;
  const certificates = { root: certificatesToPem(root), issuer: certificatesToPem(issuer) };
  return { ...certificates, networkId: toHex(networkId), ringCount, deltaMs, open: isOpen };
}

function certificateAnswer({ leaf, issuer, root, contacts }: Issued): CertificateAnswer {
  return {
    certificate: toBase64(leaf),
    issuer: toBase64(issuer),
    root: toBase64(root),
    contacts: contacts.map(contactAnswer),
  };
}

function contactAnswer({ leaf, issuer, addresses }: ContactRecord): ContactAnswer {
  return { certificate: toBase64(leaf), issuer: toBase64(issuer), addresses };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
