/** The authority's calls: JSON in, JSON out, bytes in base64. Their shapes are in identity/authority-api.ts. */
import type { FastifyInstance } from "fastify";
import {
  ADDRESS_CHARACTERS_MAX,
  ADDRESSES_MAX,
  AUTHORITY_PATHS,
  type CertificateAnswer,
  type ContactAnswer,
  certificatesToPem,
  type EnrollBody,
  FirefliesError,
  type NetworkAnswer,
  type RenewBody,
  type ReportAnswer,
  type ReportBody,
} from "../identity/index.js";
import { toHex } from "../rings/index.js";
import type { Admission } from "./admission.js";
import type { Issued } from "./answer.js";
import type { CertificateAuthority } from "./authority.js";
import { callerOf } from "./peer.js";
import type { ContactRecord } from "./store.js";

const base64 = { type: "string", pattern: "^[A-Za-z0-9+/]*={0,2}$" } as const;
const addresses = {
  type: "array",
  maxItems: ADDRESSES_MAX,
  items: { type: "string", maxLength: ADDRESS_CHARACTERS_MAX },
} as const;
/** Unknown fields are ignored: a newer member may say more. */
const ENROLL = {
  type: "object",
  required: ["request"],
  properties: { request: base64, secret: { type: "string", maxLength: 64 }, principal: { type: "string" }, addresses },
} as const;
const RENEW = { type: "object", required: ["request"], properties: { request: base64, addresses } } as const;
const REPORT = { type: "object", required: ["addresses"], properties: { addresses } } as const;

export function addRoutes(server: FastifyInstance, authority: CertificateAuthority): void {
  server.get(AUTHORITY_PATHS.network, () => networkAnswer(authority));

  server.post<{ Body: EnrollBody }>(AUTHORITY_PATHS.enroll, { schema: { body: ENROLL } }, async ({ body }) => {
    const request = fromBase64(body.request);
    const input = { admission: admissionOf(body), request, addresses: body.addresses ?? [] };
    return certificateAnswer(await authority.enroll(input));
  });

  server.post<{ Body: RenewBody }>(AUTHORITY_PATHS.renew, { schema: { body: RENEW } }, async ({ body, socket }) => {
    const caller = callerOf(authority, socket);
    return certificateAnswer(await authority.renew(caller, fromBase64(body.request), body.addresses ?? []));
  });

  server.post<{ Body: ReportBody }>(AUTHORITY_PATHS.report, { schema: { body: REPORT } }, async ({ body, socket }) => {
    const contacts = await authority.report(callerOf(authority, socket), body.addresses);
    return { contacts: contacts.map(contactAnswer) } satisfies ReportAnswer;
  });

  server.setNotFoundHandler(() => {
    throw new FirefliesError("not-found");
  });
}

function admissionOf({ secret, principal }: EnrollBody): Admission {
  if (secret !== undefined) return { kind: "token", secret: new Uint8Array(Buffer.from(secret, "base64url")) };
  if (principal !== undefined) return { kind: "open", principal };
  throw new FirefliesError("token-required");
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
