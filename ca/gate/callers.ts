/** Who calls, and how often it may: a member that asks without end waits, whichever address it comes from. */
import type { FastifyRequest } from "fastify";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import type { ConnectionGate } from "./connection-gate.js";
import { callerOf } from "./peer.js";
import { RateLimit, type RateLimitOptions } from "./rate-limit.js";

export class Callers {
  readonly #authority: CertificateAuthority;
  readonly #limit: RateLimit;
  readonly #gate: ConnectionGate;
  readonly #known = new WeakMap<FastifyRequest, MemberCertificate>();

  constructor(authority: CertificateAuthority, limit: RateLimitOptions, gate: ConnectionGate) {
    this.#authority = authority;
    this.#limit = new RateLimit(limit);
    this.#gate = gate;
  }

  /** The member at the other end, whose certificate may have ended up to `graceMs` ago. Throws "unauthenticated" or "too-many-requests". */
  of(request: FastifyRequest, graceMs = 0): MemberCertificate {
    const caller = callerOf(this.#authority, request.socket, graceMs);
    this.#known.set(request, caller);
    this.#gate.proven(request.socket, caller.id);
    if (this.#limit.take(caller.id, performance.now()) === 0) return caller;
    throw new FirefliesError("too-many-requests", "This member asks too often.", {
      advice: "Wait a few seconds.",
    });
  }

  /** The member that a request came from, once `of` was asked. */
  known(request: FastifyRequest): Pick<MemberCertificate, "id" | "name"> | undefined {
    return this.#known.get(request);
  }
}
