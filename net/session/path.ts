/** The way that the bytes of a session take. */
import { type MemberId, parseMemberId } from "../../rings/index.js";
import { type Address, NATS_SCHEME, RDV_SCHEME, RELAY_SCHEME } from "../address.js";

/**
 * - `direct`: I dialled an address of the other end.
 * - `reversed`: the other end dialled me.
 * - `punched`: both dialled at once, through their NATs.
 * - `relayed`: other members pass the bytes on, or a rendezvous server or a NATS cluster does.
 */
export type PathKind = "direct" | "reversed" | "punched" | "relayed";

export interface Path {
  readonly kind: PathKind;
  /** Who is the TLS client: "dialled" when this end is. */
  readonly direction: "dialled" | "accepted";
  /** Of the other end, as this host sees it; of a relayed one, of the relay. */
  readonly address: Address;
  /** Of a relayed one: the members that pass it on, the one next to me first. */
  readonly via?: readonly MemberId[] | undefined;
  /** Of a relayed one: the relay joins two connections that were made for it, and no session with the relay carries it. */
  readonly isConduit?: boolean | undefined;
}

/** The path of a connection by the address that it was dialled at, or came from. */
export function pathOf(direction: Path["direction"], address: Address): Path {
  const { scheme, host, path = "" } = address;
  if (scheme === RDV_SCHEME) return metAt(direction, address);
  if (scheme === NATS_SCHEME) return { kind: "relayed", direction, address, via: [] };
  if (scheme !== RELAY_SCHEME) return { kind: direction === "dialled" ? "direct" : "reversed", direction, address };
  const via = [host, ...path.split("/")].flatMap((id) => parseMemberId(id) ?? []);
  return { kind: "relayed", direction, address, via };
}

/** Of a conduit: of a relay that is named as it is in notes. */
export function conduitPath(direction: Path["direction"], relay: MemberId): Path {
  return { ...pathOf(direction, { scheme: RELAY_SCHEME, host: relay, port: 0 }), isConduit: true };
}

/** Met by a rendezvous server: directly, or, where the address still has the server's path, with bytes going through it. */
function metAt(direction: Path["direction"], address: Address): Path {
  return address.path === undefined
    ? { kind: "punched", direction, address }
    : { kind: "relayed", direction, address, via: [] };
}
