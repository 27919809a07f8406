/** Takes tokens back: a token that was sent to the wrong place, or all open tokens of a name. */
import { decodeToken, FirefliesError } from "../../../identity/index.js";
import { equalBytes } from "../../../rings/index.js";
import { noteOf } from "../../audit/decision-note.js";
import type { Context } from "../../context.js";
import type { OpenToken } from "../../store/store.js";
import { tokenHash } from "../token.js";

/** Tokens that are looked at: more are open only where a program makes them. */
const OPEN_MAX = 100_000;
/** Digits that may stand for a token, as for an id. */
const DIGITS = /^[0-9a-f]{6,64}$/;

/** All that still admit somebody, the next to end first. */
export function openTokens({ state, settings }: Context): Promise<readonly OpenToken[]> {
  return state.records.openTokens({ now: settings.now(), limit: OPEN_MAX });
}

/**
 * Takes back the token with this text, all open tokens for this name, or that whose digits (the hash, as `openTokens`
 * has it) begin so. Resolves with them. Rejects with "ca-unknown" when no open token is meant, or several by digits.
 */
export async function cancelTokens(context: Context, query: string): Promise<readonly OpenToken[]> {
  const cancelled: OpenToken[] = [];
  for (const token of chosen(await openTokens(context), query)) {
    if (await cancelOne(context, token)) cancelled.push(token);
  }
  if (cancelled.length > 0) return cancelled;
  throw new FirefliesError("token-used", "The token was used at this moment.", {
    advice: "Take back what it bought with `fireflies ca revoke`.",
  });
}

async function cancelOne({ state, settings }: Context, { hash, digits, principal }: OpenToken): Promise<boolean> {
  const decision = { kind: "token-cancelled", principal, token: digits, at: settings.now() } as const;
  if ((await state.records.cancelToken(hash, noteOf(decision))) === "refused") return false;
  settings.onDecision(decision);
  return true;
}

function chosen(open: readonly OpenToken[], query: string): readonly OpenToken[] {
  const secret = decodeToken(query)?.secret;
  if (secret !== undefined) {
    const hash = tokenHash(secret);
    return required(
      open.filter((token) => equalBytes(token.hash, hash)),
      "This token is not open: it was used, has ended",
    );
  }
  const named = open.filter(({ principal }) => principal === query);
  if (named.length > 0) return named;
  const digits = query.toLowerCase();
  const begun = DIGITS.test(digits) ? open.filter((token) => token.digits.startsWith(digits)) : [];
  if (begun.length > 1) throw unknown(`${begun.length} open tokens begin with ${query}.`, "Give more digits.");
  return required(begun, `No token for "${query}" is open: none was made, or they were used, have ended`);
}

function required(tokens: readonly OpenToken[], why: string): readonly OpenToken[] {
  if (tokens.length > 0) return tokens;
  throw unknown(`${why}, or were taken back.`, "See `fireflies ca tokens`.");
}

function unknown(message: string, advice: string): FirefliesError {
  return new FirefliesError("ca-unknown", message, { advice });
}
