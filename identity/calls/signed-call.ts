/**
 * A call of the authority that is signed with the member's key, where something between the two ends TLS: HTTP Message
 * Signatures (RFC 9421) in one fixed form, with a digest of the body (RFC 9530). The authority says in Accept-Signature what
 * is to be signed; its nonce makes the call fresh by the authority's own clock.
 */
import type { KeyObject } from "node:crypto";
import { sha256 } from "../keys/digest.js";
import { signRaw, verifyRaw } from "../keys/raw-signature.js";

export const ACCEPT_SIGNATURE = "accept-signature";
const COMPONENTS = '("@method" "@path" "content-digest" "fireflies-certificate")';
const PARAMETERS = new RegExp(
  `^ff=(${COMPONENTS.replace(/[()]/g, "\\$&")};nonce="([A-Za-z0-9_-]{1,128})";alg="ecdsa-p256-sha256";tag="fireflies/1")$`,
);
/** A byte sequence (RFC 8941, 3.3.5); a certificate of a member has under 1 kB. */
const BYTES = /^:([A-Za-z0-9+/]{1,4096}={0,2}):$/;
const SIGNATURE = /^ff=(:[A-Za-z0-9+/]{86}==:)$/;

/** What the caller says beside the body. */
export interface CallProof {
  readonly nonce: string;
  /** The member's certificate, DER. */
  readonly leaf: Uint8Array;
  /** What was signed, but for the body's digest that it names. */
  readonly base: Uint8Array;
  readonly digest: string;
  readonly signature: Uint8Array;
}

/** The header in which the authority asks for a signature. */
export function signatureWanted(nonce: string): string {
  return `ff=${COMPONENTS};nonce="${nonce}";alg="ecdsa-p256-sha256";tag="fireflies/1"`;
}

/** Whether this is a wish that can be met: anything else is never signed. */
export function isSignatureWanted(header: unknown): header is string {
  return typeof header === "string" && PARAMETERS.test(header);
}

/** Headers that prove a call. `wanted` is what the authority asked for, `leaf` the member's certificate. */
export function signCall(
  call: { readonly method: string; readonly path: string; readonly body: Uint8Array },
  { wanted, leaf, privateKey }: { readonly wanted: string; readonly leaf: Uint8Array; readonly privateKey: KeyObject },
): Readonly<Record<string, string>> {
  const certificate = sequence(leaf);
  const digest = digestOf(call.body);
  const base = baseOf({ ...call, digest, certificate, parameters: wanted.slice("ff=".length) });
  return {
    "fireflies-certificate": certificate,
    "content-digest": digest,
    "signature-input": wanted,
    signature: `ff=${sequence(signRaw(privateKey, base))}`,
  };
}

/** The proof in the headers of a call; undefined when they hold none, or one in another form. */
export function callProofIn(
  { method, path }: { readonly method: string; readonly path: string },
  headers: Readonly<Record<string, unknown>>,
): CallProof | undefined {
  const [, parameters, nonce] = PARAMETERS.exec(textOf(headers["signature-input"])) ?? [];
  const certificate = textOf(headers["fireflies-certificate"]);
  const leaf = bytesIn(certificate);
  const signature = bytesIn(SIGNATURE.exec(textOf(headers.signature))?.[1] ?? "");
  const digest = textOf(headers["content-digest"]);
  if (parameters === undefined || nonce === undefined || leaf === undefined || signature === undefined)
    return undefined;
  return { nonce, leaf, signature, digest, base: baseOf({ method, path, digest, certificate, parameters }) };
}

/** Whether the holder of this key has signed the call, with this body. */
export function isProven({ base, digest, signature }: CallProof, body: Uint8Array, publicKey: KeyObject): boolean {
  return digest === digestOf(body) && verifyRaw(publicKey, base, signature);
}

/** RFC 9421, 2.5. */
function baseOf(parts: {
  readonly method: string;
  readonly path: string;
  readonly digest: string;
  readonly certificate: string;
  readonly parameters: string;
}): Uint8Array {
  const lines = [
    `"@method": ${parts.method}`,
    `"@path": ${parts.path}`,
    `"content-digest": ${parts.digest}`,
    `"fireflies-certificate": ${parts.certificate}`,
    `"@signature-params": ${parts.parameters}`,
  ];
  return new TextEncoder().encode(lines.join("\n"));
}

function digestOf(body: Uint8Array): string {
  return `sha-256=${sequence(sha256(body))}`;
}

function sequence(bytes: Uint8Array): string {
  return `:${Buffer.from(bytes).toString("base64")}:`;
}

function bytesIn(text: string): Uint8Array | undefined {
  const [, content] = BYTES.exec(text) ?? [];
  return content === undefined ? undefined : new Uint8Array(Buffer.from(content, "base64"));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
