/** The feed of a member that runs: what it recorded, then a stream of events, resumed where it broke off. */
import { type Api, Unauthorized } from "./api.js";
import { EventStreamReader, type ServerEvent } from "./event-stream.js";
import { type FeedEvent, readEvent, readSnapshot, type Snapshot } from "./forms.js";
import { type Recording, readRecording } from "./recording.js";

/** A comment comes every 15 s if nothing else does: this long without a byte, and the connection is dead. */
const SILENCE_MS = 40_000;
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 10_000;

export type FeedStatus = "connecting" | "live" | "lost" | "unauthorized";

export interface FeedListener {
  /** Everything begins anew: at first, and after a gap. `missing` says why there is nothing of the hour before, or is "". */
  started(snapshot: Snapshot, events: readonly FeedEvent[], missing: string): void;
  arrived(event: FeedEvent): void;
  status(status: FeedStatus, words: string): void;
}

/** Follows until the signal ends it. Resolves early when a token is needed. */
export async function followLive(api: Api, listener: FeedListener, signal: AbortSignal): Promise<void> {
  let since: string | undefined;
  let rings = 1;
  let wait = RETRY_FIRST_MS;
  listener.status("connecting", "");
  while (!signal.aborted) {
    try {
      if (since === undefined) {
        const { snapshot, events, missing } = await beginning(api);
        ({ rings } = snapshot);
        since = String(snapshot.sequence);
        listener.started(snapshot, events, missing);
      }
      const stream = await opened(api, since, signal);
      listener.status("live", "");
      for await (const { id, event, data } of stream) {
        wait = RETRY_FIRST_MS;
        if (event === "gap") {
          since = undefined;
          break;
        }
        if (id !== "") since = id;
        const read = readEvent(event, parsed(data), rings);
        if (read !== undefined) listener.arrived(read);
      }
      if (since === undefined) listener.status("connecting", "");
      else listener.status("lost", "its stream of events has ended");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Unauthorized) return listener.status("unauthorized", error.message);
      listener.status("lost", error instanceof Error ? error.message : String(error));
    }
    await pause(wait, signal);
    wait = Math.min(RETRY_LAST_MS, wait * 2);
  }
}

interface Beginning {
  readonly snapshot: Snapshot;
  readonly events: readonly FeedEvent[];
  readonly missing: string;
}

/** The last hour as the member has recorded it; where that cannot be had, its view of now, and why. */
async function beginning(api: Api): Promise<Beginning> {
  const recording = await recorded(api);
  if (typeof recording !== "string") {
    const last = recording.events.reduce((most, each) => Math.max(most, "sequence" in each ? each.sequence : 0), 0);
    const sequence = Math.max(last, recording.snapshot.sequence);
    return { snapshot: { ...recording.snapshot, sequence }, events: recording.events, missing: "" };
  }
  const snapshot = readSnapshot(await api.ask("v1/snapshot"));
  if (snapshot === undefined) throw new Error("the member's snapshot has another form than this page knows");
  return { snapshot, events: [], missing: recording };
}

/** The recording, or why there is none. */
async function recorded(api: Api): Promise<Recording | string> {
  try {
    return readRecording(await api.askText("v1/recording"));
  } catch (error) {
    if (error instanceof Unauthorized) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

async function opened(api: Api, since: string, signal: AbortSignal): Promise<AsyncIterable<ServerEvent>> {
  const silence = new AbortController();
  const body = await api.open(
    `v1/events?since=${encodeURIComponent(since)}`,
    AbortSignal.any([signal, silence.signal]),
  );
  return eventsOf(body, silence);
}

async function* eventsOf(body: ReadableStream<Uint8Array>, silence: AbortController): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  const events = new EventStreamReader();
  const silent = () => silence.abort(new Error("the member has said nothing for 40 s"));
  try {
    for (;;) {
      const timer = setTimeout(silent, SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      yield* events.push(value);
    }
  } finally {
    reader.cancel().catch(() => undefined); // It has failed already, or ends now.
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined; // Left out, like any event of an unknown form.
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
