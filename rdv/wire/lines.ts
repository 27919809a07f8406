/** The lines between peers, and the dialler's commands. docs/rdv.md has each with its bytes. */
import { type IpPort, parseIpPort } from "./addresses.js";
import { escapeToken, unescapeToken } from "./token.js";

export const METHODS = ["DIAL", "ACCEPT"] as const;
/** Who a client is: the one that dials, or the one that accepts. Exactly one of each meets. */
export type Method = (typeof METHODS)[number];

export const PROTOCOL = "rdv/1";
export const CONTINUE_LINE = "CONTINUE\n";

const PEER_LINE = /^rdv\/1 (DIAL|ACCEPT) (\S+)\r?\n$/;
const CONTINUE = /^CONTINUE(?:[ \t][^\n]*)?\r?\n$/;
const OTHER = /^OTHER (\S+)\r?\n$/;

export interface PeerLine {
  readonly method: Method;
  readonly token: Buffer;
}

export type Command = { readonly kind: "continue" } | { readonly kind: "other"; readonly address: IpPort | undefined };

/** What both sides write first on a direct connection. */
export function formatPeerLine(method: Method, token: Uint8Array): string {
  return `${PROTOCOL} ${method} ${escapeToken(token)}\n`;
}

/** Takes a line with its end; undefined when it is another one. */
export function parsePeerLine(line: string): PeerLine | undefined {
  const [, method, escaped = ""] = PEER_LINE.exec(line) ?? [];
  const token = unescapeToken(escaped);
  return method === undefined || token === undefined ? undefined : { method: method as Method, token };
}

/** What a dialler writes to the server when it took a direct connection: where its peer is, as "ip:port". */
export function formatOther(address: string): string {
  return `OTHER ${address}\n`;
}

/** Takes a line with its end; undefined when it is no command. */
export function parseCommand(line: string): Command | undefined {
  if (CONTINUE.test(line)) return { kind: "continue" };
  const [, address] = OTHER.exec(line) ?? [];
  return address === undefined ? undefined : { kind: "other", address: parseIpPort(address) };
}

export function isMethod(text: string): text is Method {
  return (METHODS as readonly string[]).includes(text);
}

/** Who the other one is. */
export function opposite(method: Method): Method {
  return method === "DIAL" ? "ACCEPT" : "DIAL";
}
