/** Which members relay, and which of them relay for whom (rule R21). Pure: functions of what the view says. */
import { type Address, addressesOf, TRANSPORT_GRPC } from "../../gossip/index.js";
import { parseAddress, RELAY_SCHEME } from "../../net/index.js";
import { type MemberId, type RelayPosition, relayCount, relaysOf } from "../../rings/index.js";

/** The transport of an address in a note that says: I relay for nobody. Its text is DECLINES. */
export const TRANSPORT_RELAYING = 4;
export const DECLINES = "declines";
/** Relays in one note, which has 24 addresses: four of its own and four candidates stand beside them. 75 bytes each. */
const RELAYS_NOTED_MAX = 16;
/** A relay is kept while it is among so many times as many nearest as are needed: members that come and go move few. */
const SLACK = 2;

/** What is looked at of a member. */
export interface Noted {
  readonly id: MemberId;
  readonly addresses: readonly Address[];
}

/** The addresses that lead straight to a member. */
export function directAddresses(peer: Noted): readonly string[] {
  return addressesOf(peer, TRANSPORT_GRPC).filter((text) => parseAddress(text)?.scheme !== RELAY_SCHEME);
}

/** Does it relay, as far as its note tells? It can be dialled, sits behind no relays itself, and does not decline. */
export function isRelay(peer: Noted): boolean {
  const addresses = addressesOf(peer, TRANSPORT_GRPC);
  const isBehind = addresses.some((text) => text.startsWith(`${RELAY_SCHEME}:`));
  return addresses.length > 0 && !isBehind && addressesOf(peer, TRANSPORT_RELAYING).length === 0;
}

export interface View {
  readonly self: MemberId;
  readonly ringCount: number;
  /** The live members but me. */
  readonly members: readonly Noted[];
  readonly positionOf: RelayPosition;
}

/** The relays of a member: how many it needs, and those in question, nearest first. */
export interface Ordered {
  readonly count: number;
  readonly order: readonly MemberId[];
}

/** For me. `more`: so many of those in question do not serve, and others are to be named in their place. */
export function orderFor({ self, ringCount, members, positionOf }: View, more = 0): Ordered {
  const candidates = members.filter(isRelay).map(({ id }) => id);
  const count = needed(members.length + 1, ringCount, candidates.length);
  return { count, order: relaysOf(self, candidates, SLACK * count + more, positionOf) };
}

/** Would the view give me to this member, as one of its relays or as one that takes the place of another? */
export function isMine(id: MemberId, { self, ringCount, members, positionOf }: View): boolean {
  const candidates = [self, ...members.filter(isRelay).map((member) => member.id)].filter((each) => each !== id);
  const count = needed(members.length + 1, ringCount, candidates.length);
  return relaysOf(id, candidates, SLACK * count, positionOf).includes(self);
}

function needed(members: number, rings: number, relays: number): number {
  return Math.min(RELAYS_NOTED_MAX, relayCount({ members, rings, relays }));
}

/**
 * The relays to have: those that are there and still near enough, then the nearest others, in the order of nearness. `serves`
 * is false of those that do not answer or refuse.
 */
export function chosen(
  { count, order }: Ordered,
  isHeld: (id: MemberId) => boolean,
  serves: (id: MemberId) => boolean,
): readonly MemberId[] {
  const good = order.filter(serves);
  const kept = good
    .slice(0, SLACK * count)
    .filter(isHeld)
    .slice(0, count);
  const added = good.filter((id) => !kept.includes(id)).slice(0, count - kept.length);
  const all = new Set([...kept, ...added]);
  return good.filter((id) => all.has(id));
}
