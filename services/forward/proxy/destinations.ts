/** Which members a host name means to a proxy, and which protocol a port. */
import { memberOfHost } from "../../host-names.js";
import type { MemberClient } from "../../member-client.js";
import { membersCalled } from "../../members-called.js";
import { ATTEMPTS_MAX } from "../carrying/limits.js";
import { inTurn } from "../carrying/whom.js";

export interface Destination {
  /** In the order in which they are tried. */
  readonly members: readonly string[];
  readonly protocol: string;
}

/** "foreign": no host of ours, and never connected to. "unknown": no live member is meant. */
export type NoDestination = "foreign" | "unknown";

/** Protocols of ports that are not called "/tcp/PORT". */
export type PortMap = Readonly<Record<string, string>>;

function protocolOfPort(port: number, ports: PortMap): string {
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
  const members = membersCalled(client, word);
  if (members.length === 0) return "unknown";
  return { members: inTurn(members, turn).slice(0, ATTEMPTS_MAX), protocol: protocolOfPort(port, ports) };
}
