/** Answers about single certificates (OCSP, RFC 6960), by short-lived responders that the intermediates delegate to. */
import {
  type CertificateStatus,
  createStatusAnswer,
  generateKeyPair,
  type Issuer,
  isAboutIssuer,
  isRevocationReason,
  issueStatusResponder,
  readStatusRequest,
  type StatusQuestion,
  signRaw,
  statusFailure,
} from "../../identity/index.js";
import { equalBytes } from "../../rings/index.js";
import type { Context } from "../context.js";
import { validityAt } from "../policy.js";
import type { IssuerRecord } from "../store/store.js";

/** Of a responder's certificate, milliseconds: nobody can revoke it, so it is short. */
const RESPONDER_LIFETIME_MS = 86_400_000;
const RESPONDER_RENEW_MS = RESPONDER_LIFETIME_MS / 2;
/** How long an answer may be kept, milliseconds. */
const ANSWER_LIFETIME_MS = 3_600_000;

interface Responder extends Issuer {
  /** Unix milliseconds. */
  readonly madeAt: number;
}

export class StatusResponder {
  readonly #context: Context;
  readonly #responders = new Map<string, Responder>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** DER of the answer to an OCSPRequest in DER; of a failure's word for what cannot be answered. */
  async answer(request: Uint8Array): Promise<Uint8Array> {
    const read = readStatusRequest(request);
    if (!read.ok) return statusFailure("malformedRequest");
    const { questions, nonce } = read.value;
    const trusted = await this.#context.state.issuers.trusted();
    const issuer = trusted.find(({ certificate }) => questions.every((each) => isAboutIssuer(each, certificate)));
    if (issuer === undefined) return statusFailure("unauthorized");
    const now = this.#context.settings.now();
    const answers = [];
    for (const question of questions) answers.push({ question, status: await this.#statusOf(question, issuer) });
    const validity = { notBefore: now, notAfter: now + ANSWER_LIFETIME_MS };
    return createStatusAnswer({ responder: await this.#responderOf(issuer, now), answers, nonce, validity });
  }

  async #statusOf({ serial }: StatusQuestion, issuer: IssuerRecord): Promise<CertificateStatus> {
    const { records } = this.#context.state;
    const record = await records.certificate(serial);
    if (record === undefined || !equalBytes(record.issuer, issuer.certificate)) return { kind: "unknown" };
    const revocation = await records.revocationOf(serial, record.id);
    if (revocation === undefined) return { kind: "good" };
    const { at, reason } = revocation;
    return { kind: "revoked", at, reason: isRevocationReason(reason) ? reason : "unspecified" };
  }

  async #responderOf(record: IssuerRecord, now: number): Promise<Responder> {
    const known = this.#responders.get(record.fingerprint);
    if (known !== undefined && Math.abs(now - known.madeAt) < RESPONDER_RENEW_MS) return known;
    const pair = generateKeyPair();
    const issuer = await this.#context.state.issuers.signing(record);
    const validity = validityAt(now, RESPONDER_LIFETIME_MS);
    const certificate = await issueStatusResponder({ spki: pair.spki, issuer, validity });
    const responder = { certificate, sign: (data: Uint8Array) => signRaw(pair.privateKey, data), madeAt: now };
    this.#responders.set(record.fingerprint, responder);
    return responder;
  }
}
