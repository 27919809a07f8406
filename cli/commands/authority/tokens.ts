/** `fireflies ca tokens` and `ca cancel`: tokens that still admit somebody, and taking them back. */
import type { Command } from "commander";
import type { OpenToken } from "../../../ca/index.js";
import { type AccessFlags, addAccess, withAuthority } from "../../authority-access.js";
import { age, counted, print, shortId, table, toJson, writeLine } from "../../output.js";
import { examples, type JsonOption, withJson } from "../common.js";

type TokensOptions = AccessFlags & JsonOption;

export function addTokens(ca: Command): void {
  addOpen(ca);
  addCancel(ca);
}

function addOpen(ca: Command): void {
  const command = withJson(ca.command("tokens").description("tokens that still admit somebody, by their first digits"));
  addAccess(command);
  examples(command, "ca tokens --dir ./ca");
  command.action(async (_: unknown, self: Command) => {
    const { json = false, ...access } = self.optsWithGlobals<TokensOptions>();
    const open = await withAuthority(access, ({ operator }) => operator.openTokens());
    if (json) for (const token of open) await writeLine(toJson(viewOf(token)));
    else await writeLine(open.length === 0 ? "No token is open." : tokensTable(open, Date.now()));
  });
}

/** Without the secret, which nobody has but who got the token. */
function viewOf({ digits, principal, expiresAt, uses, used }: OpenToken) {
  return { token: digits, name: principal, uses, used, expiresAt };
}

function tokensTable(open: readonly OpenToken[], now: number): string {
  const rows = open.map(({ digits, principal, expiresAt, uses, used }) => [
    shortId(digits),
    principal,
    `${uses - used} of ${uses}`,
    `in ${age(expiresAt - now)}`,
  ]);
  return table([["TOKEN", "NAME", "LEFT", "ENDS"], ...rows]);
}

function addCancel(ca: Command): void {
  const command = withJson(ca.command("cancel").description("take tokens back that still admit somebody"));
  addAccess(command.argument("<token>", "the token, its first digits as `ca tokens` shows them, or a name: all of it"));
  examples(command, "ca cancel alice --dir ./ca", "ca cancel 3f2a9c1b7d4e --dir ./ca");
  command.action(async (query: string, _: unknown, self: Command) => {
    const { json = false, ...access } = self.optsWithGlobals<TokensOptions>();
    const cancelled = await withAuthority(access, ({ operator }) => operator.cancelTokens(query));
    const names = [...new Set(cancelled.map(({ principal }) => principal))].join(", ");
    const text = `${counted(cancelled.length, "token", "tokens")} for ${names} taken back: nobody enrols with it any more.`;
    await print(json, { cancelled: cancelled.map(viewOf) }, text);
  });
}
