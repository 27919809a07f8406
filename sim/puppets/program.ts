/**
 * An attack as data: who says what to whom and when, relative to a scene. A search may draw one at random, and whatever it
 * draws can be played: liars sign with their own keys only, and nothing here can do more.
 */

/**
 * Where the players of a scene stand.
 * "screened": on a ring a liar directly before the victim (the screen), and another liar directly before that one (the accuser).
 * "direct": the accuser directly before the victim. "ahead": the same, and of all who stand so those whose clocks are the
 * farthest ahead. "newcomer": the same, of one who has just come in or come back, from the moment on at which any view has it.
 * "forgetful": as "screened", once the victim has forgotten the screen's note (R8) and most others have not.
 * "alone": any liar is screen and accuser at once, and any correct member the victim.
 */
export type Casting = "screened" | "direct" | "ahead" | "newcomer" | "forgetful" | "alone";

/** "crowd": all liars, each in its own name. */
export type Role = "screen" | "accuser" | "crowd";

/**
 * Correct members that are up. The victim; all others; all; a few of the others, and everybody else; two halves; the victim's
 * neighbours on the rings.
 */
export type Audience = "victim" | "others" | "all" | "few" | "rest" | "half" | "other-half" | "neighbours";

/** Times are beats, one gossip interval each, from the scene's beginning on: budgets refill by them. */
export type When =
  | { readonly at: number }
  /** Each time so many `times`, `apart` from each other. Default: once. */
  | { readonly from: number; readonly every: number; readonly times?: number; readonly apart?: number }
  /** From then on at once whenever the victim has an epoch at which this was not said yet. */
  | { readonly epochsFrom: number };

/** Under which of its certificates: the one that it came with, or the last one that it had issued. */
export type Under = "first" | "last";

/** "budget": t + 1, which with one more is what others admit at once (R11). */
export type Count = number | "budget";

/**
 * Which rings a liar names: the scene's; or, so many, those on which a correct member stands between it and whom it accuses;
 * or those on which none does, so that the accusation stands.
 */
export type Rings = "scene" | "strange" | "held";

/** Whom an accusation is of: the victim; the screen, which is passed over while it stands accused; or the correct between. */
export type Accused = "victim" | "screen" | "shields";

export type Saying =
  /** Notes of its own, each with a higher epoch. "masked": t rings disabled. "bulky": as long as a note may be. */
  | { readonly say: "live" | "masked" | "bulky" | "leave"; readonly count?: Count }
  /** Alive, with an epoch below that of all other notes that it has signed here. */
  | { readonly say: "low" }
  /** At the accused's present epoch. Default: of the victim. */
  | { readonly say: "accusation"; readonly rings: Rings; readonly count?: Count; readonly of?: Accused }
  /** Unsigned, and false: "you stand accused in my view" (R20), and "I hold you as gone" (R15), at the hearer's present epoch. */
  | { readonly say: "summons"; readonly rings: Rings; readonly count?: Count; readonly way: "datagram" | "call" }
  | { readonly say: "gone" }
  /** Two notes with one epoch, better than the proofs before. */
  | { readonly say: "proof"; readonly count?: Count }
  | { readonly say: "certificate" };

export type Telling = Saying & {
  readonly by: Role;
  readonly under?: Under;
  readonly to: Audience;
  readonly when: When;
  /** Liars that bring it, each in a call of its own: the speaker, and others. Loss rarely takes all. "any": one of all. Default 1. */
  readonly bearers?: number | "any";
  /** Calls of each bearer with the same packet: the fastest of many takes hardly any time. Default 1. */
  readonly copies?: number;
};

/** The authority issues a further certificate to a liar. */
export interface Renewal {
  readonly say: "renewal";
  readonly by: Exclude<Role, "crowd">;
  readonly when: When;
  /**
   * It is older than its others, and ended so long ago that by the victim's clock the tolerated difference of clocks (R18) is over
   * so many beats after this. Without it: newer, and valid for long.
   */
  readonly overAfter?: number;
}

export type Move = Telling | Renewal;

/** What the machines of all liars keep back. */
export interface Withholding {
  /**
   * All about the screen; the victim's notes; accusations of the victim; the accuser's certificates; the screen's answers to
   * pings and calls; or all there is.
   */
  readonly what: "screen" | "notes" | "charges" | "certificates" | "answers" | "all";
  readonly from: "victim" | "all";
}

/** Liars sit on their answers to calls. */
export interface Lateness {
  readonly from: "victim" | "all";
  readonly beats: number;
}

export interface Program {
  readonly casting: Casting;
  /** Scenes at once, at most; no liar is screen, and no member victim, in two of them. */
  readonly scenes: number;
  /** How many "few" are. Default 3: so many can hold no crowd's view, and are more than one. */
  readonly few?: number;
  /** Beats after which other scenes are cast, until the end. */
  readonly lasts: number;
  /** What every liar does at the beginning, as screen and accuser of a scene of its own with any victim. */
  readonly prelude?: readonly Move[];
  readonly moves: readonly Move[];
  readonly withheld: readonly Withholding[];
  readonly late?: Lateness;
}
