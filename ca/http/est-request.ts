/**
 * A certificate request in the body of an EST call, as clients send it: base64 with or without line ends (RFC 7030, 4.2.1),
 * PEM, or DER itself. What it says, and not its content type, decides: clients name many, or none.
 */
import { FirefliesError, REQUEST_BYTES_MAX } from "../../identity/index.js";

/** Also what Netscape's tools wrote; and without line ends, as `curl -d @file` sends it. */
const PEM = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]*)-----END (?:NEW )?CERTIFICATE REQUEST-----/g;
const OTHER_PEM = /-----BEGIN ([A-Z0-9 ]{1,40})-----/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const BYTE_ORDER_MARK = /^\u00ef\u00bb\u00bf/;
const ADVICE = "Send a PKCS#10 request as base64, PEM or DER.";

/** DER of the one request in a body. Throws "request-invalid". */
export function requestIn(body: Uint8Array): Uint8Array {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const derBytes = derLength(bytes);
  const isDer = derBytes !== undefined && derBytes <= bytes.length && isSpace(bytes.subarray(derBytes));
  return bounded(isDer ? bytes.subarray(0, derBytes) : Buffer.from(base64In(bytes.toString("latin1")), "base64"));
}

function base64In(text: string): string {
  const blocks = [...text.matchAll(PEM)];
  if (blocks.length > 1) throw refused(`holds ${blocks.length} certificate requests`, "Send them one by one.");
  const other = OTHER_PEM.exec(text)?.[1];
  if (blocks.length === 0 && other !== undefined) throw refused(`is PEM of something else: ${other}`, ADVICE);
  const base64 = (blocks[0]?.[1] ?? text).replace(BYTE_ORDER_MARK, "").replace(/\s/g, "");
  if (base64 === "") throw refused("is empty", ADVICE);
  if (!BASE64.test(base64)) throw refused("is neither base64 nor PEM nor DER", ADVICE);
  return base64;
}

function bounded(der: Buffer): Uint8Array {
  if (der.length <= REQUEST_BYTES_MAX) return new Uint8Array(der);
  throw refused(`has ${der.length} bytes`, `A request has ${REQUEST_BYTES_MAX} bytes at most.`);
}

/** Bytes of the SEQUENCE that begins here, its head included; undefined for anything else. Base64 of one begins with "M". */
function derLength(bytes: Buffer): number | undefined {
  const [tag, first] = bytes;
  if (tag !== 0x30 || first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const count = first - 0x80;
  return count >= 1 && count <= 2 && bytes.length >= 2 + count ? 2 + count + bytes.readUIntBE(2, count) : undefined;
}

function isSpace(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x0a || byte === 0x0d || byte === 0x20);
}

function refused(what: string, advice: string): FirefliesError {
  return new FirefliesError("request-invalid", `The body ${what}.`, { advice });
}
