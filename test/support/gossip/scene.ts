/** One set of evidence with some members in it, and a judgement over it: the stage for tests of single rules. */
import type { CertificateFacts } from "../../../gossip/records/certificate.js";
import type { Evidence } from "../../../gossip/view/evidence.js";
import { Judgement } from "../../../gossip/view/judgement.js";
import type { MemberId } from "../../../rings/index.js";
import { FakeAuthority } from "./authority.js";
import { evidenceOf } from "./holdings.js";
import { accusationOf, checked, type NoteOptions, noteOf } from "./statements.js";

export const DELTA = 1000;

export class Scene {
  readonly authority = new FakeAuthority();
  readonly evidence: Evidence;
  readonly judgement: Judgement;
  readonly members: CertificateFacts[] = [];
  readonly ringCount: number;

  constructor(members: number, ringCount = 3) {
    this.ringCount = ringCount;
    this.evidence = evidenceOf(ringCount);
    this.judgement = this.judge();
    for (let index = 0; index < members; index++) this.join(`s${index}`);
  }

  /** Another judgement over the same evidence, with a memory of its own. */
  judge(): Judgement {
    return new Judgement({ evidence: this.evidence, deltaMs: DELTA, removalMs: 2 * DELTA });
  }

  join(name: string): CertificateFacts {
    const certificate = this.authority.issue(name);
    this.members.push(certificate);
    this.evidence.admitCertificate(checked(certificate));
    this.note(certificate, { epoch: 1n });
    return certificate;
  }

  note(certificate: CertificateFacts, options: NoteOptions): boolean {
    return this.evidence.admitNote(noteOf(certificate, { ringCount: this.ringCount, ...options }));
  }

  accuse(accuser: CertificateFacts, accused: CertificateFacts, ring: number, epoch = 1n): boolean {
    return this.evidence.admitAccusation(accusationOf(accuser, accused.id, ring, epoch));
  }

  of(id: MemberId): CertificateFacts {
    return this.members.find((member) => member.id === id)!;
  }

  /** The members before one on a ring by static order, nearest first. */
  before(ring: number, of: CertificateFacts, count = 1): CertificateFacts[] {
    return this.evidence.rings.predecessors(ring, of.id, count).map((id) => this.of(id));
  }

  /** On every ring, its direct predecessor accuses it. */
  accuseFully(accused: CertificateFacts, epoch = 1n): void {
    for (let ring = 1; ring <= this.ringCount; ring++)
      this.accuse(this.before(ring, accused)[0]!, accused, ring, epoch);
  }

  standing(certificate: CertificateFacts, now: number, judgement = this.judgement) {
    judgement.update(now, 0);
    return judgement.standing(certificate.id);
  }
}
