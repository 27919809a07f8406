/**
 * A second, dumb implementation of the rings: it keeps a set and sorts everyone anew for each question, with positions as
 * big integers. And hashes to run both on: the real one, and ones that collide on purpose.
 */
import { createHash } from "node:crypto";
import { type MemberId, memberIdFromBytes, type Sha256 } from "../../rings/index.js";

export const sha256: Sha256 = (data) => new Uint8Array(createHash("sha256").update(data).digest());

/** Leaves `varying` bits of the first 48 to the id, so that prefixes tie; the rest of the hash is the real one. */
export function tyingPrefix(varying: number): Sha256 {
  return (data) => {
    const hash = sha256(data);
    hash.fill(0, 0, 5);
    hash[5]! &= (1 << varying) - 1;
    return hash;
  };
}

/** The same position for everyone: only the id is left to tell members apart. */
export const sameForAll: Sha256 = () => new Uint8Array(32).fill(7);

/** A member id made from a number, scattered over the id space. */
export function idOf(number: number): MemberId {
  return memberIdFromBytes(sha256(Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)));
}

export class RingsModel {
  readonly members = new Set<MemberId>();
  readonly #sha256: Sha256;

  constructor(hash: Sha256) {
    this.#sha256 = hash;
  }

  /** Everyone else, nearest successor first. */
  clockwise(ring: number, of: MemberId): MemberId[] {
    const all = this.#sorted(ring, of);
    const start = all.indexOf(of);
    return [...all.slice(start + 1), ...all.slice(0, start)].filter((id) => this.members.has(id));
  }

  successor(ring: number, of: MemberId, skip: (id: MemberId) => boolean): MemberId | undefined {
    return this.clockwise(ring, of).find((id) => !skip(id));
  }

  predecessors(ring: number, of: MemberId, skip: (id: MemberId) => boolean): MemberId[] {
    return this.clockwise(ring, of)
      .reverse()
      .filter((id) => !skip(id));
  }

  between(ring: number, from: MemberId, to: MemberId): MemberId[] {
    const all = this.#sorted(ring, from, to);
    const start = all.indexOf(from);
    const rotated = [...all.slice(start), ...all.slice(0, start)];
    return rotated.slice(1, Math.max(1, rotated.indexOf(to))).filter((id) => this.members.has(id));
  }

  #sorted(ring: number, ...asked: MemberId[]): MemberId[] {
    const ids = [...new Set([...this.members, ...asked])];
    const placed = ids.map((id) => ({ id, position: this.#position(ring, id) }));
    placed.sort((a, b) => Number(a.position > b.position) - Number(a.position < b.position) || (a.id < b.id ? -1 : 1));
    return placed.map(({ id }) => id);
  }

  #position(ring: number, id: MemberId): bigint {
    const input = Buffer.concat([Buffer.from(ring.toString(16).padStart(8, "0"), "hex"), Buffer.from(id, "hex")]);
    return BigInt(`0x${Buffer.from(this.#sha256(input)).toString("hex")}`);
  }
}
