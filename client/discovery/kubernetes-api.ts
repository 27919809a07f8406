/**
 * The API server of a pod's cluster, as its service account may ask it: HTTPS, with the account's token and the cluster's
 * authority, both read anew for each call, since they rotate.
 */
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { FirefliesError, messageOf } from "../../identity/index.js";
import { onAbort } from "../../net/index.js";
import { readStatus } from "./kubernetes-slices.js";

/** Where a pod has them (Kubernetes, "Accessing the Kubernetes API from a Pod"). */
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** Bytes of one answer: a page of a hundred slices with a hundred endpoints each, several times. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of what is said of a failure. */
const FAILURE_BYTES_MAX = 64 * 1024;
/** Bytes of one line of a watch: a slice with a thousand endpoints, several times. */
const LINE_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes of a token, a namespace or certificates of a cluster. */
const FILE_BYTES_MAX = 1024 * 1024;

/** See `KubernetesDiscoveryOptions`. */
export interface KubernetesApiOptions {
  readonly apiUrl?: string | undefined;
  readonly account?: string | undefined;
}

export class KubernetesApi {
  readonly #options: KubernetesApiOptions;

  constructor(options: KubernetesApiOptions) {
    this.#options = options;
  }

  /** The pod's own namespace. */
  async namespace(): Promise<string> {
    return (await this.#file("namespace")).trim();
  }

  /** The body of the answer. Rejects with "discovery-failed"; its cause is the number of the status, if there was one. */
  async get(path: string, signal: AbortSignal): Promise<string> {
    return await textOf(await this.#open(path, signal), ANSWER_BYTES_MAX);
  }

  /** The lines of the answer as they come. Ends with it; rejects as `get`. */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const answer = await this.#open(path, signal);
    answer.setEncoding("utf8");
    let rest = "";
    for await (const piece of answer) {
      const lines = `${rest}${piece}`.split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LINE_BYTES_MAX) throw failed(`a line of the watch has more than ${LINE_BYTES_MAX} bytes`);
      yield* lines.filter((line) => line.trim() !== "");
    }
  }

  async #open(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const [token, ca] = await Promise.all([this.#file("token"), this.#file("ca.crt")]);
    signal.throwIfAborted();
    const answer = await answerTo(new URL(path, this.#url()), { ca, token: token.trim() }, signal);
    if (answer.statusCode === 200) return answer;
    throw refused(answer.statusCode ?? 0, await textOf(answer, FAILURE_BYTES_MAX).catch(() => ""));
  }

  #url(): string {
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = process.env;
    const url = this.#options.apiUrl ?? (host && `https://${host.includes(":") ? `[${host}]` : host}:${port}`);
    if (url?.startsWith("https://")) return url;
    throw failed("this process runs in no pod: KUBERNETES_SERVICE_HOST is not set", OUTSIDE);
  }

  async #file(name: string): Promise<string> {
    const path = `${this.#options.account ?? ACCOUNT}/${name}`;
    try {
      const text = await readFile(path, "utf8");
      if (text.length <= FILE_BYTES_MAX) return text;
      throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    } catch (cause) {
      throw failed(`${path} cannot be read: ${messageOf(cause)}`, MOUNT, cause);
    }
  }
}

const OUTSIDE = "Run the member in a pod, or name its contacts in another way; docs/discovery.md has them.";
const MOUNT = "Give the pod a service account, and let its token be mounted (automountServiceAccountToken: true).";
const GRANT =
  'Let the pod\'s service account "get", "list" and "watch" endpointslices of discovery.k8s.io in that namespace; docs/discovery.md has the Role.';

function answerTo(
  url: URL,
  { ca, token }: { readonly ca: string; readonly token: string },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
    const call = request(url, { ca, headers, agent: false });
    const unwatch = onAbort(signal, () => call.destroy(new FirefliesError("cancelled")));
    call.on("close", unwatch);
    call.on("error", (cause) =>
      reject(failed(`the API server ${url.host} cannot be asked: ${messageOf(cause)}`, undefined, cause)),
    );
    call.on("response", resolve);
    call.end();
  });
}

async function textOf(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > bytesMax) throw failed(`an answer of the API server has more than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** The number of the status is the cause. */
function refused(status: number, body: string): FirefliesError {
  const { message } = readStatus(body);
  const said = message === "" ? "" : `, ${message}`;
  const advice = status === 403 ? GRANT : status === 401 ? MOUNT : undefined;
  return failed(`the API server answered ${status}${said}`, advice, status);
}

function failed(why: string, advice?: string, cause?: unknown): FirefliesError {
  return new FirefliesError("discovery-failed", `${why}.`, { advice, cause });
}
