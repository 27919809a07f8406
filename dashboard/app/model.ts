/** What the page knows and what the reader looks at; views read it, and are told when it changes. */

import { nameOr } from "../dom/words.js";
import { type Camera, type Shown, WHOLE } from "../draw/layout.js";
import type { Api } from "../feed/api.js";
import type { FeedEvent, Snapshot } from "../feed/forms.js";
import type { FeedListener, FeedStatus } from "../feed/live.js";
import type { Recording } from "../feed/recording.js";
import { ALL_EVENTS, type EventFilter } from "../world/find.js";
import { advanced, type Extent, momentOf, type Playhead, sought, toggled } from "../world/playhead.js";
import { Timeline } from "../world/timeline.js";
import type { MemberNow, World } from "../world/world.js";

export type Source = "live" | "recording";

export class Model implements FeedListener {
  timeline: Timeline | undefined;
  source: Source = "live";
  title = "";
  connection: FeedStatus = "connecting";
  words = "";
  /** Why what happened before this page was opened is not here; "" when it is. */
  missing = "";
  playhead: Playhead = { mode: "live" };
  speed = 1;
  selected = "";
  hovered = "";
  shown: Shown = "all";
  camera: Camera = WHOLE;
  filter: EventFilter = ALL_EVENTS;
  readonly api: Api;
  /** Milliseconds by which the member's clock is before this one's. */
  #ahead = 0;
  readonly #listeners = new Set<(isUser: boolean) => void>();

  constructor(api: Api) {
    this.api = api;
  }

  /** Told after each change; with `isUser` the reader waits for what it shows. */
  onChange(listener: (isUser: boolean) => void): void {
    this.#listeners.add(listener);
  }

  changed(isUser = true): void {
    for (const listener of this.#listeners) listener(isUser);
  }

  /** Takes what the reader has chosen. */
  set(choice: Partial<Pick<Model, "selected" | "hovered" | "shown" | "camera" | "filter" | "speed">>): void {
    Object.assign(this, choice);
    this.changed();
  }

  started(snapshot: Snapshot, events: readonly FeedEvent[], missing: string): void {
    this.missing = missing;
    this.timeline = new Timeline(snapshot, events, { isLive: true });
    this.#ahead = this.timeline.end - Date.now();
    this.changed();
  }

  arrived(event: FeedEvent): void {
    if (this.timeline === undefined || this.source !== "live") return;
    this.timeline.add(event);
    this.#ahead = Math.max(this.#ahead, event.at - Date.now());
    this.changed(false);
  }

  status(status: FeedStatus, words: string): void {
    if (this.source !== "live") return;
    this.connection = status;
    this.words = words;
    this.changed();
  }

  /** Shows a recording in place of what was there, from its start. */
  open(recording: Recording, name: string): void {
    this.timeline = new Timeline(recording.snapshot, recording.events, { isLive: false });
    this.source = "recording";
    this.title = recording.title || name;
    this.playhead = { mode: "paused", at: this.timeline.start };
    this.selected = "";
    this.shown = this.#within(this.shown);
    this.changed();
  }

  #within(shown: Shown): Shown {
    return shown === "all" || shown <= this.rings ? shown : "all";
  }

  get extent(): Extent {
    const { timeline } = this;
    if (timeline === undefined) return { start: 0, end: 0, isLive: true };
    const isLive = this.source === "live";
    return { start: timeline.start, end: isLive ? this.#wallNow(timeline) : timeline.end, isLive };
  }

  #wallNow(timeline: Timeline): number {
    return Math.max(timeline.end, Date.now() + this.#ahead);
  }

  /** The instant that is shown; unix ms of the feed. */
  get now(): number {
    return momentOf(this.playhead, this.extent.end);
  }

  /** How much faster than the wall's clock what is shown goes by. */
  get pace(): number {
    return this.playhead.mode === "playing" ? this.playhead.speed : 1;
  }

  get world(): World | undefined {
    return this.timeline?.worldAt(this.now);
  }

  get rings(): number {
    return this.world?.rings ?? 1;
  }

  member(id: string): MemberNow | undefined {
    return this.world?.members.get(id);
  }

  nameOf = (id: string): string => {
    return nameOr(this.member(id)?.record.name ?? "", id);
  };

  /** Moves what is played on. True while it plays. */
  advance(elapsedMs: number): boolean {
    if (this.playhead.mode !== "playing") return false;
    this.playhead = advanced(this.playhead, elapsedMs, this.extent);
    this.changed(false);
    return true;
  }

  toggle(): void {
    this.playhead = toggled(this.playhead, this.now, this.speed, this.extent);
    this.changed();
  }

  seek(at: number): void {
    this.playhead = sought(this.playhead, at, this.extent);
    this.changed();
  }

  chooseSpeed(speed: number): void {
    this.speed = speed;
    if (this.playhead.mode === "playing") this.playhead = { ...this.playhead, speed };
    this.changed();
  }

  follow(): void {
    if (this.source === "live") this.playhead = { mode: "live" };
    this.changed();
  }
}
