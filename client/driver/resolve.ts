/** Host names become addresses before anything is decided about them: a name in a note may stand for loopback, too. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { formatAddress, parseAddress } from "../address.js";

/** "host:port" with the host's first address; the text as it is when the host is an address, or has none. */
export async function resolved(address: string): Promise<string> {
  const parts = parseAddress(address);
  if (!parts || isIP(parts.host) !== 0) return address;
  try {
    return formatAddress((await lookup(parts.host)).address, parts.port);
  } catch {
    return address; // The transport says what is wrong with it; one without sockets has names of its own.
  }
}
