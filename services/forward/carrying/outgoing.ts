/** Streams for local connections: the members to try, one after the other, until one takes it. */
import type { Duplex } from "node:stream";
import type { FirefliesError } from "../../../identity/index.js";
import { onAbort } from "../../../net/index.js";
import type { MemberClient } from "../../member-client.js";
import { asError } from "./conduit.js";
import { OPEN_MS } from "./limits.js";
import { pulseOf } from "./pulse.js";

export interface Caller {
  readonly client: MemberClient;
  /** Nothing more is wanted. */
  readonly closing: AbortSignal;
}

/** The members to try for one connection, in this order. */
export class Attempts {
  readonly #caller: Caller;
  readonly #protocol: string;
  readonly #left: string[];

  constructor(caller: Caller, protocol: string, members: readonly string[]) {
    this.#caller = caller;
    this.#protocol = protocol;
    this.#left = [...members];
  }

  /** A stream to the next member that can be reached; `before` is why the last one is not. Rejects when none is left. */
  async next(before: FirefliesError): Promise<Duplex> {
    let problem = before;
    for (let id = this.#left.shift(); id !== undefined; id = this.#left.shift()) {
      try {
        return await this.#open(id);
      } catch (cause) {
        problem = asError(cause);
      }
    }
    throw problem;
  }

  /** The deadline counts until the stream is open. */
  async #open(id: string): Promise<Duplex> {
    const opening = new AbortController();
    const give = () => opening.abort();
    const timer = setTimeout(give, OPEN_MS);
    const unwatch = onAbort(this.#caller.closing, give);
    try {
      const { client } = this.#caller;
      const stream = await client.openStream(id, { protocol: this.#protocol, signal: opening.signal });
      const member = client.member(id)?.id ?? id;
      if (!stream.closed && member !== client.id) pulseOf(client).watch(member, stream);
      return stream;
    } finally {
      clearTimeout(timer);
      unwatch();
    }
  }
}
