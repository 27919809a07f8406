/**
 * Definitions as a page for Prometheus, by prom-client: in its text format, or as OpenMetrics for those who prefer that. A source
 * is read once for each page; between pages nothing is done.
 */
import { collectDefaultMetrics, type Metric, prometheusContentType, Registry } from "prom-client";
import { type Definition, type Labels, type Spread, samplesOf } from "./definition.js";

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
  readonly #metrics: readonly ReadMetric<Source>[];

  constructor(definitions: readonly Definition<Source>[], ofProcess: boolean, type: typeof prometheusContentType) {
    this.#registry = new Registry();
    this.#registry.setContentType(type);
    this.#metrics = definitions.map((definition) => new ReadMetric(definition));
    // A metric is what a registry asks for its name and values; those of prom-client add up what they are told instead.
    for (const metric of this.#metrics) this.#registry.registerMetric(metric as unknown as Metric);
    if (ofProcess) addProcess(this.#registry);
  }

  async page(source: Source): Promise<Page> {
    for (const metric of this.#metrics) metric.read(source);
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

function addProcess(register: Registry): void {
  collectDefaultMetrics({ register });
  for (const name of MISNAMED) register.removeSingleMetric(name);
}

/** A line of a page. */
interface Value {
  readonly value: number;
  readonly labels: Labels;
  /** Of a histogram's parts. */
  readonly metricName?: string;
}

/** The values are those of the source, not what was added up here. */
class ReadMetric<Source> {
  /** A registry in OpenMetrics takes a counter's ending off. */
  name: string;
  readonly help: string;
  readonly type: Definition<Source>["kind"];
  readonly #definition: Definition<Source>;
  #values: readonly Value[] = [];

  constructor(definition: Definition<Source>) {
    this.name = definition.name;
    this.help = definition.help;
    this.type = definition.kind;
    this.#definition = definition;
  }

  read(source: Source): void {
    const definition = this.#definition;
    this.#values =
      definition.kind === "histogram"
        ? definition.read(source).flatMap((spread) => valuesOf(definition.name, spread))
        : samplesOf(definition.read(source)).map(({ value, labels = {} }) => ({ value, labels }));
  }

  get() {
    const { name, help, type } = this;
    return { name, help, type, values: this.#values, aggregator: "sum" };
  }
}

/** Cumulative, as Prometheus has histograms. */
function valuesOf(name: string, { bounds, counts, sum, labels = {} }: Spread): Value[] {
  let below = 0;
  const buckets = counts.map((count, index) => {
    below += count;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bounds[index] ?? "+Inf") }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ];
}
