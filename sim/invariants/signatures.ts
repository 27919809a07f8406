/**
 * S3: nothing unverified is stored or handed on.
 *
 * Stored is what a correct member's machine would hand on (`statements()`): every certificate, note, accusation, proof
 * and revocation list in it must pass its check here, made anew and apart from the machine. And whatever a correct member
 * is believed to say, it has signed: an epoch that a machine tells of it is the epoch of a note it made.
 *
 * What is told is checked at once. What is held is looked at one member per SCAN_EVERY_MS and all at the end; or, with
 * `thorough`, after every input that changed it, which costs as much as the run itself.
 */

import { type CertificateFacts, type Check, noteSignatureType, type Output, parseNote } from "../../gossip/index.js";
import { type Claim, parseStatement } from "../../gossip/records/statement.js";
import { equalBytes, type MemberId, toHex } from "../../rings/index.js";
import type { Seat, StatementKind, Watcher } from "../actor.js";
import type { Ledger } from "./violation.js";
import type { Watched } from "./watched.js";

/** Virtual milliseconds between two looks at what a member holds. */
const SCAN_EVERY_MS = 1000;

export class Signatures implements Watcher {
  readonly #ledger: Ledger;
  readonly #watched: Watched;
  readonly #isThorough: boolean;
  /** Epochs that each correct member has signed. */
  readonly #epochs = new Map<MemberId, Set<bigint>>();
  readonly #certificates = new Map<string, CertificateFacts>();
  /** Hashes of those that were first looked at when their dates had passed: what they signed cannot be checked any more. */
  readonly #ended = new Set<string>();
  /** Bytes that passed. Views that share their statements cost one check. */
  readonly #passed = new WeakSet<Uint8Array>();
  readonly #roots = new WeakMap<Seat, Uint8Array>();
  #scanAt = 0;

  constructor(ledger: Ledger, watched: Watched, isThorough: boolean) {
    this.#ledger = ledger;
    this.#watched = watched;
    this.#isThorough = isThorough;
    // What stood at the beginning was signed before anybody watched.
    for (const { id, machine } of startedOf(watched)) this.#of(id).add(machine.epoch);
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array): void {
    const note = type === "note" || type === "leave" ? parseNote(body) : undefined;
    if (note) this.#of(seat.id).add(note.epoch);
  }

  told(seat: Seat, output: Output, now: number): void {
    if (!("member" in output) || !seat.isCorrect) return;
    const { id, epoch } = output.member;
    if (!this.#isCorrect(id) || this.#of(id).has(epoch)) return;
    this.#report(seat, now, `believes epoch ${epoch} of ${id.slice(0, 8)}, never signed`);
  }

  afterInput(seat: Seat, now: number): void {
    if (!seat.isCorrect || (!this.#isThorough && now < this.#scanAt)) return;
    this.#scanAt = now + SCAN_EVERY_MS;
    if (this.#isThorough && !this.#hasChanged(seat)) return;
    this.scan(seat, now);
  }

  /** Checks all that a member holds. */
  scan(seat: Seat, now: number): void {
    const fresh = seat.machine.statements().filter((bytes) => !this.#passed.has(bytes));
    const claims = fresh.map((bytes) => ({ bytes, claim: parseStatement(bytes) }));
    // Certificates first: the others are checked with them.
    claims.sort((a, b) => Number(b.claim?.kind === "certificate") - Number(a.claim?.kind === "certificate"));
    for (const { bytes, claim } of claims) {
      const problem = claim ? this.#problem(claim) : "malformed";
      if (problem === undefined) this.#passed.add(bytes);
      else
        this.#report(
          seat,
          now,
          `holds a statement (${claim?.kind ?? "unknown"}) that does not pass its check: ${problem}`,
        );
    }
  }

  #hasChanged(seat: Seat): boolean {
    const root = seat.machine.fingerprint();
    const before = this.#roots.get(seat);
    this.#roots.set(seat, root.slice());
    return !before || !equalBytes(before, root);
  }

  #problem(claim: Claim): string | undefined {
    const { crypto, wall } = this.#watched;
    for (const check of this.#checksOf(claim)) {
      if (check === undefined) return "signed under no certificate that is held";
      if (check === "ended") continue;
      const verdict = crypto.check(check, wall);
      // Dates pass while a statement is held; they are judged by whoever holds it, by its own clock.
      if (!verdict.ok && verdict.reason !== "expired" && verdict.reason !== "not-yet-valid") return verdict.reason;
      if (!verdict.ok && check.kind === "certificate") this.#ended.add(toHex(crypto.sha256(check.chain.leaf)));
      if (verdict.ok && verdict.certificate) this.#certificates.set(verdict.certificate.hash, verdict.certificate);
    }
    return undefined;
  }

  #checksOf(claim: Claim): (Check | "ended" | undefined)[] {
    switch (claim.kind) {
      case "certificate":
        return [{ kind: "certificate", chain: claim.chain }];
      case "note":
        return [this.#signature(noteSignatureType(claim.note), claim.note)];
      case "equivocation":
        return claim.pair.map((note) => this.#signature(noteSignatureType(note), note));
      case "accusation":
        return [this.#signature("accusation", claim.accusation)];
      case "revocation":
        return [{ ...claim.list, kind: "revocation" }];
      case "interest":
        return [this.#signature("interest", claim.interest)];
    }
  }

  #signature(
    type: StatementKind,
    signed: { readonly certificate: string; readonly body: Uint8Array; readonly signature: Uint8Array },
  ): Check | "ended" | undefined {
    const certificate = this.#certificates.get(signed.certificate);
    if (!certificate && this.#ended.has(signed.certificate)) return "ended";
    const { body, signature } = signed;
    return certificate && { kind: "signature", type, certificate, body, signature };
  }

  /** What liars sign is not watched. */
  #isCorrect(id: MemberId): boolean {
    return this.#watched.seat(id)?.isCorrect ?? false;
  }

  #of(id: MemberId): Set<bigint> {
    const epochs = this.#epochs.get(id) ?? new Set<bigint>();
    this.#epochs.set(id, epochs);
    return epochs;
  }

  #report(seat: Seat, at: number, text: string): void {
    this.#ledger.add({ invariant: "S3", at, member: seat.name, text });
  }
}

function startedOf({ members }: Watched): readonly Seat[] {
  return members.filter((seat) => seat.state !== "down");
}
