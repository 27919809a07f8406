/**
 * Definitions as a page for Prometheus, by prom-client: in its text format, or as OpenMetrics for those who prefer that. A source
 * is read once for each page; between pages nothing is done.
 */
import { Counter, collectDefaultMetrics, Gauge, prometheusContentType, Registry } from "prom-client";
import type { Definition, Sample } from "./definition.js";

/** A page, and the media type to send it with. */
export interface Page {
  readonly type: string;
  readonly text: string;
}

export interface PageOptions {
  /** Also CPU, memory and event loop of the process, under the names that all Node programs use (`process_`, `nodejs_`). */
  readonly ofProcess?: boolean;
}

/** Of prom-client's own, those that Prometheus' conventions forbid: gauges with a counter's ending. The same is told by type as well. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

const OPEN_METRICS = "application/openmetrics-text";

export class MetricsPage<Source> {
  readonly #definitions: readonly Definition<Source>[];
  readonly #source: () => Source;
  readonly #ofProcess: boolean;
  #plain: Form<Source> | undefined;
  #open: Form<Source> | undefined;

  /** `source` is called for each page. */
  constructor(
    definitions: readonly Definition<Source>[],
    source: () => Source,
    { ofProcess = false }: PageOptions = {},
  ) {
    this.#definitions = definitions;
    this.#source = source;
    this.#ofProcess = ofProcess;
  }

  /** `accept`: as the request's header has it. Rejects with what the source throws. */
  async page(accept = ""): Promise<Page> {
    const source = this.#source();
    const form = accept.includes(OPEN_METRICS) ? this.#openMetrics() : this.#text();
    return await form.page(source);
  }

  #text(): Form<Source> {
    this.#plain ??= new Form(this.#definitions, this.#ofProcess, prometheusContentType);
    return this.#plain;
  }

  #openMetrics(): Form<Source> {
    const type = Registry.OPENMETRICS_CONTENT_TYPE as typeof prometheusContentType;
    this.#open ??= new Form(this.#definitions, this.#ofProcess, type);
    return this.#open;
  }
}

/** In one of the two formats: prom-client gives counters other names in OpenMetrics, so a registry is of one of them for good. */
class Form<Source> {
  readonly #registry: Registry;
  readonly #metrics: readonly { readonly definition: Definition<Source>; readonly metric: Counter | Gauge }[];

  constructor(definitions: readonly Definition<Source>[], ofProcess: boolean, type: typeof prometheusContentType) {
    this.#registry = new Registry();
    this.#registry.setContentType(type);
    this.#metrics = definitions.map((definition) => ({ definition, metric: metricOf(definition, this.#registry) }));
    if (ofProcess) addProcess(this.#registry);
  }

  async page(source: Source): Promise<Page> {
    for (const { definition, metric } of this.#metrics) {
      fill(metric, samplesOf(definition.read(source)), definition.labels !== undefined);
    }
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

function addProcess(register: Registry): void {
  collectDefaultMetrics({ register });
  for (const name of MISNAMED) register.removeSingleMetric(name);
}

function metricOf<Source>({ name, help, kind, labels = [] }: Definition<Source>, registry: Registry): Counter | Gauge {
  const options = { name, help, labelNames: labels, registers: [registry] };
  return kind === "counter" ? new Counter(options) : new Gauge(options);
}

/** Values are those of the source, not what was added up here. */
function fill(metric: Counter | Gauge, samples: readonly Sample[], hasLabels: boolean): void {
  metric.reset();
  if (samples.length === 0 && !hasLabels) metric.remove(); // It would say 0.
  for (const { value, labels = {} } of samples) metric.inc(labels, value);
}

function samplesOf(read: number | readonly Sample[] | undefined): readonly Sample[] {
  if (read === undefined) return [];
  return typeof read === "number" ? [{ value: read }] : read;
}
