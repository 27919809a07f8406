/**
 * Whether datagrams of one flow get through by UDP, and where to. Said by the other end alone: it answers probes of full
 * size. Until it has, and again when it stops, datagrams go inside the session. Decides from what it is told; sends nothing.
 */
import { formatHostPort, type HostPort } from "../address.js";
import { PLACES_MAX, PROBE_FIRST_MS, PROBE_MS, SILENT_MS, STALE_MS } from "./limits.js";

interface Probe {
  readonly place: HostPort;
  readonly at: number;
}

export class UdpPath {
  #proven: HostPort | undefined;
  #provenAt = Number.NEGATIVE_INFINITY;
  /** When the first probe went that nothing has answered. */
  #unansweredSince = Number.POSITIVE_INFINITY;
  #probedAt = Number.NEGATIVE_INFINITY;
  #intervalMs = PROBE_FIRST_MS / 2;
  /** By their counters; those that an answer has made pointless are gone. */
  readonly #probes = new Map<number, Probe>();

  /** Where a datagram goes now; undefined: not by UDP. */
  place(now: number): HostPort | undefined {
    const isSilent = now - this.#unansweredSince > SILENT_MS;
    return isSilent || now - this.#provenAt > STALE_MS ? undefined : this.#proven;
  }

  /** Where probes go now, that something is sent: to the proven place while it answers, else to all. */
  due(now: number, places: () => readonly HostPort[]): readonly HostPort[] {
    if (now - this.#probedAt < this.#intervalMs) return [];
    this.#probedAt = now;
    this.#intervalMs = Math.min(2 * this.#intervalMs, PROBE_MS);
    const proven = this.place(now);
    if (proven !== undefined) return [proven];
    for (const [counter, { at }] of this.#probes) if (now - at > SILENT_MS) this.#probes.delete(counter);
    const all = [...(this.#proven ? [this.#proven] : []), ...places()];
    const distinct = new Map(all.map((place) => [formatHostPort(place.host, place.port), place]));
    return [...distinct.values()].slice(0, PLACES_MAX);
  }

  probed(counter: number, place: HostPort, now: number): void {
    this.#probes.set(counter, { place, at: now });
    this.#unansweredSince = Math.min(this.#unansweredSince, now);
  }

  /** An authentic answer to the probe with this counter. */
  answered(counter: number, now: number): void {
    const probe = this.#probes.get(counter);
    if (probe === undefined) return;
    this.#proven = probe.place;
    this.#provenAt = now;
    for (const [other, { at }] of this.#probes) if (at <= probe.at) this.#probes.delete(other);
    this.#unansweredSince = Math.min(...[...this.#probes.values()].map(({ at }) => at)); // None: Infinity.
  }
}
