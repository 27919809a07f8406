/** The part of Kubernetes' API server that serves EndpointSlices: a real HTTPS server with tokens, pages, watches and bad manners. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverCertificate } from "./oidc-issuer.js";

export interface FakeEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
}

export interface FakeSlice {
  readonly name: string;
  readonly addressType?: string;
  readonly endpoints: readonly FakeEndpoint[];
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[];
}

let made: ReturnType<typeof serverCertificate> | undefined;

function certificate(): ReturnType<typeof serverCertificate> {
  made ??= serverCertificate();
  return made;
}

/** Endpoints of one slice, as its controller fills them. */
const PER_SLICE = 100;

export class FakeKubernetes implements AsyncDisposable {
  readonly #server: Server;
  /** The directory of a pod's service account. */
  readonly account: string;
  /** What was asked, with the token of each. */
  readonly asked: { readonly url: string; readonly token: string }[] = [];
  token = "first";
  /** Instead of its own answers. */
  listener: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Slices of one page, whatever is asked for. */
  pageSlices = 2;
  /** What the account's Role says besides "list". */
  mayWatch = true;
  #slices = new Map<string, FakeSlice>();
  #version = 100;
  /** Watches from before this version are told that it is gone. */
  #oldest = 0;
  readonly #watches = new Set<ServerResponse>();
  /** What was told, with the version after it. */
  readonly #told: { readonly version: number; readonly line: string }[] = [];

  private constructor(server: Server, account: string) {
    this.#server = server;
    this.account = account;
    server.on("request", (request, response) => this.#onRequest(request, response));
  }

  /** With `isStranger` its certificate is another one than that of the others. */
  static async start({ isStranger = false } = {}): Promise<FakeKubernetes> {
    const account = mkdtempSync(join(tmpdir(), "fireflies-account-"));
    const { key, cert } = await (isStranger ? serverCertificate() : certificate());
    writeFileSync(join(account, "ca.crt"), cert);
    writeFileSync(join(account, "namespace"), "shop\n");
    const cluster = new FakeKubernetes(createServer({ key, cert }), account);
    cluster.rotate("first");
    await once(cluster.#server.listen(0, "127.0.0.1"), "listening");
    return cluster;
  }

  get apiUrl(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** The kubelet writes another token, and the old one is worth nothing. */
  rotate(token: string): void {
    this.token = token;
    writeFileSync(join(this.account, "token"), `${token}\n`);
  }

  /** All slices of the service; those who watch are told the difference. */
  set(slices: readonly FakeSlice[]): void {
    const before = this.#slices;
    this.#slices = new Map(slices.map((slice) => [slice.name, slice]));
    for (const [name, slice] of before) if (!this.#slices.has(name)) this.#tell("DELETED", slice);
    for (const [name, slice] of this.#slices) this.#tell(before.has(name) ? "MODIFIED" : "ADDED", slice);
  }

  /** "IP:port" each, ready, in slices of a hundred. */
  setContacts(contacts: readonly string[]): void {
    const endpoints = contacts.map((contact) => ({ addresses: [contact.replace(/:\d+$/, "")] }));
    const port = Number(/:(\d+)$/.exec(contacts[0] ?? "")?.[1] ?? 7_000);
    const count = Math.ceil(endpoints.length / PER_SLICE);
    const slices = Array.from({ length: count }, (_, index) => ({
      name: `members-${index}`,
      endpoints: endpoints.slice(index * PER_SLICE, (index + 1) * PER_SLICE),
      ports: [{ name: "members", port, protocol: "TCP" }],
    }));
    this.set(slices);
  }

  /** Versions of before are forgotten, and watches end with that word. */
  forget(): void {
    this.#version += 10;
    this.#oldest = this.#version;
    for (const watch of this.#watches) watch.end(`${JSON.stringify({ type: "ERROR", object: GONE })}\n`);
  }

  /** Watches end as they do after some minutes. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.account, { recursive: true, force: true });
  }

  #tell(type: string, slice: FakeSlice): void {
    this.#version += 1;
    const line = `${JSON.stringify({ type, object: this.#object(slice) })}\n`;
    this.#told.push({ version: this.#version, line });
    for (const watch of this.#watches) watch.write(line);
  }

  #object({
    name,
    addressType = "IPv4",
    endpoints,
    ports = [{ name: "members", port: 7_000, protocol: "TCP" }],
  }: FakeSlice) {
    return { metadata: { name, resourceVersion: String(this.#version) }, addressType, endpoints, ports };
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    const url = new URL(request.url ?? "", "https://api");
    this.asked.push({ url: `${url.pathname}${url.search}`, token });
    const refusal = this.#refusal(url, token);
    if (this.listener) this.listener(request, response);
    else if (refusal) status(response, ...refusal);
    else if (url.searchParams.get("watch") === "true") this.#watch(url.searchParams, response);
    else this.#list(url.searchParams, response);
  }

  #refusal(url: URL, token: string): readonly [number, string] | undefined {
    if (token !== this.token) return [401, "Unauthorized"];
    if (url.pathname !== "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices")
      return [403, "endpointslices is forbidden"];
    if (url.searchParams.get("labelSelector") !== "kubernetes.io/service-name=members")
      return [400, "no such selector"];
    if (!this.mayWatch && url.searchParams.get("watch") === "true") return [403, "cannot watch endpointslices"];
    const isGone = Number(url.searchParams.get("resourceVersion") ?? this.#oldest) < this.#oldest;
    return isGone ? [410, "too old resource version"] : undefined;
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get("continue") ?? 0);
    const all = [...this.#slices.values()];
    const items = all.slice(from, from + this.pageSlices).map((slice) => this.#object(slice));
    const next = from + this.pageSlices < all.length ? String(from + this.pageSlices) : undefined;
    const metadata = { resourceVersion: String(this.#version), ...(next && { continue: next }) };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ kind: "EndpointSliceList", metadata, items }));
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" });
    response.write(
      `${JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(this.#version) } } })}\n`,
    );
    for (const { version, line } of this.#told) if (version > from) response.write(line);
    this.#watches.add(response);
    response.on("close", () => this.#watches.delete(response));
  }
}

const GONE = { kind: "Status", code: 410, message: "too old resource version" };

function status(response: ServerResponse, code: number, message: string): void {
  response
    .writeHead(code, { "content-type": "application/json" })
    .end(JSON.stringify({ kind: "Status", code, message }));
}
