/** What a simulated member says of where it is reached. */
import { type Note, TRANSPORT_GRPC, TRANSPORT_PING } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Member } from "./member.js";

const RELAY = "relay://";

/** One behind a NAT names no address for pings: an address of its own network, where nobody is in a simulation, and its relays. */
export function addressesOf({ address, isBehindNat, relays }: Member): Note["addresses"] {
  const own = { transport: TRANSPORT_GRPC, text: address };
  if (!isBehindNat) return [own, { transport: TRANSPORT_PING, text: address }];
  return [own, ...relays.map(({ id }) => ({ transport: TRANSPORT_GRPC, text: `${RELAY}${id}` }))];
}

/** The relays that these addresses name, in their order. */
export function relaysIn(addresses: readonly string[], byId: ReadonlyMap<MemberId, Member>): Member[] {
  const relays = addresses.filter((text) => text.startsWith(RELAY));
  return relays.flatMap((text) => byId.get(text.slice(RELAY.length) as MemberId) ?? []);
}
