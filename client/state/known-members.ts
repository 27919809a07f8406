/**
 * The known members: signed statements (certificates, notes) as bytes that this room does not look into. They are
 * contacts for a restart without the authority, and are verified again like any from a stranger.
 */

export const MEMBERS_FILE = "members";
export const MEMBERS_KIND = "members";
/** Two statements each of 10,000 members, the largest network that is tested. */
export const STATEMENTS_MAX = 20_000;
/**
 * A note is at most 8 KiB, a certificate chain less than that, and the revocation list 1 MiB with what proves it: who
 * restarts without the authority must not forget who was thrown out. More is no statement.
 */
export const STATEMENT_BYTES_MAX = 1_064_960;
/** 20,000 statements of the size that is usual, some 1.5 KB. What is beyond is left out. */
export const MEMBERS_FILE_BYTES_MAX = 33_554_432;

const LENGTH_BYTES = 4;
/** Header and checksum of the file. */
const SEAL_BYTES = 64;

/** As many of the statements, from the first on, as the limits allow: each its length, then its bytes. */
export function encodeStatements(statements: Iterable<Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  let room = MEMBERS_FILE_BYTES_MAX - SEAL_BYTES;
  for (const statement of statements) {
    if (statement.length === 0 || statement.length > STATEMENT_BYTES_MAX) continue;
    room -= LENGTH_BYTES + statement.length;
    if (room < 0 || parts.length >= 2 * STATEMENTS_MAX) break;
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(statement.length);
    parts.push(length, statement);
  }
  return Buffer.concat(parts);
}

export function decodeStatements(content: Uint8Array): readonly Uint8Array[] | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const statements: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + LENGTH_BYTES > bytes.length || statements.length >= STATEMENTS_MAX) return undefined;
    const length = bytes.readUInt32BE(offset);
    offset += LENGTH_BYTES;
    if (length === 0 || length > STATEMENT_BYTES_MAX || offset + length > bytes.length) return undefined;
    statements.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  return statements;
}
