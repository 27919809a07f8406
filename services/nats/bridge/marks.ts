/**
 * What a message carries across. To NATS, headers: its author with the batch that it was signed in, so that whoever has all
 * messages of the batch can check it; and the path that it took, against loops. Into the overlay, an envelope that the bridge
 * signs as it signs all that it publishes:
 *
 *     "ff-nats" 00 | u8 1 | u32 bytes of JSON | JSON: subject, path, headers, author | data
 */
import { concatBytes, equalBytes } from "../../../rings/index.js";

/** Names of headers, as NATS hands them on. */
export const MARK = {
  path: "Ff-Path",
  author: "Ff-Author",
  sequence: "Ff-Sequence",
  at: "Ff-At",
  log: "Ff-Log",
  first: "Ff-First",
  batch: "Ff-Batch",
  signature: "Ff-Signature",
  certificate: "Ff-Certificate",
  issuer: "Ff-Issuer",
} as const;

/** JetStream takes a message of one id once, within the stream's window (2 minutes by default). */
export const MESSAGE_ID = "Nats-Msg-Id";

export type Headers = Readonly<Record<string, string>>;
/** Of a message without any. */
export const NO_HEADERS: Headers = Object.freeze({});

/** The batch of a message, and who signed it: stands on the first message of a batch. */
export interface BatchMark {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
}

/** A message of a member on its way to NATS. */
export interface Outgoing {
  readonly author: string;
  readonly sequence: number;
  readonly at: number;
  /** Of its log: 32 hex digits. */
  readonly log: string;
  /** Number of the first message of its batch. */
  readonly first: number;
  readonly batch: BatchMark | undefined;
  /** Networks and NATS systems that it has passed, the last one last. */
  readonly path: readonly string[];
}

/** Places that a message passes at most: more is a loop that nobody noticed. */
export const PATH_MAX = 8;

export function headersOf({ sequence, batch, ...rest }: Outgoing): Headers {
  return headersIn(commonHeaders(rest), rest.log, sequence, batch);
}

/** Of all messages of a batch. */
export function commonHeaders({ author, at, log, first, path }: Omit<Outgoing, "sequence" | "batch">): Headers {
  return {
    [MESSAGE_ID]: "",
    [MARK.path]: path.join(","),
    [MARK.author]: author,
    [MARK.sequence]: "",
    [MARK.at]: `${at}`,
    [MARK.log]: log,
    [MARK.first]: `${first}`,
  };
}

/** Of one message of it. */
export function headersIn(common: Headers, log: string, sequence: number, batch: BatchMark | undefined): Headers {
  const headers: Record<string, string> = { ...common };
  headers[MESSAGE_ID] = `${log}:${sequence}`;
  headers[MARK.sequence] = `${sequence}`;
  if (batch === undefined) return headers;
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  headers[MARK.batch] = base64(batch.body);
  headers[MARK.signature] = base64(batch.signature);
  headers[MARK.certificate] = base64(batch.leaf);
  headers[MARK.issuer] = base64(batch.issuer);
  return headers;
}

/** What the headers of a message claim. Undefined when they claim no author, or are damaged. */
export function claimIn(headers: Headers): Outgoing | undefined {
  const [author, log] = [headers[MARK.author], headers[MARK.log]];
  const [sequence, at, first] = [MARK.sequence, MARK.at, MARK.first].map((name) => numberIn(headers[name]));
  if (author === undefined || !/^[0-9a-f]{64}$/.test(author) || log === undefined || !/^[0-9a-f]{32}$/.test(log))
    return;
  if (sequence === undefined || at === undefined || first === undefined || first < 1 || sequence < first) return;
  return { author, log, sequence, at, first, path: pathIn(headers), batch: batchIn(headers) };
}

export function pathIn(headers: Headers): readonly string[] {
  const text = headers[MARK.path] ?? "";
  return text === "" ? [] : text.slice(0, 1_024).split(",").slice(0, PATH_MAX);
}

