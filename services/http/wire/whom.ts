/** Where a URL leads: to which members, and to which of their protocols. */
import { FirefliesError } from "../../../identity/index.js";
import { memberOfHost } from "../../host-names.js";
import type { MemberClient } from "../../member-client.js";
import { memberCalled, membersCalled } from "../../members-called.js";
import { offering } from "../../offering.js";
import { HTTP_PROTOCOL } from "./limits.js";

/** Of a URL without a port. */
const PORT_DEFAULT = 80;
/** Characters of what leads nowhere that are told. */
const SHOWN_MAX = 100;
const SERVICE = /^[a-z0-9][a-z0-9._-]*$/;

export interface Whither {
  /** Ids, in no particular order; members that offer a service take turns. */
  readonly members: readonly string[];
  readonly protocol: string;
}

export interface WhitherOptions {
  /** Of members, in place of "/http/1.1". */
  readonly protocol?: string | undefined;
  /** The host is a service, also where a member is called so. */
  readonly isService?: boolean | undefined;
}

/** The protocol of the servers of a service. Throws "name-invalid" for what could not stand in a URL. */
export function protocolOfService(service: string): string {
  if (SERVICE.test(service)) return `/http/${service}`;
  const shown = JSON.stringify(service.slice(0, SHOWN_MAX));
  throw new FirefliesError("name-invalid", `${shown} is no name of a service of HTTP, since it stands in URLs.`, {
    advice: "Use a to z, 0 to 9, and dots, hyphens and underscores within.",
  });
}

/**
 * "bob.fireflies" is the member, else the servers of the service, else all members that offer something of this name. With a
 * port it is the protocol of forwards, "/tcp/8000". Throws "address-forbidden" for hosts elsewhere, and "peer-unknown".
 */
export function whither(
  client: Pick<MemberClient, "self" | "member" | "members">,
  host: string,
  port: number,
  { protocol = HTTP_PROTOCOL, isService = false }: WhitherOptions = {},
): Whither {
  const word = memberOfHost(host);
  if (word === undefined) throw elsewhere(host);
  const named = isService ? undefined : memberCalled(client, word);
  const ofPort = port === PORT_DEFAULT ? protocol : `/tcp/${port}`;
  if (named !== undefined) return { members: [named], protocol: ofPort };
  const service = word.toLowerCase();
  const servers = port === PORT_DEFAULT && SERVICE.test(service) ? offeringOf(client, protocolOfService(service)) : [];
  if (servers.length > 0) return { members: servers, protocol: protocolOfService(service) };
  const called = isService ? [] : membersCalled(client, word);
  const members = called.length > 0 ? called : offeringOf(client, word);
  if (members.length === 0) throw unknown(host);
  return { members, protocol: ofPort };
}

/** This member is one of them, when it offers it. */
function offeringOf(client: Pick<MemberClient, "self" | "members">, name: string): readonly string[] {
  const { self } = client;
  const others = offering(client, name);
  return self.services.includes(name) ? [self.id, ...others] : others;
}

function elsewhere(host: string): FirefliesError {
  const shown = JSON.stringify(host.slice(0, SHOWN_MAX));
  return new FirefliesError("address-forbidden", `${shown} is no host of the network: members are *.fireflies.`, {
    advice: "Write http://ID.fireflies/, http://NAME.fireflies/ or http://SERVICE.fireflies/.",
  });
}

function unknown(host: string): FirefliesError {
  const shown = JSON.stringify(host.slice(0, SHOWN_MAX));
  return new FirefliesError("peer-unknown", `${shown} is no live member, and no service that one offers.`);
}
