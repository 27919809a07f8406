/**
 * The metrics of a member as instruments of OpenTelemetry. Their names and units are those from which an exporter for Prometheus
 * makes the names of docs/metrics.md again: without "_total", and the unit apart.
 */
import type { BatchObservableResult, Histogram, Meter, Observable } from "@opentelemetry/api";
import { type Definition, samplesOf, type ValueDefinition } from "../metrics/definition.js";
import { MEMBER_DEFINITIONS, type MemberState } from "../metrics/member-definitions.js";
import type { Operation } from "./source.js";

/** Names of services and protocols in one histogram; further ones are "other". */
const NAMES_MAX = 64;
const NAMELESS = "none";
const OTHERS = "other";
const UNITS = [
  ["_bytes", "By"],
  ["_seconds", "s"],
] as const;

export interface Instrument {
  readonly name: string;
  readonly unit: string;
}

/** Of a metric's name. */
export function instrumentOf(metric: string): Instrument {
  const name = metric.replace(/_total$/, "");
  const [ending, unit] = UNITS.find(([suffix]) => name.endsWith(suffix)) ?? ["", "1"];
  return { name: ending === "" ? name : name.slice(0, -ending.length), unit };
}

/** Reads them when the SDK collects. Returns how to end that. */
export function observe(meter: Meter, state: () => MemberState): () => void {
  const values = MEMBER_DEFINITIONS.filter((definition) => definition.kind !== "histogram");
  const pairs = values.map((definition) => ({ definition, instrument: observableOf(meter, definition) }));
  const instruments = pairs.map(({ instrument }) => instrument);
  const read = (result: BatchObservableResult) => {
    const now = state();
    for (const { definition, instrument } of pairs)
      for (const { value, labels = {} } of samplesOf(definition.read(now))) result.observe(instrument, value, labels);
  };
  meter.addBatchObservableCallback(read, instruments);
  return () => meter.removeBatchObservableCallback(read, instruments);
}

function observableOf(meter: Meter, { name, help, kind }: ValueDefinition<MemberState>): Observable {
  const { name: instrument, unit } = instrumentOf(name);
  const options = { description: help, unit };
  return kind === "counter"
    ? meter.createObservableCounter(instrument, options)
    : meter.createObservableGauge(instrument, options);
}

/** How long things take, recorded as they end: a histogram is no value to be read. */
export class Durations {
  readonly #histograms: ReadonlyMap<string, Histogram>;
  readonly #names = new Set<string>();

  constructor(meter: Meter, bounds: readonly number[]) {
    this.#histograms = new Map(
      MEMBER_DEFINITIONS.filter(({ kind }) => kind === "histogram").map((definition) => [
        definition.name,
        histogramOf(meter, definition, bounds),
      ]),
    );
  }

  record({ kind, side, name }: Operation, seconds: number): void {
    const service = this.#bounded(kind === "rpc" ? (name.split("/")[1] ?? "") : name);
    const by = side === "asks" ? "self" : "peer";
    const end = side === "asks" || kind === "stream" ? "duration" : "handling";
    const labels = { stream: { protocol: service, by }, gossip: {}, message: { service }, rpc: { service } }[kind];
    this.#histograms.get(`fireflies_${kind}_${end}_seconds`)?.record(seconds, labels);
  }

  #bounded(name: string): string {
    if (name === "") return NAMELESS;
    if (!this.#names.has(name) && this.#names.size >= NAMES_MAX) return OTHERS;
    this.#names.add(name);
    return name;
  }
}

function histogramOf(meter: Meter, { name, help }: Definition<MemberState>, bounds: readonly number[]): Histogram {
  const { name: instrument, unit } = instrumentOf(name);
  const advice = { explicitBucketBoundaries: [...bounds] };
  return meter.createHistogram(instrument, { description: help, unit, advice });
}
