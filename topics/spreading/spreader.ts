/**
 * Many subscribers: a batch goes along one ring of the subscribers, each of whom passes it on to a few others, so that everybody
 * has it once. The ring changes with the batch, so nobody stands in the way of the same members always. A stretch says
 * for whom one is to pass it on: those behind it on the ring, up to a position. It works where views differ a little, since
 * everybody divides its own stretch by its own view.
 *
 * Liars who swallow a batch keep it from those on their stretch. These hear of it from the ring neighbours that have it, by
 * announcements, and pull it: that takes one pull time, wherever they stand.
 */
import type { MemberId } from "../../rings/index.js";
import type { Batch } from "../records/batch.js";
import type { Stretch } from "../records/packet.js";
import type { Audience, Crowd } from "./audience.js";
import type { Post } from "./post.js";

/** A crowd in the order of one ring. */
interface Line {
  readonly version: number;
  readonly ids: readonly MemberId[];
  readonly positions: Float64Array;
}

export interface SpreaderOptions {
  readonly me: MemberId;
  readonly audience: Audience;
  readonly post: Post;
  readonly fanOut: number;
}

export class Spreader {
  readonly #options: SpreaderOptions;
  readonly #lines = new WeakMap<Crowd, Map<number, Line>>();

  constructor(options: SpreaderOptions) {
    this.#options = options;
  }

  /** A batch of mine sets out, to the whole crowd. */
  begin(crowd: Crowd, batch: Batch): void {
    const ring = 1 + (batch.first % this.#options.audience.ringCount);
    const position = this.#options.audience.position(this.#options.me, ring);
    this.#divide(crowd, batch, { ring, until: position });
  }

  /** A batch that came with a stretch goes on. Stretches on rings that there are not, and batches that came without, end here. */
  pass(crowd: Crowd, batch: Batch, stretch: Stretch): MemberId[] {
    const { ring } = stretch;
    if (!(ring >= 1 && ring <= this.#options.audience.ringCount)) return [];
    return this.#divide(crowd, batch, stretch);
  }

  /** Gives each of a few members its part of the stretch between me and its end; returns them. */
  #divide(crowd: Crowd, batch: Batch, { ring, until }: Stretch): MemberId[] {
    const { me, audience, fanOut, post } = this.#options;
    const { ids, positions } = this.#line(crowd, ring);
    const from = audience.position(me, ring);
    const first = indexAfter(positions, from);
    const count = stretchLength(positions, first, from, until);
    const children: MemberId[] = [];
    for (let part = 0; part < Math.min(fanOut, count); part++) {
      let begin = Math.floor((part * count) / Math.min(fanOut, count));
      const end = Math.floor(((part + 1) * count) / Math.min(fanOut, count));
      // A publisher that subscribes to its own topic has its batch.
      if (ids[(first + begin) % ids.length] === batch.log.publisher) begin += 1;
      if (begin >= end) continue;
      const child = ids[(first + begin) % ids.length]!;
      const edge = end === count ? until : positions[(first + end) % ids.length]!;
      children.push(child);
      post.batch([child], batch, end - begin > 1 ? { ring, until: edge } : undefined);
    }
    return children;
  }

  #line(crowd: Crowd, ring: number): Line {
    const lines = this.#lines.get(crowd) ?? new Map<number, Line>();
    this.#lines.set(crowd, lines);
    const known = lines.get(ring);
    if (known?.version === crowd.version) return known;
    const { audience } = this.#options;
    const places = Array.from(crowd.members, (id) => ({ id, at: audience.position(id, ring) }));
    places.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
    const positions = Float64Array.from(places, ({ at }) => at);
    const line = { version: crowd.version, ids: places.map(({ id }) => id), positions };
    lines.set(ring, line);
    return line;
  }
}

/** The index of the first position behind this one, clockwise; past the end it is the first of all. */
function indexAfter(positions: Float64Array, position: number): number {
  let [low, high] = [0, positions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low === positions.length ? 0 : low;
}

/** How many positions lie behind `from` and before `until`, clockwise; all when both are the same. */
function stretchLength(positions: Float64Array, first: number, from: number, until: number): number {
  const { length } = positions;
  if (length === 0) return 0;
  if (from === until) return length;
  let end = lowerBound(positions, until);
  if (until <= from) end += length;
  const begin = positions[first]! <= from ? first + length : first;
  return Math.max(0, Math.min(length, end - begin));
}

function lowerBound(positions: Float64Array, position: number): number {
  let [low, high] = [0, positions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
