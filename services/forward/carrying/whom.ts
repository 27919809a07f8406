/** Whom a listener means: one member, or those that offer a service, each in its turn. */
import { FirefliesError } from "../../../identity/index.js";
import type { MemberClient } from "../../member-client.js";
import { offering } from "../../offering.js";
import { ATTEMPTS_MAX } from "./limits.js";

const SERVICE = "service:";

/** Connections take turns among the members that offer a service. */
export class Whom {
  readonly #client: MemberClient;
  readonly #to: string;
  #turn = 0;

  constructor(client: MemberClient, to: string) {
    this.#client = client;
    this.#to = to;
  }

  /** The members to try for one connection, in this order. Throws "peer-unknown" when nobody offers the service. */
  next(): readonly string[] {
    if (!this.#to.startsWith(SERVICE)) return [this.#to];
    const service = this.#to.slice(SERVICE.length);
    const found = offering(this.#client, service);
    if (found.length === 0) {
      throw new FirefliesError("peer-unknown", `No live member offers the service ${JSON.stringify(service)}.`);
    }
    return inTurn(found, this.#turn++).slice(0, ATTEMPTS_MAX);
  }
}

/** From a place on, and around. */
export function inTurn<T>(all: readonly T[], turn: number): readonly T[] {
  const at = turn % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
}
