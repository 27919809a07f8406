/**
 * Who may call the agent's API, decided from the head of a request before anything of it is read or loaded. A page in a
 * browser is nobody: not by another site's script (Origin), nor by a name that was led here (Host; DNS rebinding).
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { FirefliesError } from "../../../identity/errors/error.js";
import { type BucketRate, Buckets } from "../../../rings/buckets.js";
import type { ApiToken } from "../token.js";

/** Wrong tokens of one address: ten at once, then one each second. No guess of 256 bits succeeds at any pace; the log stays short. */
const WRONG_TOKENS: BucketRate = { burst: 10, refillMs: 1_000 };
/** Addresses remembered for that. */
const ADDRESSES_MAX = 1_024;
/** Always names of the agent: of a Unix socket there is no other. */
const LOCAL_NAMES: readonly string[] = ["localhost", "fireflies"];

/** A request's head, as far as it decides. */
export interface Head {
  readonly headers: IncomingHttpHeaders;
  /** Of the caller; "" over a Unix socket. */
  readonly address: string;
  /** Proven by TLS, and on the list of those who may; undefined for nobody. */
  readonly principal: string | undefined;
  /** It asks for what everybody may have who can connect: the page itself. */
  readonly isPublic?: boolean;
}

export interface AccessRules {
  /** Who can connect may call: over the Unix socket, which the agent's user alone can open. */
  readonly isOpen: boolean;
  /** Names under which the agent is called, besides addresses and "localhost". Lower case. */
  readonly names: readonly string[];
  /** Undefined where no token is taken. */
  readonly token: ApiToken | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class Access {
  readonly #rules: AccessRules;
  readonly #wrong = new Buckets<string>(WRONG_TOKENS, ADDRESSES_MAX);

  constructor(rules: AccessRules) {
    this.#rules = rules;
  }

  /** Why the request is refused, or undefined for one that may. */
  refusal(head: Head): FirefliesError | undefined {
    const { names, isOpen } = this.#rules;
    return (
      pageProblem(head.headers, names) ??
      (isOpen || head.isPublic || head.principal !== undefined ? undefined : this.#strange(head))
    );
  }

  #strange({ headers, address }: Head): FirefliesError | undefined {
    const { token, now } = this.#rules;
    const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(headers.authorization ?? "")?.[1];
    if (token === undefined || given === undefined) return forbidden(wanted(token));
    if (token.is(given)) return undefined;
    const waitMs = this.#wrong.take(address, now());
    if (waitMs > 0) return new FirefliesError("too-many-requests", "Too many wrong tokens came from this address.");
    return forbidden("The token is another one.");
  }
}

function wanted(token: ApiToken | undefined): string {
  if (token === undefined) return "This port takes members of the network that api_allow names, by their certificates.";
  return "This port wants the agent's token: Authorization: Bearer TOKEN.";
}

/** A request that a page made, or that came under a name which is not the agent's. */
export function pageProblem(headers: IncomingHttpHeaders, names: readonly string[]): FirefliesError | undefined {
  const { host, origin } = headers;
  if (host === undefined) return new FirefliesError("control-malformed", "The Host header is missing.");
  const name = hostName(host);
  if (name === undefined || !(isIP(name) !== 0 || LOCAL_NAMES.includes(name) || names.includes(name)))
    return forbidden(`The agent is not called ${JSON.stringify(host.slice(0, 100))}. The key api_names names others.`);
  if (origin !== undefined && hostOfOrigin(origin) !== host.toLowerCase())
    return forbidden("A page of another site has no business here.");
  if (isFromElsewhere(headers)) return forbidden("A page of another site has no business here, nor a frame of it.");
  return undefined;
}

/**
 * What a browser says of a request that no script reads, as for an image or a frame (Fetch Metadata): another site, or another port of
 * this host, made it. A link that somebody follows may lead here.
 */
function isFromElsewhere(headers: IncomingHttpHeaders): boolean {
  const { "sec-fetch-site": site = "none", "sec-fetch-mode": mode, "sec-fetch-dest": destination } = headers;
  if (site === "none" || site === "same-origin") return false;
  return !(mode === "navigate" && destination === "document");
}

/** "name:port", "[::1]:port" or without a port; lower case, undefined for what is neither. */
function hostName(host: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

function hostOfOrigin(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase();
}

function forbidden(message: string): FirefliesError {
  return new FirefliesError("agent-forbidden", message, {
    advice: "See docs/daemon.md for who may use an agent's API.",
  });
}
