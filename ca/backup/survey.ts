/** What must be known of a backup before it is restored, found by reading it once to its end: so it is whole, too. */
import { fingerprintOf } from "../../identity/index.js";
import { memberIdFromBytes, toHex } from "../../rings/index.js";
import { columnsOf, type TableName } from "../store/database/schema.js";
import type { AuditHead, DumpedRow, Fence } from "../store/store.js";
import type { Archive } from "./archive.js";
import type { KnownIssuer, Named } from "./reconcile.js";

export interface Survey {
  readonly issuers: readonly KnownIssuer[];
  /** Where the audit really ends. */
  readonly audit: AuditHead;
  /** Hash of the audit's entry with this number, while it is being read. */
  readonly hashAt: string | undefined;
}

/** First reading: who signs lists, and whether the audit passes through `entry`. */
export async function survey({ rows }: Archive, entry: number): Promise<Survey> {
  const issuers: KnownIssuer[] = [];
  let audit: AuditHead = { sequence: 0, hash: "" };
  let hashAt: string | undefined;
  for await (const row of rows) {
    if (row.table === "issuers") {
      const { network_id: id, certificate, state } = fieldsOf(row);
      // Whoever has a retired key can still sign with it; no list in force is of one.
      if (state !== "retired") issuers.push({ networkId: bytesOf(id), certificate: bytesOf(certificate) });
    }
    if (row.table !== "audit") continue;
    const { sequence, hash } = fieldsOf(row);
    if (Number(sequence) > audit.sequence) audit = { sequence: Number(sequence), hash: String(hash) };
    if (Number(sequence) === entry) hashAt = String(hash);
  }
  return { issuers, audit, hashAt };
}

export interface Missing {
  /** To be recorded with the restored state. */
  readonly revocations: Fence["revocations"];
  /** Revoked certificates of a gossiped list that the backup does not know: only its X.509 list has their serials. */
  readonly unknown: number;
}

/** Second reading: which of those that the lists name are not revoked in the backup. */
export async function missingIn({ rows }: Archive, lists: readonly Named[], at: number): Promise<Missing> {
  const wanted = new Wanted(lists);
  for await (const row of rows) wanted.see(row);
  return wanted.missing(at);
}

/** What lists name, by network; what the backup knows of it is filled in, and what it has revoked is struck off. */
class Wanted {
  readonly #members = new Map<string, { networkId: Uint8Array; principal: string }>();
  readonly #serials = new Map<string, { networkId: Uint8Array; principal: string }>();
  readonly #hashes = new Map<string, Uint8Array>();

  constructor(lists: readonly Named[]) {
    for (const { networkId, members, hashes, serials } of lists) {
      for (const id of members) this.#members.set(id, { networkId, principal: "" });
      for (const serial of serials) this.#serials.set(serial, { networkId, principal: "" });
      for (const hash of hashes) this.#hashes.set(hash, networkId);
    }
  }

  /** Tables come in an order in which revocations are the last of these. */
  see(row: DumpedRow): void {
    if (row.table === "principals") this.#seePrincipal(fieldsOf(row));
    if (row.table === "certificates") this.#seeCertificate(fieldsOf(row));
    if (row.table === "revocations") this.#strike(fieldsOf(row));
  }

  #seePrincipal({ id, principal }: Fields): void {
    const member = this.#members.get(toHex(bytesOf(id)));
    if (member !== undefined) member.principal = String(principal);
  }

  #seeCertificate({ serial, principal, leaf, network_id: networkId }: Fields): void {
    const hash = fingerprintOf(bytesOf(leaf));
    const isNamed = this.#serials.has(String(serial)) || this.#hashes.has(hash);
    if (isNamed) this.#serials.set(String(serial), { networkId: bytesOf(networkId), principal: String(principal) });
    this.#hashes.delete(hash);
  }

  #strike({ serial, id }: Fields): void {
    if (serial !== null) this.#serials.delete(String(serial));
    if (id !== null) this.#members.delete(toHex(bytesOf(id)));
  }

  missing(at: number): Missing {
    const common = { reason: "unspecified", at };
    const revocations: Fence["revocations"][number][] = [];
    for (const [id, { networkId, principal }] of this.#members) {
      const target = { kind: "principal", id: memberIdFromBytes(new Uint8Array(Buffer.from(id, "hex"))) } as const;
      revocations.push({ networkId, revocation: { ...common, target, principal } });
    }
    for (const [serial, { networkId, principal }] of this.#serials) {
      const target = { kind: "certificate", serial } as const;
      revocations.push({ networkId, revocation: { ...common, target, principal } });
    }
    return { revocations, unknown: this.#hashes.size };
  }
}

type Fields = Readonly<Record<string, string | number | null>>;

function fieldsOf({ table, values }: DumpedRow): Fields {
  return Object.fromEntries(columnsOf(table as TableName).map(({ name }, index) => [name, values[index] ?? null]));
}

function bytesOf(value: string | number | null | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(String(value ?? ""), "base64"));
}
