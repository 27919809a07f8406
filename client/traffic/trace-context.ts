/**
 * A place in a trace, as members tell it to each other: what https://www.w3.org/TR/trace-context/ puts into two fields, as one
 * text. Whoever reads it takes nothing else, and ignores the rest: what a peer says of a trace decides nothing.
 *
 *     traceparent ("00-" trace id, 32 hex digits, "-" parent id, 16, "-" flags, 2) | optional: a space, tracestate
 *
 * A message has it as an extension of its content, type 3, so it is signed. Baggage does not travel.
 */
import type { Extension } from "../../rings/index.js";
import { extensionOf } from "../../rings/index.js";

/** As the fields of the same names. */
export interface TraceContext {
  readonly traceparent: string;
  /** At most 512 characters of printable ASCII. */
  readonly tracestate?: string | undefined;
}

const TYPE = 3;
/** What W3C asks to be passed on at least. */
const TRACESTATE_MAX = 512;
/** Ids of nothing but zeros are none. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const TRACEPARENT_CHARACTERS = 55;
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const TEXT_MAX = TRACEPARENT_CHARACTERS + 1 + TRACESTATE_MAX;

/** Empty for what is no place in a trace. A state that is none, or too long, is left out. */
export function traceText(context: TraceContext | undefined): string {
  if (context === undefined || !TRACEPARENT.test(context.traceparent)) return "";
  const { traceparent, tracestate } = context;
  return isState(tracestate) ? `${traceparent} ${tracestate}` : traceparent;
}

/** Undefined for what `traceText` does not write. */
export function traceIn(text: string): TraceContext | undefined {
  if (text.length < TRACEPARENT_CHARACTERS || text.length > TEXT_MAX) return undefined;
  const traceparent = text.slice(0, TRACEPARENT_CHARACTERS);
  if (!TRACEPARENT.test(traceparent)) return undefined;
  if (text.length === TRACEPARENT_CHARACTERS) return { traceparent };
  const tracestate = text.slice(TRACEPARENT_CHARACTERS + 1);
  return text[TRACEPARENT_CHARACTERS] === " " && isState(tracestate) ? { traceparent, tracestate } : undefined;
}

function isState(state: string | undefined): state is string {
  return state !== undefined && state.length <= TRACESTATE_MAX && PRINTABLE.test(state);
}

/** `text` as `traceText` has it, not empty. */
export function traceExtension(text: string): Extension {
  return { type: TYPE, data: Buffer.from(text, "latin1") };
}

export function traceOf(extensions: readonly Extension[] | undefined): TraceContext | undefined {
  const data = extensions && extensionOf(extensions, TYPE);
  if (data === undefined || data.length > TEXT_MAX) return undefined;
  return traceIn(Buffer.from(data.buffer, data.byteOffset, data.length).toString("latin1"));
}
