/** What an authority decides, as entries of a program's log. No entry holds a secret. */
import { type Logger, type LogLevel, shown } from "../identity/index.js";
import type { Decision } from "./options.js";

/** Digits of ids and fingerprints in sentences. */
const DIGITS = 12;

export function logDecision(logger: Logger, decision: Decision): void {
  const { kind: event, ...fields } = decision;
  const { error, ...facts } = fields as typeof fields & { error?: unknown };
  logger[levelOf(decision)]({ event, ...facts, ...("error" in fields && { err: error }) }, shown(sentenceOf(decision)));
}

function levelOf({ kind }: Decision): LogLevel {
  if (kind === "failed") return "error";
  return kind === "refused" ? "warn" : "info";
}

function sentenceOf(decision: Decision): string {
  switch (decision.kind) {
    case "issued":
      return `issued ${short(decision.id)} to ${decision.principal} (${decision.how})`;
    case "token-created":
      return `token for ${decision.principal}`;
    case "token-cancelled":
      return `token ${short(decision.token)} for ${decision.principal} taken back`;
    case "gone":
      return `gone ${short(decision.id)}, ${decision.principal}`;
    case "revoked":
      return `revoked ${decision.serial ?? short(decision.id)} of ${decision.principal} (${decision.reason})`;
    case "readmitted":
      return `readmitted ${decision.principal} as ${short(decision.id)}`;
    case "issuer-prepared":
    case "issuer-activated":
    case "issuer-retired":
      return `issuer ${short(decision.fingerprint)} ${decision.kind.slice("issuer-".length)}`;
    case "refused":
      return `refused: ${decision.code}`;
    case "failed":
      return `failed: ${decision.error instanceof Error ? decision.error.message : String(decision.error)}`;
  }
}

function short(digits: string): string {
  return digits.slice(0, DIGITS);
}
