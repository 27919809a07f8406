/** What a member does with one key of its own when the view has changed: a function of values. */
import { sha256 } from "../../identity/index.js";
import { closest, type MemberId } from "../../rings/index.js";

type Held = { readonly id: MemberId };

export interface Change<T extends Held> {
  readonly me: MemberId;
  /** Those that offered the service when all was handed over, and those that offer it now. */
  readonly before: readonly T[];
  readonly now: readonly T[];
  readonly copies: number;
}

export interface Owed<T extends Held> {
  /** Those that hold it from now on, and get it from me. */
  readonly to: readonly T[];
  /** I hold it further. */
  readonly isKept: boolean;
}

/**
 * Those that hold the key now and did not before get it from the first of its former holders that is still there. A key that I have
 * without having been one of its holders, as one that came while the view changed, I give to all that hold it now.
 */
export function owedFor<T extends Held>(key: string, { me, before, now, copies }: Change<T>): Owed<T> {
  const [was, is] = [new Map(before.map((each) => [each.id, each])), new Map(now.map((each) => [each.id, each]))];
  // One order for both: its digests are all that this costs.
  const order = closest(sha256, key, [...new Map([...was, ...is]).values()]);
  const former = order.filter(({ id }) => was.has(id)).slice(0, copies);
  const present = order.filter(({ id }) => is.has(id)).slice(0, copies);
  const isKept = present.some(({ id }) => id === me);
  const others = present.filter(({ id }) => id !== me);
  if (!former.some(({ id }) => id === me)) return { to: isKept ? [] : others, isKept };
  const [giver] = former.filter(({ id }) => id === me || is.has(id));
  const had = new Set(former.map(({ id }) => id));
  return { to: giver?.id === me ? others.filter(({ id }) => !had.has(id)) : [], isKept };
}
