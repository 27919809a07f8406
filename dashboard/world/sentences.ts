/** What an event says, as a sentence with members in it. */
import type { HistoryEvent } from "../feed/forms.js";
import type { Change } from "./timeline.js";
import type { Mark } from "./world.js";

/** A string is text of ours or of a peer, `member` an id. */
export type Part = string | { readonly member: string };
export type Glyph = Mark | "live" | "alarm" | "note";

export function sentenceOf(event: Change): readonly Part[] {
  if (event.event === "alarm") {
    const about = event.member === "" ? [] : [" ", { member: event.member }];
    return [event.message || event.kind, ...about];
  }
  const who = { member: event.member };
  const by = event.by === "" ? undefined : { member: event.by };
  const where = event.ring === undefined ? "" : ` on ring ${event.ring}`;
  const reason = event.reason === "" ? "" : `: ${event.reason}`;
  const path = event.kind === "missed" && event.path !== "" ? pathTried(event.path) : "";
  return [...said(event, who, by, where), ...[reason, path].filter((part) => part !== "")];
}

/** A sentence of its own: "direct 10.0.0.1:7000", or "none: " and why there is none. */
function pathTried(path: string): string {
  const words = path.replace(/\.$/, "");
  return words.startsWith("none: ") ? `. No path: ${words.slice("none: ".length)}` : `. Path: ${words}`;
}

type Who = { readonly member: string };

function said(event: HistoryEvent, who: Who, by: Who | undefined, where: string): readonly Part[] {
  const epoch = event.epoch === "" ? "" : ` with epoch ${event.epoch}`;
  switch (event.kind) {
    case "joined":
      return [who, " is in the view"];
    case "updated":
      return [who, " says something new of itself"];
    case "moved":
      return event.path === "" ? [who, " has moved"] : [who, ` is reached another way, ${event.path}`];
    case "left":
      return [who, " has left"];
    case "missed":
      return by === undefined ? ["no answer from ", who, where] : [by, " has no answer from ", who, where];
    case "suspected":
      return by === undefined ? [who, ` is suspected${where}`] : [by, " suspects ", who, where];
    case "accused":
      return by === undefined ? [who, ` is accused${where}`] : [by, " accuses ", who, where];
    case "summoned":
      return by === undefined
        ? [who, " is told that it stands accused"]
        : [by, " tells ", who, " that it stands accused"];
    case "rebutted":
      return [who, ` rebuts the accusation${where}${epoch}`];
    case "removed":
      return [who, ` is removed${where}`];
    case "revoked":
      return [who, " is revoked by the authority"];
    case "expired":
      return ["the certificate of ", who, " has ended"];
    case "equivocated":
      return [who, " has contradicted itself"];
    case "isolated":
      return [who, " hears nobody"];
    case "back":
      return [who, " is back"];
    case "rejected":
      return by === undefined
        ? ["a statement about ", who, " is refused"]
        : ["a statement of ", by, " about ", who, " is refused"];
  }
}

export function plainSentence(event: Change, nameOf: (id: string) => string): string {
  return sentenceOf(event)
    .map((part) => (typeof part === "string" ? part : nameOf(part.member)))
    .join("");
}

const GLYPHS: Readonly<Record<string, Glyph>> = {
  joined: "live",
  back: "live",
  left: "left",
  suspected: "suspected",
  missed: "suspected",
  summoned: "suspected",
  accused: "accused",
  rebutted: "rebutted",
  removed: "failed",
  revoked: "revoked",
  expired: "revoked",
  equivocated: "revoked",
  isolated: "alarm",
};

export function glyphOf(event: Change): Glyph {
  return event.event === "alarm" ? "alarm" : (GLYPHS[event.kind] ?? "note");
}
