/** Who sent a request: the member that the connection's handshake proved. */
import type { IncomingMessage } from "node:http";
import type { Member } from "../../../client/types.js";

/** A request of `node:http`, of fastify or express (by their `raw`, or themselves), or of the Fetch API. */
export type AnyRequest = IncomingMessage | Request | { readonly raw: IncomingMessage };

/** By socket, and by request of the Fetch API. */
const callers = new WeakMap<object, () => Member>();

export function setCaller(key: object, caller: () => Member): void {
  callers.set(key, caller);
}

/** How to ask for the caller of this request later on. */
export function callerOfKey(key: object): (() => Member) | undefined {
  return callers.get(key);
}

/**
 * The member that sent a request, as the view has it now: id, name, metadata, services. Undefined for a request that came over
 * no member, but by a port that the server has open as well.
 */
export function memberOf(request: AnyRequest): Member | undefined {
  return (callers.get(request) ?? callers.get(socketOf(request)))?.();
}

function socketOf(request: AnyRequest): object {
  const { raw = request, socket } = request as { raw?: unknown; socket?: object };
  return (raw as { socket?: object | null }).socket ?? socket ?? request;
}