function batchIn(headers: Headers): BatchMark | undefined {
  const names = [MARK.batch, MARK.signature, MARK.certificate, MARK.issuer];
  const [body, signature, leaf, issuer] = names.map((name) => bytesIn(headers[name]));
  if (body === undefined || signature === undefined || leaf === undefined || issuer === undefined) return undefined;
  return { body, signature, leaf, issuer };
}

/** Characters of a header: a certificate has at most 2 KiB. */
const HEADER_CHARACTERS_MAX = 8_192;

function bytesIn(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text.length > HEADER_CHARACTERS_MAX || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
    return undefined;
  return new Uint8Array(Buffer.from(text, "base64"));
}

function numberIn(text: string | undefined): number | undefined {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Who wrote a message that has come from NATS, as its signature proves. */
export interface NatsAuthor {
  readonly id: string;
  readonly name: string | undefined;
  readonly network: string;
  readonly sequence: number;
  /** Unix milliseconds of the author's clock. */
  readonly at: number;
}

/** What a bridge says of a message that it has brought from NATS. */
export interface FromNats {
  readonly subject: string;
  /** As the publisher set them, without those of the bridges. */
  readonly headers: Headers;
  readonly path: readonly string[];
  /** Undefined for a plain publisher of NATS: nobody but the bridge vouches for the message. */
  readonly author: NatsAuthor | undefined;
}

const MAGIC = Buffer.from("ff-nats\0\x01", "latin1");
const LENGTH_BYTES = 4;
/** Bytes of the JSON: NATS's headers are far below it. */
const JSON_BYTES_MAX = 65_536;

export function wrapped(about: FromNats, data: Uint8Array): Uint8Array {
  return concatBytes(headOf(about), data);
}

/** What stands before the data. */
export function headOf(about: FromNats): Uint8Array {
  const json = Buffer.from(JSON.stringify(about));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return concatBytes(MAGIC, length, json);
}

/** The last head that was read, and what it says: messages that follow each other often have the same. */
let lastHead: Uint8Array = new Uint8Array();
let lastAbout: FromNats | undefined;

/**
 * A message of a topic apart: its data, and, when a bridge has brought it from NATS, what the bridge says of it. The bridge is
 * the message's `from`; whoever is no bridge could write the same.
 */
export function fromNats(data: Uint8Array): { readonly data: Uint8Array; readonly nats: FromNats | undefined } {
  const plain = { data, nats: undefined };
  const start = MAGIC.length + LENGTH_BYTES;
  if (data[0] !== MAGIC[0] || data.length < start || !equalBytes(data.subarray(0, MAGIC.length), MAGIC)) return plain;
  const view = Buffer.from(data.buffer, data.byteOffset, data.length);
  const length = view.readUInt32BE(MAGIC.length);
  if (length > JSON_BYTES_MAX || start + length > data.length) return plain;
  const body = data.subarray(start + length);
  if (lastHead.length === start + length && view.compare(lastHead, 0, start + length, 0, start + length) === 0)
    return { data: body, nats: lastAbout };
  try {
    const nats = JSON.parse(view.toString("utf8", start, start + length)) as FromNats;
    if (!isAbout(nats)) return plain;
    const { subject, headers, path, author } = nats;
    lastAbout = Object.freeze({ subject, headers: Object.freeze(headers), path: Object.freeze(path), author });
    lastHead = data.slice(0, start + length);
    return { data: body, nats: lastAbout };
  } catch {
    return plain;
  }
}

function isAbout(value: unknown): boolean {
  const { subject, headers, path } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const isPath = Array.isArray(path) && path.length <= PATH_MAX && path.every((each) => typeof each === "string");
  return typeof subject === "string" && typeof headers === "object" && headers !== null && isPath;
}

/** RFC 9110, section 5.1, as NATS has it: what is none could end a line, and begin another header. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;

/** Without what bridges and JetStream say to each other, and without what is no header: an envelope may hold anything. */
export function plainHeaders(headers: Headers): Headers {
  const isPlain = ([name, value]: readonly [string, unknown]) =>
    NAME.test(name) && !/^(?:ff-|nats-)/i.test(name) && typeof value === "string" && !/[\r\n]/.test(value);
  return Object.fromEntries(Object.entries(headers).filter(isPlain));
}
