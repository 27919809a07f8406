/**
 * Contacts from the EndpointSlices of a service of Kubernetes: listed once, then watched from the version of that list on. When
 * the API server has forgotten that version (410 Gone) they are listed anew.
 */
import { FirefliesError, messageOf } from "../../identity/index.js";
import { pause } from "../../net/index.js";
import type { Discovery } from "./discovery.js";
import { KubernetesApi } from "./kubernetes-api.js";
import {
  endpointsOf,
  readEvent,
  readPage,
  readSlice,
  readStatus,
  SLICES_MAX,
  type Slice,
  versionOf,
} from "./kubernetes-slices.js";
import { nameOf } from "./place.js";

/** Slices in one page of a list. */
const PAGE_SLICES = 100;
/** Pages of one list. */
const PAGES_MAX = 10;
/** Seconds after which the API server ends a watch; the next one begins where it ended ... */
const WATCH_SECONDS = 240;
/** ... and milliseconds after which a watch that does not end is given up. */
const WATCH_TIMEOUT_MS = 300_000;
/** Before a watch is begun again, milliseconds: after one that ended, and doubled with each that failed. */
const WATCH_PAUSE_MS = 1_000;
/** Watches that fail in a row; then they are listed when the member asks the next time. */
const WATCH_FAILURES_MAX = 5;
/** Lists after a version was gone are at least so far apart, milliseconds; the others wait until the member asks. */
const GONE_PAUSE_MS = 30_000;
const GONE = 410;

/** Of `kubernetesDiscovery`. */
export interface KubernetesDiscoveryOptions {
  /** Default: "https://" and KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT of the environment. */
  readonly apiUrl?: string | undefined;
  /** The directory with `token`, `ca.crt` and `namespace`. Default: that of the pod's service account. */
  readonly account?: string | undefined;
  /** Default: the pod's own. */
  readonly namespace?: string | undefined;
  readonly service: string;
  /** The pods' port, by number or by name. Default: the only TCP port of the service. */
  readonly port?: string | number | undefined;
  /** Milliseconds before a watch is begun again. Default 1,000. */
  readonly watchPauseMs?: number | undefined;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The pods of a service. Its account may "list" and "watch" endpointslices there; docs/discovery.md has the Role. */
export function kubernetesDiscovery(options: KubernetesDiscoveryOptions): Discovery {
  return new KubernetesDiscovery(options);
}

class KubernetesDiscovery implements Discovery {
  readonly name: string;
  readonly #options: KubernetesDiscoveryOptions;
  readonly #api: KubernetesApi;
  readonly #port: string | undefined;
  readonly #ending = new AbortController();
  #onChange: () => void = () => {};
  /** By their names, while they are watched. */
  #slices: Map<string, Slice> | undefined;
  #goneAt = Number.NEGATIVE_INFINITY;
  #trouble: string | undefined;

  constructor(options: KubernetesDiscoveryOptions) {
    this.#options = options;
    const { namespace, service, port } = options;
    this.#port = port === undefined ? undefined : String(port);
    this.name = nameOf({ kind: "kubernetes", namespace, service, port: this.#port });
    this.#api = new KubernetesApi(options);
  }

  async contacts(signal: AbortSignal): Promise<readonly string[]> {
    const slices = this.#slices ?? (await this.#list(signal));
    return endpointsOf(slices.values(), this.#port, this.#options.random ?? Math.random);
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  close(): void {
    this.#ending.abort();
  }

  async #list(signal: AbortSignal): Promise<ReadonlyMap<string, Slice>> {
    const path = await this.#path();
    const slices = new Map<string, Slice>();
    let version = "";
    let next = "";
    for (let page = 0; page === 0 || (next !== "" && page < PAGES_MAX && slices.size < SLICES_MAX); page++) {
      const from = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
      const read = readPage(await this.#api.get(`${path}&limit=${PAGE_SLICES}${from}`, signal));
      if (read === undefined)
        throw new FirefliesError("discovery-failed", "the API server's answer is no list of EndpointSlices.");
      for (const slice of read.slices) slices.set(slice.name, slice);
      ({ version, next } = read);
    }
    signal.throwIfAborted();
    if (!this.#ending.signal.aborted) {
      this.#slices = slices;
      void this.#follow(path, slices, version);
    }
    return slices;
  }

  async #path(): Promise<string> {
    const { namespace = await this.#api.namespace(), service } = this.#options;
    const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
    return `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?labelSelector=${selector}`;
  }

  /** Keeps the slices as they are, until their version is gone or the watch cannot be had. Never rejects. */
  async #follow(path: string, slices: Map<string, Slice>, from: string): Promise<void> {
    const { watchPauseMs = WATCH_PAUSE_MS } = this.#options;
    let version: string | undefined = from;
    for (let failures = 0; version !== undefined && failures < WATCH_FAILURES_MAX; ) {
      const before: string = version;
      try {
        version = await this.#watch(path, slices, before);
        failures = 0;
      } catch (cause) {
        if (isGone(cause)) break;
        failures += 1;
        if (failures === WATCH_FAILURES_MAX) this.#trouble = unwatched(cause);
      }
      await pause(watchPauseMs * 2 ** failures, this.#ending.signal);
      if (this.#ending.signal.aborted) return;
    }
    this.#slices = undefined; // They are listed anew, when the member asks: now, or at its own time.
    const now = performance.now();
    if (now - this.#goneAt >= GONE_PAUSE_MS) this.#onChange();
    this.#goneAt = now;
  }

  /** The version when the watch ended; undefined when it is gone. Rejects when it failed. */
  async #watch(path: string, slices: Map<string, Slice>, from: string): Promise<string | undefined> {
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${encodeURIComponent(from)}`;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), WATCH_TIMEOUT_MS);
    timer.unref();
    let version = from;
    try {
      for await (const line of this.#api.lines(
        `${path}&${query}`,
        AbortSignal.any([this.#ending.signal, late.signal]),
      )) {
        this.#trouble = undefined;
        const event = readEvent(line);
        if (event?.type === "ERROR") {
          if (readStatus(event.object).code === GONE) return undefined;
          throw new FirefliesError("discovery-failed", readStatus(event.object).message);
        }
        version = versionOf(event?.object) ?? version;
        if (event !== undefined && apply(slices, event.type, readSlice(event.object))) this.#onChange();
      }
      return version;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Then an account may list, but not watch, or something on the way ends long answers. */
function unwatched(cause: unknown): string {
  const reason = messageOf(cause).replace(/[.!]$/, "");
  return `its EndpointSlices cannot be watched, so changes are heard of late: ${reason}.`;
}

/** Did it change what they hold? */
function apply(slices: Map<string, Slice>, type: string, slice: Slice | undefined): boolean {
  if (slice === undefined) return false;
  if (type === "DELETED") return slices.delete(slice.name);
  const isKept = (type === "ADDED" || type === "MODIFIED") && (slices.has(slice.name) || slices.size < SLICES_MAX);
  if (isKept) slices.set(slice.name, slice);
  return isKept;
}

function isGone(cause: unknown): boolean {
  return cause instanceof FirefliesError && cause.cause === GONE;
}
