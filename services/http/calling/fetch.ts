/** `fetch` to members: requests of the Fetch API over `node:http` and its pool of connections. */
import type { Agent } from "node:http";
import { FirefliesError } from "../../../identity/index.js";
import { memberOfHost } from "../../host-names.js";
import { memberCalled } from "../../members-called.js";
import { REDIRECTS_MAX, REQUESTS_MAX, SILENCE_MS } from "../wire/limits.js";
import { type MemberAgentOptions, memberAgent } from "./agent.js";
import { type Asked, askedOf, redirected } from "./asked.js";
import { exchange } from "./exchange.js";
import { causeOf, mayAskAgain } from "./failure.js";
import type { Caller } from "./opening.js";

export interface MemberFetchOptions extends MemberAgentOptions {
  /** A pool that is there already; one of its own by default, as the other options say. */
  readonly agent?: Agent | undefined;
  /** Milliseconds without a byte of the answer until it fails with "timeout"; 300,000 by default. */
  readonly silenceMs?: number | undefined;
}

/** As the global `fetch`. */
export type MemberFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` for `http://ID.fireflies/path`, `http://NAME.fireflies/` and `http://SERVICE.fireflies/`, over the sessions that
 * members have. Request, answer, signal, redirects, streams and compressed answers are those of the global `fetch`; there is no
 * cookie jar, cache or CORS, as in Node's. A port is the protocol of a forward: `http://bob.fireflies:8000/` asks for
 * "/tcp/8000". It rejects with the signal's reason, or with a TypeError whose `cause` is a FirefliesError: "peer-unknown",
 * "peer-unreachable", "peer-refused", "handler-missing", "overloaded", "address-forbidden", "timeout", "link-closed",
 * "peer-removed", "member-stopping". An answer that is cut errors its body in the same way.
 */
export function memberFetch(client: Caller, options: MemberFetchOptions = {}): MemberFetch {
  const { agent = memberAgent(client, options), silenceMs = SILENCE_MS } = options;
  let open = 0;
  return async (input, init) => {
    const asked = await askedOf(input, init);
    try {
      if (open >= REQUESTS_MAX) throw new FirefliesError("overloaded", `${REQUESTS_MAX} requests wait for an answer.`);
      open += 1;
      return await follow(asked, (each) => askAgain(client, each, agent, silenceMs));
    } catch (error) {
      asked.signal.throwIfAborted();
      throw error instanceof TypeError && error.message === FAILED ? error : failed(error);
    } finally {
      open -= 1;
    }
  };
}

/** The words of the global `fetch`, which programs look for. */
const FAILED = "fetch failed";

function failed(cause: unknown): TypeError {
  return new TypeError(FAILED, { cause: causeOf(cause) });
}

async function follow(first: Asked, ask: (asked: Asked) => Promise<Response>): Promise<Response> {
  let asked = first;
  for (let redirects = 0; ; redirects++) {
    const response = await ask(asked);
    const next = redirected(asked, response);
    if (next === undefined) {
      return Object.defineProperty(response, "redirected", { value: redirects > 0, configurable: true });
    }
    await response.body?.cancel();
    if (first.redirect === "error") throw new TypeError("unexpected redirect");
    if (redirects === REDIRECTS_MAX) throw new TypeError("redirect count exceeded");
    asked = next;
  }
}

/** Once more where nobody can have handled it: a kept connection that has just ended, the next member of a service. */
async function askAgain(client: Caller, asked: Asked, agent: Agent, silenceMs: number): Promise<Response> {
  const isOfService = () => memberCalled(client, memberOfHost(asked.url.hostname) ?? "") === undefined;
  for (let attempt = 1; ; attempt++) {
    const tried = await exchange(asked, agent, silenceMs);
    if (tried instanceof Response) return tried;
    if (!mayAskAgain(tried, asked, { attempt, isOfService })) throw tried.error;
  }
}
