/** Whether a proven peer may talk to us now (R17, R18). */
import {
  CLOCK_ADVICE,
  dateProblem,
  datesMissed,
  FirefliesError,
  isErrorCode,
  type MemberCertificate,
} from "../../identity/index.js";
import type { SessionHostOptions } from "./options.js";

type Judge = Pick<SessionHostOptions, "now" | "current">;

/** Why nothing may be said to `peer` or heard from it any more: its certificate has ended. Undefined when it has not. */
export function expiry(peer: MemberCertificate, judge: Judge): FirefliesError | undefined {
  const [certificate, now] = [successor(peer, judge), judge.now()];
  const problem = dateProblem(certificate, now);
  return problem === undefined ? undefined : certificateRefused(problem, datesMissed(certificate, now));
}

/** Why `peer` may not begin anything here now, as the error it gets; undefined when it may. */
export function refusal(
  peer: MemberCertificate,
  judge: Judge & Pick<SessionHostOptions, "admit">,
): FirefliesError | undefined {
  const expired = expiry(peer, judge);
  if (expired !== undefined) return expired;
  const newest = successor(peer, judge);
  // Of a key that was given up both certificates may be named, or, once the first is forgotten, the second alone.
  const reason = admission(peer, judge) ?? (newest === peer ? undefined : admission(newest, judge));
  if (reason === undefined) return undefined;
  return new FirefliesError(
    isErrorCode(reason) ? reason : "peer-refused",
    `The member refuses this caller: ${reason}.`,
  );
}

/** The error for a certificate that `verifyMemberCertificate` or `dateProblem` refused. `dates`: how its dates miss this clock. */
export function certificateRefused(reason: string, dates?: string): FirefliesError {
  const text = `The other side's certificate is refused: ${reason}.`;
  if (dates === undefined) return new FirefliesError("certificate-invalid", text);
  return new FirefliesError("certificate-invalid", `${text} ${dates}`, { advice: `${CLOCK_ADVICE} ${RENEW_ADVICE}` });
}

const RENEW_ADVICE = "If both clocks are right, the other member has to renew its certificate.";

function successor(peer: MemberCertificate, { now, current }: Judge): MemberCertificate {
  return current !== undefined && dateProblem(peer, now()) !== undefined ? current(peer) : peer;
}

function admission(peer: MemberCertificate, { admit }: Pick<SessionHostOptions, "admit">): string | undefined {
  try {
    return admit(peer);
  } catch {
    return "the check failed"; // When in doubt, out.
  }
}
