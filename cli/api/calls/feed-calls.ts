/** What the page asks for: a member's view as a snapshot, its events as they happen, and those of the last hour as a file. */
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { FirefliesError } from "../../../identity/errors/error.js";
import { drained } from "../../drained.js";
import { malformed } from "../failure.js";
import type { Feed, Told } from "../feed/feed.js";
import { KEPT_MS } from "../feed/kept.js";
import type { AppParts } from "../parts.js";
import { addCall, type CallSpec, requestOf, schemaOf, TAKING_MS, whenGone } from "./calling.js";
import { LINES_TYPE, openedRaw } from "./lines.js";
import { ANY_OBJECT } from "./schemas.js";

/** Readers of events of all the agent's members; half of its connections, so that commands get through. */
const READERS_MAX = 32;
/** Of those, of one member: pages of a team. */
const READERS_PER_MEMBER_MAX = 16;
/** Recordings that are being read: each holds its lines until they are taken. */
const RECORDINGS_MAX = 4;
/** Without another word a comment goes out this often, milliseconds: proxies close what is silent for a minute. */
export const HEARTBEAT_MS = 15_000;
/** Milliseconds after which a browser's own reader connects again. */
const RETRY_MS = 2_000;
const EVENTS_TYPE = "text/event-stream";

const flag = (description: string) => ({ type: "string", enum: ["true", "false"], description }) as const;
const whole = (description: string) => ({ type: "string", pattern: "^\\d{1,16}$", description }) as const;

export function addFeedCalls(app: FastifyInstance, parts: AppParts): void {
  const snapshot: CallSpec = {
    method: "GET",
    path: "/v1/snapshot",
    summary: "All members with their places on the rings, and the number of the last event that is in it.",
    answer: ANY_OBJECT,
  };
  addCall(app, parts, snapshot, async ({ member }) => (await member.feed()).snapshot());
  addEvents(app, parts);
  addRecording(app, parts);
}

function addEvents(app: FastifyInstance, parts: AppParts): void {
  const readers = new Readers();
  const schema = schemaOf({
    summary: "Events as they happen (server-sent events): history, path, alarm, figures, gap. Last-Event-ID resumes.",
    query: {
      since: whole("The number of the last event that the caller has, as Last-Event-ID."),
      figures: flag("Also traffic, lag, topics and links every 2 s. True when left out."),
    },
    answer: { type: "string" },
  });
  app.get("/v1/events", { schema: { ...schema, answerType: EVENTS_TYPE } as object }, async (request, reply) => {
    const { member, query } = requestOf(request, parts);
    const since = placeOf(request);
    const gone = whenGone(reply, parts.closing); // Before the first wait: who goes away meanwhile is seen.
    const feed = await member.feed();
    const leave = readers.enter(feed);
    try {
      const events = feed.follow({ since, figures: query.figures !== "false", signal: gone });
      await writeEvents(openedRaw(reply, EVENTS_TYPE), events);
    } finally {
      leave();
    }
  });
}

function addRecording(app: FastifyInstance, parts: AppParts): void {
  let open = 0;
  const schema = schemaOf({
    summary: "The last hour, or less of it: a snapshot, then the events since, as lines of JSON.",
    query: { seconds: whole(`Of the last so many seconds; ${KEPT_MS / 1_000} at most.`) },
    answer: ANY_OBJECT,
  });
  app.get("/v1/recording", { schema: { ...schema, answerType: LINES_TYPE } as object }, async (request, reply) => {
    const { member, query } = requestOf(request, parts);
    if (open >= RECORDINGS_MAX) throw busy(`${RECORDINGS_MAX} recordings are being read.`);
    open += 1;
    try {
      const seconds = Number(query.seconds ?? KEPT_MS / 1_000);
      const lines = (await member.feed()).recording(1_000 * seconds);
      await writeLines(openedRaw(reply, LINES_TYPE), lines);
    } finally {
      open -= 1;
    }
  });
}

/** The header wins: a browser's reader keeps asking at the same URL. */
function placeOf({ headers, query }: FastifyRequest): number | undefined {
  const header = headers["last-event-id"];
  const said = typeof header === "string" && header !== "" ? header : (query as { readonly since?: string }).since;
  if (said === undefined) return undefined;
  if (!/^\d{1,16}$/.test(said)) throw malformed("Last-Event-ID is the number of an event.");
  return Number(said);
}

/** Where events are written to. */
export type EventsOut = Pick<ServerResponse, "write" | "end" | "destroy" | "destroyed" | "writableNeedDrain"> &
  Parameters<typeof drained>[0];

/** At the pace of the reader, until the events end, or the reader takes nothing for `takingMs`. */
export async function writeEvents(raw: EventsOut, events: AsyncIterable<Told>, takingMs = TAKING_MS): Promise<void> {
  let isSilent = false;
  const beat = setInterval(() => {
    if (isSilent && !raw.destroyed && !raw.writableNeedDrain) raw.write(":\n\n");
    isSilent = true;
  }, HEARTBEAT_MS).unref();
  try {
    raw.write(`retry: ${RETRY_MS}\n\n`);
    for await (const { event, sequence, text } of events) {
      isSilent = false;
      const id = sequence === undefined ? "" : `id: ${sequence}\n`;
      if (!(await taken(raw, `${id}event: ${event}\ndata: ${text}\n\n`, takingMs))) return;
    }
  } finally {
    clearInterval(beat);
    raw.end();
  }
}

async function writeLines(raw: EventsOut, lines: readonly string[]): Promise<void> {
  for (const line of lines) if (!(await taken(raw, `${line}\n`, TAKING_MS))) return;
  raw.end();
}

/** False: the reader is gone, or took nothing for too long and is gone now. */
async function taken(raw: EventsOut, text: string, takingMs: number): Promise<boolean> {
  if (raw.destroyed) return false;
  if (raw.write(text)) return true;
  const late = setTimeout(() => raw.destroy(), takingMs).unref();
  await drained(raw);
  clearTimeout(late);
  return !raw.destroyed;
}

/** Who reads events now, by member. */
class Readers {
  readonly #of = new Map<Feed, number>();

  /** Returns how to leave. Throws "control-busy". */
  enter(feed: Feed): () => void {
    const all = [...this.#of.values()].reduce((sum, count) => sum + count, 0);
    const its = this.#of.get(feed) ?? 0;
    if (all >= READERS_MAX || its >= READERS_PER_MEMBER_MAX) throw busy(`${Math.max(its, all)} read already.`);
    this.#of.set(feed, its + 1);
    return () => {
      const left = (this.#of.get(feed) ?? 1) - 1;
      if (left === 0) this.#of.delete(feed);
      else this.#of.set(feed, left);
    };
  }
}

function busy(message: string): FirefliesError {
  return new FirefliesError("control-busy", message, {
    advice: "Close a page that you do not look at, and try again.",
  });
}
