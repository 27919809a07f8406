/** Names of members: their form, and those that no member may have because others read something else in them. */

/** The name in the authority's TLS certificate. Nobody resolves it: members dial addresses and check this name. */
export const AUTHORITY_NAME = "authority.fireflies.internal";
/** Of a name: as many as a label of a host name has, and one. */
export const PRINCIPAL_CHARACTERS_MAX = 64;
const PRINCIPAL = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** Ours, and what RFC 6761 (6.3) keeps for the machine itself: as a name, and as the end of one. */
const RESERVED_DOMAINS = ["fireflies.internal", "localhost"] as const;
/** The first labels of names of ours. */
const RESERVED_WORDS: readonly string[] = ["authority", "fireflies"];
/** Digits of a serial number (32), an id or a fingerprint (64): commands take these where they take a name. */
/** In the place of a star: what makes a name reserved are then the characters around it. */
const NOT_RESERVED = "x";
const WHOLE_ID = /^[0-9a-f]{32,}$/;

/** Whether `name` may be a principal: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit; case matters. */
export function isPrincipal(name: string): boolean {
  return name.length <= PRINCIPAL_CHARACTERS_MAX && PRINCIPAL.test(name);
}

/** As `reservedFor`, of all names that a pattern stands for; undefined when it stands for one that a member may have. */
export function reservedPattern(pattern: string): string | undefined {
  return reservedFor(pattern.replaceAll("*", NOT_RESERVED));
}

/** Whether this can stand for names: the characters of a name, and `*` for any run of characters. */
export function isNamePattern(text: string): boolean {
  return isPrincipal(text.replaceAll("*", "0"));
}

/** What else this name means, as the end of a sentence; undefined when a member may have it. Of names of the form above. */
export function reservedFor(name: string): string | undefined {
  const text = name.toLowerCase().replace(/\.+$/, ""); // As names of hosts are compared.
  if (RESERVED_WORDS.includes(text)) return "the authority";
  if (WHOLE_ID.test(text)) return "ids and serial numbers: it has 32 hexadecimal digits or more and nothing else";
  const domain = RESERVED_DOMAINS.find((each) => text === each || text.endsWith(`.${each}`));
  if (domain === undefined) return undefined;
  return domain === "localhost" ? "the machine itself" : `the authority, as all names under ${domain}`;
}
