/**
 * A whole view that many machines of one process start from: a simulator's ten thousand members, or a process that hosts
 * many. It is checked once, by whoever builds it, and never copied: each machine holds only what it learns later. A machine
 * that starts from it is a member among members at once: nothing to join, nothing to verify, nothing to tell.
 */
import type { MemberId, Sha256 } from "../../rings/index.js";
import type { CertificateFacts } from "../records/certificate.js";
import type { SignedNote } from "../records/note.js";
import { own, type Verified } from "../records/verified.js";
import { Evidence } from "./evidence.js";
import { Roster } from "./roster.js";

export interface SharedViewOptions {
  /** k, as in every member's certificate. */
  readonly ringCount: number;
  readonly sha256: Sha256;
}

export class SharedView {
  readonly #evidence: Evidence;
  readonly #roster = new Roster();

  constructor(options: SharedViewOptions) {
    this.#evidence = new Evidence(options);
  }

  /**
   * A live member with its note. The caller vouches for both: no signature is checked here. Throws RangeError for what
   * could not be held.
   */
  add(certificate: CertificateFacts, note: SignedNote): void {
    this.#evidence.admitCertificate(own(certificate));
    const problem = this.#evidence.noteProblem(note);
    if (problem) throw new RangeError(`the note of ${note.id} cannot be held: ${problem}`);
    this.#evidence.admitNote(own(note));
    this.#roster.observe(note.id, "live", note);
  }

  /** A view that begins with all of this and goes its own way, as one of its members has it. */
  fork(me: MemberId): { readonly evidence: Evidence; readonly roster: Roster } {
    return { evidence: this.#evidence.fork(), roster: new Roster(this.#roster, me) };
  }

  /**
   * The note with which this certificate's member stands here. Throws RangeError when there is none, or when it is not above
   * the mark: then it is from before a crash, and epochs beyond it may be used up.
   */
  noteOf(certificate: CertificateFacts, savedMark: bigint): Verified<SignedNote> {
    const held = this.#evidence.note(certificate.id)?.note;
    if (held?.certificate !== certificate.hash)
      throw new RangeError(`no note of ${certificate.id} is in the shared view`);
    if (held.epoch <= savedMark)
      throw new RangeError(`the shared note of ${certificate.id} is not above the saved mark`);
    return held;
  }
}
