/** Parsers of single values: from what a file, a variable, a flag or a program says to what the code works with. */
import { isIP } from "node:net";
import { DIAL_SCHEMES, formatAddress, type HostPort, parseAddress, parseEndpoint } from "../../net/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";
import { kindMeant, readPlace } from "../discovery/place.js";

/** People write seconds, as Ifrit does; programs say milliseconds. */
export type Origin = "text" | "program";

/** `problem` completes the sentence "KEY ...". */
export type Parsed<V> = { readonly ok: true; readonly value: V } | { readonly ok: false; readonly problem: string };
export type Parser<V> = (raw: unknown, origin: Origin) => Parsed<V>;

interface Range {
  readonly min: number;
  readonly max: number;
}

const MILLISECONDS_PER_SECOND = 1_000;
/** Lists in a file are written by hand; longer ones are a mistake. */
const LIST_LENGTH_MAX = 256;

const fine = <V>(value: V): Parsed<V> => ({ ok: true, value });
const bad = (problem: string): { readonly ok: false; readonly problem: string } => ({ ok: false, problem });

function toNumber(raw: unknown): number {
  if (typeof raw === "number") return raw;
  return typeof raw === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(raw.trim()) ? Number(raw) : Number.NaN;
}

function within(value: number, { min, max }: Range): boolean {
  return value >= min && value <= max;
}

export function integer(range: Range): Parser<number> {
  return (raw) => {
    const value = toNumber(raw);
    if (Number.isSafeInteger(value) && within(value, range)) return fine(value);
    return bad(`must be a whole number from ${range.min} to ${range.max}`);
  };
}

/** A share: 0 <= value < below. */
export function share(below: number): Parser<number> {
  return (raw) => {
    const value = toNumber(raw);
    return value >= 0 && value < below ? fine(value) : bad(`must be a number from 0 to less than ${below}`);
  };
}

/** A duration: seconds in text, milliseconds in a program; always milliseconds out. `range` is in milliseconds. */
export function duration(range: Range): Parser<number> {
  return (raw, origin) => {
    const scale = origin === "text" ? MILLISECONDS_PER_SECOND : 1;
    const value = Math.round(toNumber(raw) * scale);
    if (within(value, range)) return fine(value);
    const unit = origin === "text" ? "seconds" : "milliseconds";
    return bad(`must be a number of ${unit} from ${range.min / scale} to ${range.max / scale}`);
  };
}

/** As `duration`, or how long is no question: true or "forever" is without end, false is not at all. */
export function patience(range: Range): Parser<number> {
  const inTime = duration(range);
  return (raw, origin) => {
    const said = raw === "forever" || raw === Number.POSITIVE_INFINITY ? true : WORDS.get(raw);
    if (said !== undefined && raw !== "0" && raw !== "1") return fine(said ? Number.POSITIVE_INFINITY : 0);
    const parsed = inTime(raw, origin);
    return parsed.ok ? parsed : bad(`${parsed.problem}, or "forever"`);
  };
}

const WORDS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  [false, false],
  ["true", true],
  ["false", false],
  ["1", true],
  ["0", false],
  ["yes", true],
  ["no", false],
]);

export const boolean: Parser<boolean> = (raw) => {
  const value = WORDS.get(typeof raw === "string" ? raw.trim().toLowerCase() : raw);
  return value === undefined ? bad("must be true or false") : fine(value);
};

/** One line of text, 1 to `max` characters, without control characters. */
export function line(max: number): Parser<string> {
  return (raw) => {
    const value = typeof raw === "string" ? raw.trim() : "";
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
    const printable = !/[\u0000-\u001f\u007f]/.test(value);
    return value !== "" && value.length <= max && printable
      ? fine(value)
      : bad(`must be text of 1 to ${max} characters`);
  };
}

export function oneOf<W extends string>(words: readonly W[]): Parser<W> {
  return (raw) => {
    const found = words.find((word) => word === raw);
    return found === undefined ? bad(`must be one of ${words.join(", ")}`) : fine(found);
  };
}

/** A host name or address without a port; IPv6 with or without brackets. */
export const host: Parser<string> = (raw) => {
  const text = typeof raw === "string" ? raw.trim() : "";
  const value = parseEndpoint(text.includes(":") && !text.startsWith("[") ? `[${text}]` : text);
  if (value?.host === undefined || value.port !== undefined)
    return bad("must be a host name or an address, without a port");
  return fine(value.host);
};

/** An IP address, or a range of them such as "10.0.0.0/8". */
export const addressRange: Parser<string> = (raw) => {
  const text = typeof raw === "string" ? raw.trim() : "";
  const [address = "", bits, ...more] = text.split("/");
  const bitsMax = isIP(address) === 6 ? 128 : 32;
  const isLength = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax);
  if (isIP(address) !== 0 && isLength && more.length === 0) return fine(text);
  return bad("must be an IP address or a range such as 10.0.0.0/8");
};

