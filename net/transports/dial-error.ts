/** Why an address was not reached, for programs that draw conclusions from it. */
import { type ErrorCode, FirefliesError, titleOf } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";

/**
 * - `refused`: the host answered that nobody listens there (ECONNREFUSED, or RST, while connecting on a direct path).
 *   This alone is evidence that a member's process is gone.
 * - `no-route`: the host or its network cannot be reached.
 * - `forbidden`: the policy does not allow this address here.
 * - `backoff`: it failed a moment ago and was not tried again.
 * - `timeout`: no answer before the deadline.
 * - `unresolved`: the name has no address, or none was learnt in time.
 * - `local`: this process could not try (no descriptors, no ports, a transport that is not there).
 * - `cancelled`: the caller, or a faster attempt, ended it.
 * - `handshake`: something answered, and no session came of it; `cause` says why.
 */
export type DialReason =
  | "refused"
  | "no-route"
  | "forbidden"
  | "backoff"
  | "timeout"
  | "unresolved"
  | "local"
  | "cancelled"
  | "handshake";

const CODES: Readonly<Partial<Record<DialReason, ErrorCode>>> = { timeout: "timeout", cancelled: "cancelled" };

/** What is wrong with an address, and what to do where it is another thing than for the code in general. */
const TEXTS: Readonly<Record<DialReason, readonly [text: string, advice?: string]>> = {
  refused: ["refuses connections: nobody listens there", "Check that the member runs."],
  "no-route": ["cannot be reached from here", "Check the network between, and what the member advertises."],
  forbidden: ["may not be dialled from here", "See what the member advertises."],
  backoff: ["failed a moment ago and is left alone for some seconds", "Try again."],
  timeout: ["did not answer in time", "Check that the member runs and that its address can be reached from here."],
  unresolved: ["has a name that could not be looked up", "Check the name and this machine's DNS."],
  local: ["could not be tried: this process has no means for it", "Check its limit of open files."],
  cancelled: ["was given up by the caller"],
  handshake: ["answered, and no session came of it"],
};

interface DialErrorOptions {
  readonly cause?: unknown;
  /** For people, in parentheses. */
  readonly detail?: string;
  readonly reasons?: readonly DialReason[];
}

/** "peer-unreachable", "timeout" or "cancelled"; of a failed handshake the code of what failed there. */
export class DialError extends FirefliesError {
  readonly reason: DialReason;
  /** As text, as it was given; the first one when there were several. */
  readonly address: string;
  /** Of a dial with several addresses: how each of them failed. `reason` is the one that says most. */
  readonly reasons: readonly DialReason[];

  constructor(reason: DialReason, address: string, { cause, detail, reasons = [reason] }: DialErrorOptions = {}) {
    const inner = reason === "handshake" && cause instanceof FirefliesError ? cause : undefined;
    const [what, advice] = TEXTS[reason];
    const text = inner?.message ?? `${address} ${what}${detail === undefined ? "" : ` (${detail})`}.`;
    super(inner?.code ?? CODES[reason] ?? "peer-unreachable", text, { cause, advice: inner?.advice ?? advice });
    this.reason = reason;
    this.address = address;
    this.reasons = reasons;
  }
}

/** "peer-mismatch", with the id that was found: another member answered at an address, and proved who it is. */
export class PeerMismatch extends FirefliesError {
  readonly found: MemberId;

  /** `name`: of the one that was found, if its certificate has one. */
  constructor(address: string, expected: MemberId, found: MemberId, name?: string) {
    super("peer-mismatch", `${address} is member ${titleOf({ id: found, name })}, not ${expected}.`);
    this.found = found;
  }
}
