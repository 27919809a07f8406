/** What a view holds of one member, for those who ask why it stands as it does, and for notices: nothing is decided by it. */
import type { MemberId } from "../../rings/index.js";
import type { Notice } from "../notice.js";
import type { Standing } from "../outputs.js";
import type { Accusation } from "../records/accusation.js";
import { encodeStatement } from "../records/statement.js";
import type { Evidence } from "./evidence.js";
import type { View } from "./view.js";

/** An accusation that is held of the member's present note. */
export interface InspectedAccusation {
  readonly by: MemberId;
  readonly ring: number;
  readonly epoch: bigint;
  /** Since when it has stood without a break, monotonic milliseconds; undefined when it does not, or its member is removed. */
  readonly since: number | undefined;
  /** Who stands between accuser and accused, and makes it void (rule R5); undefined when it stands. */
  readonly blocker: MemberId | undefined;
  readonly statement: Uint8Array;
}

export interface Inspected {
  readonly standing: Standing;
  /** Of its latest note; undefined when none is held. */
  readonly epoch: bigint | undefined;
  readonly mask: Uint8Array | undefined;
  readonly accusations: readonly InspectedAccusation[];
  /** When a wait for its return ends (rule R13), monotonic milliseconds. */
  readonly waitsUntil: number | undefined;
  /** Its certificates, newest first, and its note, as they are handed on. */
  readonly introduction: readonly Uint8Array[];
  /** Two notes that contradict each other (rule R12), as a statement. */
  readonly proof: Uint8Array | undefined;
}

export function inspect({ evidence, judgement }: View, id: MemberId): Inspected {
  const note = evidence.note(id)?.note;
  const bytesOf = (digest: string) => evidence.record(digest)?.bytes ?? new Uint8Array(0);
  const pair = evidence.proof(id)?.pair;
  return {
    standing: judgement.standing(id),
    epoch: note?.epoch,
    mask: note?.mask,
    accusations: evidence.accusations(id).map((held) => {
      const { accuser: by, ring, epoch } = held.accusation;
      return { by, ring, epoch, ...judgement.groundOf(held), statement: bytesOf(held.digest) };
    }),
    waitsUntil: judgement.waitsUntil(id),
    introduction: evidence.introduction(id).map(bytesOf),
    proof: pair && encodeStatement({ kind: "equivocation", pair: [pair[0].note, pair[1].note] }),
  };
}

/** An accusation as a notice, with the note that it is of. */
export function noticeOfAccusation(
  evidence: Evidence,
  accusation: Accusation,
  statement: Uint8Array,
  from: MemberId | undefined,
): Notice {
  const { accused: member, accuser: by, ring, epoch } = accusation;
  const held = evidence.note(member);
  const against = held && evidence.record(held.digest)?.bytes;
  return { what: "accused", member, by, ring, epoch, from, statement, against };
}
