/** Attaches a server of HTTP to a member. */
import { createServer, type RequestListener, type Server } from "node:http";
import { wrongType } from "../../identity/index.js";
import type { MemberClient } from "../member-client.js";
import { Attached, type AttachedHttp } from "./serving/attached.js";
import { type AttachOptions, planAttach } from "./serving/options.js";
import { type WebHandler, webListener } from "./serving/web.js";

/** A fastify instance, as far as it is asked. */
export interface FastifyLike {
  readonly server: object;
  ready(): PromiseLike<unknown>;
}

/** What can be served to members. */
export type HttpTarget = Server | FastifyLike | WebHandler | RequestListener;

/**
 * Serves HTTP to the members of the network: `attachHttp(client, server)`. `server` is an `http.Server`, a fastify instance, an
 * application of express or another `(request, response) => void`, or a function of the Fetch API, `(request) => Response`. No port is opened: streams of
 * members are its connections, with keep-alive, WebSocket upgrades, server-sent events and time-outs. `memberOf(request)` is the
 * member that called. Throws "name-taken", "name-invalid", "access-invalid", a RangeError for a number, and a TypeError.
 */
export function attachHttp(client: MemberClient, server: WebHandler, options?: AttachOptions): AttachedHttp;
export function attachHttp(client: MemberClient, server: HttpTarget, options?: AttachOptions): AttachedHttp;
export function attachHttp(client: MemberClient, server: HttpTarget, options: AttachOptions = {}): AttachedHttp {
  const plan = planAttach(options);
  const { onRefused, onError = () => {} } = options;
  if (typeof server === "function") {
    const own = createServer(isListener(server) ? server : webListener(server, onError));
    Object.assign(own, { httpAllowHalfOpen: true }); // A caller may end its side when it has asked.
    return new Attached({ client, server: own, ready: async () => {}, plan, onRefused });
  }
  if (isFastify(server)) {
    return new Attached({
      client,
      server: server.server as Server,
      ready: async () => await server.ready(),
      plan,
      onRefused,
    });
  }
  if (!isServer(server)) throw wrongType("attachHttp takes an http.Server, a fastify instance or a function.");
  return new Attached({ client, server, ready: async () => {}, plan, onRefused });
}

/** Of `node:http`: it has a response to write to as well. */
function isListener(server: WebHandler | RequestListener): server is RequestListener {
  return server.length > 1;
}

function isFastify(server: HttpTarget): server is FastifyLike {
  const { server: inner, ready } = server as Partial<FastifyLike>;
  return typeof ready === "function" && isServer(inner);
}

function isServer(value: unknown): value is Server {
  const { emit, prependListener, headersTimeout } = (value ?? {}) as Partial<Server>;
  return typeof emit === "function" && typeof prependListener === "function" && headersTimeout !== undefined;
}
