/** Which members a host name means to a proxy, and which protocol a port. */
import { memberOfHost } from "../../host-names.js";
import type { MemberClient } from "../../member-client.js";
import { offering } from "../../offering.js";
import { inTurn } from "../carrying/whom.js";

/** The beginning of an id, as long as members are told apart by it. */
const BEGINNING = /^[0-9a-f]{6,63}$/;

export interface Destination {
  /** In the order in which they are tried. */
  readonly members: readonly string[];
  readonly protocol: string;
}

/** "foreign": no host of ours, and never connected to. "unknown": no live member is meant. */
export type NoDestination = "foreign" | "unknown";

/** Protocols of ports that are not called "/tcp/PORT". */
export type PortMap = Readonly<Record<string, string>>;

export function protocolOfPort(port: number, ports: PortMap): string {
  return ports[String(port)] ?? `/tcp/${port}`;
}

/** `turn` counts up: members that offer a service take turns. */
export function destinationOf(
  client: MemberClient,
  { host, port }: { readonly host: string; readonly port: number },
  ports: PortMap,
  turn: number,
): Destination | NoDestination {
  const word = memberOfHost(host);
  if (word === undefined) return "foreign";
  const members = membersCalled(client, word, turn);
  return members.length === 0 ? "unknown" : { members, protocol: protocolOfPort(port, ports) };
}

/** A member of this id or name, in any case as names of hosts are, or all that offer a service of this name. */
function membersCalled(client: MemberClient, word: string, turn: number): readonly string[] {
  const named = client.member(word) ?? likeNamed(client, word);
  if (named !== undefined) return [named.id];
  const found = offering(client, word);
  if (found.length > 0) return inTurn(found, turn);
  return beginning(client, word.toLowerCase());
}

/** Of two that begin alike none is meant. */
function beginning(client: MemberClient, digits: string): readonly string[] {
  const found = BEGINNING.test(digits) ? client.members().filter(({ id }) => id.startsWith(digits)) : [];
  return found.length === 1 ? found.map(({ id }) => id) : [];
}

function likeNamed(client: MemberClient, word: string): { readonly id: string } | undefined {
  const lower = word.toLowerCase();
  const found = [client.self, ...client.members()].filter(({ name }) => name?.toLowerCase() === lower);
  return found.length === 1 ? found[0] : undefined;
}
