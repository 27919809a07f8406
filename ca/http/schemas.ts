/** The shapes of the authority's calls as JSON Schema: what is checked, what is answered, and what openapi.json is made of. */
import { ADDRESS_CHARACTERS_MAX, ADDRESSES_MAX, REPORT_NEXT_SECONDS_MAX } from "../../identity/index.js";

const base64 = { type: "string", pattern: "^[A-Za-z0-9+/]*={0,2}$", description: "Base64 of DER." } as const;
const addresses = {
  type: "array",
  maxItems: ADDRESSES_MAX,
  items: { type: "string", maxLength: ADDRESS_CHARACTERS_MAX },
  description: 'Where the member is reached, "host:port", the preferred one first.',
} as const;
const contact = {
  type: "object",
  required: ["certificate", "issuer", "addresses"],
  properties: { certificate: base64, issuer: base64, addresses: { type: "array", items: { type: "string" } } },
} as const;
const contacts = { type: "array", items: contact, description: "Members to begin with." } as const;
const list = {
  type: "object",
  required: ["body", "signature", "issuer"],
  properties: {
    body: { ...base64, description: "What is signed, base64: docs/protocol.md, Bytes." },
    signature: { ...base64, description: "r || s, 64 bytes, base64." },
    issuer: { ...base64, description: "The issuing certificate that signed it, base64 of DER." },
  },
} as const;

/** Unknown fields are ignored: a newer member may say more. */
const time = { type: "integer", description: "What time it is to the authority, unix milliseconds." } as const;

export const ENROLL_BODY = {
  type: "object",
  required: ["request"],
  properties: {
    request: { ...base64, description: "PKCS#10 request with a P-256 key, base64 of DER." },
    secret: { type: "string", maxLength: 64, description: "The token's secret, base64url." },
    principal: {
      type: "string",
      description: "The name that is wanted: of those that the token admits, or any free one.",
    },
    addresses,
  },
} as const;
export const RENEW_BODY = {
  type: "object",
  required: ["request"],
  properties: {
    request: base64,
    addresses,
    anew: { type: "boolean", description: "Another certificate also while the present one is young." },
  },
} as const;
export const REPORT_BODY = {
  type: "object",
  required: ["addresses"],
  properties: {
    addresses,
    next: {
      ...{ type: "integer", minimum: 1, maximum: REPORT_NEXT_SECONDS_MAX },
      description: "Seconds within which the next report comes.",
    },
    leaving: { type: "boolean", description: "The member stops: it is named to nobody until it reports again." },
    contacts: { type: "boolean", description: "False: no contacts are wanted." },
    after: {
      ...{ type: "string", maxLength: 20 },
      description: "Number of the revocation list that is held, in decimal; without it none is answered.",
    },
  },
} as const;

export const NETWORK_ANSWER = {
  description: "The network.",
  type: "object",
  required: ["root", "issuer", "networkId", "ringCount", "deltaMs", "open"],
  properties: {
    root: { type: "string", description: "PEM." },
    issuer: { type: "string", description: "PEM." },
    networkId: { type: "string", pattern: "^[0-9a-f]{64}$" },
    ringCount: { type: "integer" },
    deltaMs: { type: "integer", description: "Milliseconds." },
    open: { type: "boolean", description: "Anyone may enrol under any free name." },
  },
  additionalProperties: true,
} as const;
export const CERTIFICATE_ANSWER = {
  description: "The certificate, and members to begin with.",
  type: "object",
  required: ["certificate", "issuer", "root", "contacts"],
  properties: { certificate: base64, issuer: base64, root: base64, contacts },
  additionalProperties: true,
} as const;
export const CHALLENGE_ANSWER = {
  description: "What is to be signed.",
  type: "object",
  required: ["signatureInput"],
  properties: { signatureInput: { type: "string", description: "For the header Signature-Input (RFC 9421)." } },
} as const;
export const REPORT_ANSWER = {
  description: "Members to begin with, and the revocation list when there is a newer one.",
  type: "object",
  required: ["contacts"],
  properties: { contacts, time, list },
  additionalProperties: true,
} as const;
export const REVOCATIONS_ANSWER = {
  description: "The list, or none when there is no newer one, and the time.",
  type: "object",
  required: ["time"],
  properties: { time, list },
} as const;
export const HEALTH_ANSWER = {
  description: "It is so. Reasons are what an operator should look at.",
  type: "object",
  required: ["ok", "reasons"],
  properties: { ok: { type: "boolean" }, reasons: { type: "array", items: { type: "string" } } },
} as const;
export const ERROR_ANSWER = {
  description: "Why not.",
  type: "object",
  required: ["code", "message", "advice"],
  properties: {
    code: { type: "string", description: "Stable; docs/errors.md lists all." },
    message: { type: "string", description: "What is wrong." },
    advice: { type: "string", description: "What to do about it." },
  },
} as const;
export const UNREADY_ANSWER = {
  ...ERROR_ANSWER,
  required: [...HEALTH_ANSWER.required, ...ERROR_ANSWER.required],
  properties: { ...HEALTH_ANSWER.properties, ...ERROR_ANSWER.properties },
} as const;
/** Of every call. */
export const FAILURES = { "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER } as const;
