/** Members as host names, for programs that know nothing else: "bob.fireflies" in a URL or a SOCKS request means member bob. */

/** The end of such names. No such domain exists in the DNS, and they are never asked of it. */
export const MEMBER_DOMAIN = "fireflies";

/**
 * What stands before ".fireflies": a member's name, its id or a service. Ids may stand in labels of at most 63 characters, as
 * the DNS wants them: the dots between are left out of what has 64 hex digits. Undefined when it is another host.
 */
export function memberOfHost(host: string): string | undefined {
  const [, name] = /^(.+)\.fireflies\.?$/i.exec(host) ?? [];
  if (name === undefined) return undefined;
  const digits = name.replaceAll(".", "");
  return /^[0-9a-f]{64}$/i.test(digits) ? digits.toLowerCase() : name;
}

/** The host name of a member's name, its id, or a service. */
export function hostOfMember(name: string): string {
  return `${name}.${MEMBER_DOMAIN}`;
}
