/** Who calls, and how often it may: a member that asks without end waits, whichever address it comes from. */
import type { FastifyRequest } from "fastify";
import {
  callProofIn,
  FirefliesError,
  isProven,
  type MemberCertificate,
  signatureWanted,
} from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import { Challenges } from "./challenges.js";
import type { ConnectionGate } from "./connection-gate.js";
import { leafOf, memberOf } from "./peer.js";
import { RateLimit, type RateLimitOptions } from "./rate-limit.js";
import type { SignedBodies } from "./signed-bodies.js";

export interface CallersParts {
  readonly authority: CertificateAuthority;
  /** Of each member. */
  readonly limit: RateLimitOptions;
  readonly gate: ConnectionGate;
  /** Of signed calls. */
  readonly bodies: SignedBodies;
}

export class Callers {
  readonly #parts: CallersParts;
  readonly #limit: RateLimit;
  readonly #challenges: Challenges;
  readonly #known = new WeakMap<FastifyRequest, MemberCertificate>();

  constructor(parts: CallersParts) {
    const { authority, limit } = parts;
    this.#parts = parts;
    this.#limit = new RateLimit(limit);
    this.#challenges = new Challenges({ key: authority.challengeKey, now: () => authority.now() });
  }

  /**
   * The member that calls, whose certificate may have ended up to `graceMs` ago: proven in TLS, or by a signature. Throws
   * "unauthenticated", "too-many-requests" or "overloaded".
   */
  of(request: FastifyRequest, graceMs = 0): MemberCertificate {
    const isSigned = request.headers.signature !== undefined;
    const caller = isSigned ? this.#signer(request, graceMs) : this.#inTls(request, graceMs);
    this.#known.set(request, caller);
    if (this.#limit.take(caller.id, performance.now()) === 0) return caller;
    throw new FirefliesError("too-many-requests", "This member asks too often.", {
      advice: "Wait a few seconds.",
    });
  }

  /** What one whose TLS ends before us may sign instead, as a header. */
  get invitation(): string {
    return signatureWanted(this.#challenges.issue());
  }

  #inTls({ socket }: FastifyRequest, graceMs: number): MemberCertificate {
    const { authority, gate } = this.#parts;
    const leaf = leafOf(socket);
    if (leaf === undefined) {
      const message = "This call needs the member's certificate in TLS, or a signature of its key.";
      throw new FirefliesError("unauthenticated", message);
    }
    const caller = memberOf(authority, leaf, graceMs);
    gate.proven(socket, caller.id);
    return caller;
  }

  /** Of a connection nothing follows here: a proxy's may carry the calls of many. What is cheap comes first. */
  #signer(request: FastifyRequest, graceMs: number): MemberCertificate {
    const { method, url: path, headers } = request;
    const proof = callProofIn({ method, path }, headers);
    if (proof === undefined) throw unproven("it has another form than Accept-Signature asks for");
    if (!this.#challenges.isFresh(proof.nonce)) throw unproven("its nonce is not one of the last minute");
    const caller = memberOf(this.#parts.authority, proof.leaf, graceMs);
    if (!isProven(proof, this.#parts.bodies.of(request), caller.publicKey)) throw unproven("it does not fit the call");
    if (!this.#challenges.use(proof.nonce)) throw unproven("its nonce was used before");
    return caller;
  }

  /** The member that a request came from, once `of` was asked. */
  known(request: FastifyRequest): Pick<MemberCertificate, "id" | "name"> | undefined {
    return this.#known.get(request);
  }
}

function unproven(why: string): FirefliesError {
  return new FirefliesError("unauthenticated", `The signature of the call is refused: ${why}.`);
}
