/**
 * Which addresses of others I dial. An address in a note is a stranger's word: it may point at a third party, at
 * loopback, at whatever listens next to me. It is judged as an IP address, after the look-up, and then dialled as
 * judged: a name that is looked up twice may give two answers.
 */
import { type Address, formatAddress, parseAddress, RELAY_SCHEME } from "../address.js";
import { canonical, rangeOf } from "../ranges.js";

/**
 * Why I do not dial this address, in words; undefined when I may. `mine` are my own addresses as text. Loopback only
 * when I advertise loopback myself: then the network lives on this machine.
 */
export function refusalToDial(address: Address, mine: readonly string[]): string | undefined {
  // The relay transport asks its own members, who are known; nothing is dialled here.
  if (address.scheme === RELAY_SCHEME) return undefined;
  if (address.port === 0) return "port 0";
  const own = mine.map(parseAddress).filter((each) => each !== undefined);
  const text = formatAddress(canonical(address));
  if (own.some((each) => formatAddress(canonical(each)) === text)) return "it is an address of this member";
  const range = rangeOf(address.host);
  if (range === "ordinary") return undefined;
  const isShared = range === "loopback" || range === "link-local" || range === "site-local";
  if (isShared && own.some((each) => rangeOf(each.host) === range)) return undefined;
  return isShared ? `it is ${range}, and this member advertises no such address` : `it is ${range}`;
}
