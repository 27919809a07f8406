/**
 * T4: what a correct member holds for topics stays within its limits: bytes of its own logs and of others', bytes whose signature
 * is being checked, logs in all and of one publisher, checks that one member causes, and what members of queue groups claim.
 */
import type { Holdings } from "../../../topics/index.js";
import {
  BARE_LOGS_MAX,
  BARE_LOGS_PER_PUBLISHER_MAX,
  CHECKED_BYTES_MAX,
  CHECKED_BYTES_PER_MEMBER_MAX,
  CHECKED_BYTES_RESERVED,
  CHECKS_MAX,
  CHECKS_PER_MEMBER_MAX,
  CHECKS_RESERVED,
  GROUP_CLAIMS_MAX,
  LOGS_MAX,
  LOGS_PER_PUBLISHER_MAX,
} from "../../../topics/limits.js";
import type { InvariantName, Violation } from "../../invariants/violation.js";

/** What one member held at one moment. */
export interface Sample {
  readonly member: string;
  readonly at: number;
  readonly holdings: Holdings;
}

const INVARIANT: InvariantName = "T4";

/** `retentionBytes`: of the settings. `members`: that may send something to be checked. */
export function excesses(samples: readonly Sample[], retentionBytes: number, members = samples.length): Violation[] {
  return samples.flatMap(({ member, at, holdings }) => {
    const limits: Readonly<Record<keyof Holdings, number>> = {
      ownBytes: retentionBytes,
      foreignBytes: retentionBytes,
      checkedBytes: CHECKED_BYTES_MAX + CHECKED_BYTES_RESERVED * members,
      checkedBytesOfOne: CHECKED_BYTES_PER_MEMBER_MAX,
      logs: LOGS_MAX,
      logsOfOne: LOGS_PER_PUBLISHER_MAX,
      bareLogs: BARE_LOGS_MAX,
      bareLogsOfOne: BARE_LOGS_PER_PUBLISHER_MAX,
      checks: CHECKS_MAX + CHECKS_RESERVED * members,
      checksOfOne: CHECKS_PER_MEMBER_MAX,
      groupClaims: GROUP_CLAIMS_MAX * members,
      groupClaimsOfOne: GROUP_CLAIMS_MAX,
    };
    const names = Object.keys(limits) as (keyof Holdings)[];
    const over = names.filter((name) => holdings[name] > limits[name]);
    return over.map((name) => {
      const text = `holds ${holdings[name]} ${name}, and ${limits[name]} are allowed`;
      return { invariant: INVARIANT, at, member, text };
    });
  });
}