/** A list of `item`; in a variable or a flag its parts are separated by commas. */
export function listOf<V>(item: Parser<V>, max = LIST_LENGTH_MAX): Parser<readonly V[]> {
  return (raw, origin) => {
    const parts = typeof raw === "string" ? raw.split(",").filter((part) => part.trim() !== "") : raw;
    if (!Array.isArray(parts)) return bad("must be a list");
    if (parts.length > max) return bad(`must be a list of at most ${max} (it has ${parts.length})`);
    const values: V[] = [];
    for (const part of parts) {
      const parsed = item(part, origin);
      if (!parsed.ok) return bad(`${parsed.problem} (in a list)`);
      values.push(parsed.value);
    }
    return fine(values);
  };
}

/** An address that can be dialled: host and port, the port not 0, or the URL of another transport than TCP. */
export const address: Parser<string> = (raw) => {
  const value = typeof raw === "string" ? parseAddress(raw.trim()) : undefined;
  if (value?.port && DIAL_SCHEMES.includes(value.scheme)) return fine(formatAddress(value));
  return bad(`must be "host:port" with a port from 1 to 65535, or a URL of ${DIAL_SCHEMES.join(", ")}`);
};

/** An entry of `entry_addrs`: a contact, or a source of contacts, as `readPlace` has them. */
export const entryAddress: Parser<string> = (raw, origin) => {
  const text = typeof raw === "string" ? raw.trim() : "";
  const read = readPlace(text);
  if (read !== undefined) return read.ok ? fine(text) : bad(read.problem);
  const parsed = contact(raw, origin);
  const meant = parsed.ok ? undefined : kindMeant(text);
  return parsed.ok || meant === undefined ? parsed : bad(`${parsed.problem}; did you mean ${meant}:`);
};

/** An address to be dialled, and, before an "@", the id of the member that is to be found there. */
export const contact: Parser<string> = (raw, origin) => {
  const { id, text } = entryOf(typeof raw === "string" ? raw.trim() : "");
  const parsed = address(text, origin);
  if (!parsed.ok) return bad(`${parsed.problem}; before it the member's id of 64 hex digits and "@", if that is known`);
  return fine(id === undefined ? parsed.value : `${id}@${parsed.value}`);
};

/** The parts of an entry of `entry_addrs`. */
export function entryOf(text: string): { readonly id: MemberId | undefined; readonly text: string } {
  const at = text.indexOf("@");
  const id = at === -1 ? undefined : parseMemberId(text.slice(0, at).toLowerCase());
  return id === undefined ? { id, text } : { id, text: text.slice(at + 1) };
}

/** As the one who is to be contacted. */
export function recipientOf(entry: string): {
  readonly id: MemberId | undefined;
  readonly addresses: readonly string[];
} {
  const { id, text } = entryOf(entry);
  return { id, addresses: [text] };
}

/** "host:port" to listen at, or a port alone, of 127.0.0.1. */
export const listenAt: Parser<HostPort> = (raw) => {
  const text = typeof raw === "number" ? String(raw) : typeof raw === "string" ? raw.trim() : "";
  const { host: name = "127.0.0.1", port } = parseEndpoint(text) ?? {};
  return port === undefined ? bad('must be "host:port" or a port from 0 to 65535') : fine({ host: name, port });
};

/** The authority's URL. The scheme may be left out; anything but https is refused. */
export const authorityUrl: Parser<string> = (raw) => {
  const problem = bad('must be an https URL such as "https://127.0.0.1:8300"');
  if (typeof raw !== "string" || raw.trim() === "") return problem;
  const text = raw.includes("://") ? raw.trim() : `https://${raw.trim()}`;
  if (!URL.canParse(text)) return problem;
  const url = new URL(text);
  const plain =
    url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  return url.protocol === "https:" && plain ? fine(url.origin) : problem;
};

/** A SHA-256 fingerprint, with or without colons and the word sha256; 64 lower-case hex digits out. */
export const fingerprint: Parser<string> = (raw) => {
  const text = typeof raw === "string" ? raw.trim().toLowerCase() : "";
  const hex = text.replace(/^sha-?256[:/=]/, "").replaceAll(":", "");
  return /^[0-9a-f]{64}$/.test(hex) ? fine(hex) : bad("must be a SHA-256 fingerprint of 64 hex digits");
};

/** A mapping of at most `bytesMax` bytes as JSON; in a variable or a flag it is written as JSON. */
export function mapping(bytesMax: number): Parser<Readonly<Record<string, unknown>>> {
  const problem = bad(`must be a mapping of at most ${bytesMax} bytes as JSON`);
  return (raw) => {
    try {
      const value: unknown = typeof raw === "string" ? JSON.parse(raw) : raw;
      const json = JSON.stringify(value);
      if (!json.startsWith("{") || Buffer.byteLength(json) > bytesMax) return problem; // Also a date is an object, and text in JSON.
      return fine(JSON.parse(json) as Record<string, unknown>);
    } catch {
      return problem;
    }
  };
}
