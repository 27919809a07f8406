/** Under which name a caller's limits are counted: its IPv4 address, or its network of 64 bits in IPv6, which one machine may own. */

const MAPPED = "::ffff:";
const GROUPS = 8;
const NETWORK_GROUPS = 4;

/** "10.0.0.1", or "2001:db8:0:1::/64". */
export function limitKeyOf(address: string | undefined): string {
  const bare = (address ?? "").split("%")[0]!.toLowerCase();
  if (!bare.includes(":")) return bare;
  if (bare.startsWith(MAPPED) && bare.includes(".")) return bare.slice(MAPPED.length);
  const groups = expanded(bare).slice(0, NETWORK_GROUPS).map(withoutZeros);
  return `${groups.join(":")}::/64`;
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
