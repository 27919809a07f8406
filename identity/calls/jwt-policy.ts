/** Whose JWTs admit members, and under which names: an authority's policy as a value, and what is wrong with one. */

import { isNamePattern, isPrincipal, reservedPattern } from "../principal.js";
import { isRecord } from "./answer.js";

/** One issuer, as OpenID Connect and Kubernetes have them, and one group of its subjects. */
export interface JwtPolicy {
  /** The claim `iss`, to the letter: "https://...". */
  readonly issuer: string;
  /** One of the claim `aud`: it should stand for this authority and nobody else. */
  readonly audience: string;
  /** Where the issuer's keys are (RFC 7517), https. Left out: as its /.well-known/openid-configuration says, on the same host. */
  readonly jwksUri?: string | undefined;
  /** A file of certificates in PEM that vouch for that server, instead of those that Node trusts. */
  readonly caFile?: string | undefined;
  /** A file with a token that is shown to that server, as a Kubernetes API server may want. */
  readonly tokenFile?: string | undefined;
  /** What claims must be, at least one: a text, or several of which one must fit; "*" stands for any characters. */
  readonly claims: Readonly<Record<string, string | readonly string[]>>;
  /** The member's name: text, with claims in braces. "{sub}", or "{/kubernetes.io/pod/name}" by JSON pointer (RFC 6901). */
  readonly name: string;
  /** A pattern that the name must fit besides. */
  readonly names?: string | undefined;
  /**
   * The claim that says which instance of the subject this is, as /kubernetes.io/pod/uid: each instance enrols one key.
   * Left out: each JWT does.
   */
  readonly instance?: string | undefined;
}

/** Of a JWT. Kubernetes makes them of 1.2 kB, others of up to 4. */
export const JWT_CHARACTERS_MAX = 8_192;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Whether this may be a JWT (RFC 7515, 7.1): three parts in base64url, with dots between them. */
export function isCompactJwt(text: string): boolean {
  return text.length <= JWT_CHARACTERS_MAX && COMPACT.test(text);
}

/** Policies of one authority: each costs a look at each JWT of its issuer. */
export const JWT_POLICIES_MAX = 32;
const TEXT_MAX = 1_024;
const CLAIMS_MAX = 32;
const VALUES_MAX = 64;
const KEYS = ["issuer", "audience", "jwksUri", "caFile", "tokenFile", "claims", "name", "names", "instance"];
const REQUIRED = ["issuer", "audience", "claims", "name"] as const;
/** A claim in the template of a name: its path in braces. */
export const CLAIM_PLACEHOLDER = /\{([^{}]*)\}/g;
const POINTER = /^(\/([^~/]|~[01])*)+$/;

/** What is wrong with a policy, as the end of "it ..."; undefined when nothing is. `spelt` writes a key as its place does. */
export function jwtPolicyProblem(value: unknown, spelt: (key: string) => string = (key) => key): string | undefined {
  if (!isRecord(value)) return "is no mapping";
  const stranger = Object.keys(value).find((key) => !KEYS.includes(key));
  if (stranger !== undefined) return `has a key ${JSON.stringify(stranger)}, which does not exist`;
  const missing = REQUIRED.find((key) => value[key] === undefined);
  if (missing !== undefined) return `lacks ${spelt(missing)}`;
  const { claims, ...texts } = value;
  const odd = Object.entries(texts).find(([, text]) => text !== undefined && !isText(text));
  if (odd !== undefined) return `has a ${spelt(odd[0])} that is no text of 1 to ${TEXT_MAX} characters`;
  return claimsProblem(claims) ?? textProblem(texts as unknown as JwtPolicy, spelt);
}

function textProblem(
  { issuer, jwksUri, name, names, instance }: Omit<JwtPolicy, "claims">,
  spelt: (key: string) => string,
): string | undefined {
  if (!isHttps(issuer)) return "has an issuer that is no https URL, or has a query";
  if (jwksUri !== undefined && !isHttps(jwksUri))
    return `has a ${spelt("jwksUri")} that is no https URL, or has a query`;
  if (!isTemplate(name)) return `has a name without claims in braces, as "{sub}" or "{/kubernetes.io/pod/name}"`;
  if (names !== undefined && !isNamePattern(names)) return "has names that are no pattern of names, as web-*";
  const reserved = reservedPattern(names ?? name.replaceAll(CLAIM_PLACEHOLDER, "*"));
  if (reserved !== undefined) return `would admit nobody: all its names stand for ${reserved}`;
  if (instance !== undefined && !isClaimPath(instance)) return "has an instance that names no claim, as jti or /a/b";
  return undefined;
}

function claimsProblem(claims: unknown): string | undefined {
  if (!isRecord(claims) || Object.keys(claims).length === 0)
    return `asks nothing of the claims, so that every subject of the issuer could enrol: if that is meant, {sub: "*"} says so`;
  if (Object.keys(claims).length > CLAIMS_MAX) return `asks for over ${CLAIMS_MAX} claims`;
  const path = Object.keys(claims).find((each) => !isClaimPath(each));
  if (path !== undefined) return `asks for ${JSON.stringify(path)}, which names no claim, as sub or /a/b`;
  const odd = Object.entries(claims).find(([, wanted]) => !isWanted(wanted));
  return odd === undefined
    ? undefined
    : `wants of the claim ${JSON.stringify(odd[0])} what is no text, and no list of texts`;
}

function isWanted(wanted: unknown): boolean {
  if (!Array.isArray(wanted)) return isText(wanted);
  return wanted.length > 0 && wanted.length <= VALUES_MAX && wanted.every(isText);
}

function isTemplate(name: string): boolean {
  const paths = [...name.matchAll(CLAIM_PLACEHOLDER)].map(([, path]) => path!);
  const sample = name.replaceAll(CLAIM_PLACEHOLDER, "x");
  return paths.length > 0 && paths.every(isClaimPath) && isPrincipal(sample);
}

/** A claim's name, or a JSON pointer to a claim in it. */
function isClaimPath(path: string): boolean {
  return path.startsWith("/") ? POINTER.test(path) : path !== "";
}

function isHttps(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return protocol === "https:" && username + password + search + hash === "";
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= TEXT_MAX;
}
