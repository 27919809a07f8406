/** Under which name a caller's limits are counted: its IPv4 address, or its network of 64 bits in IPv6, which one machine may own. */

/** IPv4 within IPv6 (RFC 4291, 2.5.5.2): five groups of zeros, and this one. */
const MAPPED = ["0", "0", "0", "0", "0", "ffff"];
const GROUPS = 8;
const NETWORK_GROUPS = 4;

/** "10.0.0.1", or "2001:db8:0:1::/64". */
export function limitKeyOf(address: string | undefined): string {
  const bare = (address ?? "").split("%")[0]!.toLowerCase();
  const address4 = withoutMapping(bare);
  if (!address4.includes(":")) return address4;
  const groups = expanded(bare).slice(0, NETWORK_GROUPS).map(withoutZeros);
  return `${groups.join(":")}::/64`;
}

/** The IPv4 address that an IPv6 one stands for, however it is written: "::ffff:10.0.0.1", "0:0:0:0:0:FFFF:a00:1". Others as they are. */
export function withoutMapping(address: string): string {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const groups = expanded((dotted ? `${dotted[1]}0:0` : address).toLowerCase()).map(withoutZeros);
  if (groups.length !== GROUPS || MAPPED.some((group, index) => groups[index] !== group)) return address;
  if (dotted) return dotted[2]!;
  const bytes = groups.slice(MAPPED.length).flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 0xff];
  });
  return bytes.join(".");
}

/** All groups of an IPv6 address, those that "::" stands for included. */
function expanded(address: string): string[] {
  const [front = "", back] = address.split("::");
  const left = front === "" ? [] : front.split(":");
  if (back === undefined) return left;
  const right = back === "" ? [] : back.split(":");
  const missing = Math.max(0, GROUPS - left.length - right.length);
  return [...left, ...new Array<string>(missing).fill("0"), ...right];
}

function withoutZeros(group: string): string {
  return group.replace(/^0+(?=.)/, "");
}
