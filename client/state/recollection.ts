/** What a member kept of an earlier life: how far its epochs went, and whom it knew. */
import { addressesOf, parseStatement, type Recipient, TRANSPORT_GRPC } from "../../gossip/index.js";
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Restored, StateDirectory } from "./index.js";

export interface Memory {
  /** No epoch above it was ever signed; 0 when none is known. */
  readonly savedMark: bigint;
  /** Held once; checked again like anyone's. */
  readonly statements: readonly Uint8Array[];
  /** There was an earlier life, and whom it knew cannot be read. */
  readonly isLost: boolean;
}

/** What cannot be read is set aside and told as an alarm; the member goes on without it. */
export async function recall(
  state: StateDirectory | undefined,
  onAlarm: (alarm: FirefliesError) => void,
): Promise<Memory> {
  if (!state) return { savedMark: 0n, statements: [], isLost: false };
  const restored = <T>(found: Restored<T>, what: string): T | undefined => {
    if (found.kind === "corrupt") onAlarm(unreadable(found, what));
    return found.kind === "restored" ? found.value : undefined;
  };
  const mark = restored(await state.readEpoch(), "epoch mark");
  const members = await state.readMembers();
  const statements = restored(members, "known members");
  const isLost = members.kind === "corrupt" || (members.kind === "absent" && mark !== undefined);
  return { savedMark: mark ?? 0n, statements: statements ?? [], isLost };
}

function unreadable({ reason, kept }: { readonly reason: string; readonly kept: string }, what: string) {
  const text = `The saved ${what} cannot be read (${reason}): kept as ${kept}; the member goes on without it.`;
  return new FirefliesError("state-unreadable", text);
}

/** The members that saved statements tell of. */
export interface Remembered {
  /** So many others were there, as far as is known: a view to start from. */
  readonly others: number;
  /** Where those were who had said goodbye: all may have stopped together, and be back. */
  readonly departed: readonly Recipient[];
}

export function remembered(statements: readonly Uint8Array[], self: MemberId): Remembered {
  const claims = statements.map(parseStatement);
  const notes = claims.flatMap((claim) => (claim?.kind === "note" && claim.note.id !== self ? [claim.note] : []));
  const departed = notes.filter(({ leaving }) => leaving);
  return {
    others: notes.length - departed.length,
    departed: departed.map((note) => ({ id: note.id, addresses: addressesOf(note, TRANSPORT_GRPC) })),
  };
}
