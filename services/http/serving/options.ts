/** Options of a server of members, checked. */
import { FirefliesError, outOfRange } from "../../../identity/index.js";
import { type AccessRule, parseAccess } from "../../access.js";
import type { Refused } from "../../refusals.js";
import {
  CONNECTIONS,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_PEER,
  CONNECTIONS_PER_PEER_MAX,
  HTTP_PROTOCOL,
} from "../wire/limits.js";
import { protocolOfService } from "../wire/whom.js";

export interface AttachOptions {
  /** The name by which members ask for it; "/http/1.1" by default, where `http://ID.fireflies/` leads. */
  readonly protocol?: string | undefined;
  /** Instead of `protocol`: it is one of the servers of this service, where `http://SERVICE.fireflies/` leads. */
  readonly service?: string | undefined;
  /**
   * Who may use it: "*", ids, names or patterns of names, "metadata:key=value", "service:NAME". Every member of the network by
   * default.
   */
  readonly allow?: readonly string[] | undefined;
  /** Connections at once, 1 to 65,536; 1,024 by default. The next is refused with "overloaded". */
  readonly connections?: number | undefined;
  /** Connections of one member at once, 1 to 256; 128 by default. */
  readonly connectionsPerPeer?: number | undefined;
  /** Told of members that were refused: the first times, then seldom. */
  readonly onRefused?: ((refused: Refused) => void) | undefined;
  /** Told of what a `(request) => Response` function threw; its caller gets status 500. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Options as values. */
export interface AttachPlan {
  readonly protocol: string;
  readonly rules: readonly AccessRule[];
  readonly connections: number;
  readonly connectionsPerPeer: number;
}

/** Throws "access-invalid", "name-invalid", and a RangeError for a number. */
export function planAttach(options: AttachOptions): AttachPlan {
  return {
    protocol: protocolIn(options),
    rules: options.allow === undefined ? [{ kind: "any" }] : parseAccess(options.allow),
    connections: within("connections", options.connections ?? CONNECTIONS, CONNECTIONS_MAX),
    connectionsPerPeer: within(
      "connectionsPerPeer",
      options.connectionsPerPeer ?? CONNECTIONS_PER_PEER,
      CONNECTIONS_PER_PEER_MAX,
    ),
  };
}

function protocolIn({ protocol, service }: AttachOptions): string {
  if (service === undefined) return protocol ?? HTTP_PROTOCOL;
  if (protocol === undefined) return protocolOfService(service);
  throw new FirefliesError("name-invalid", "A server has the name of a protocol, or of a service, and not both.", {
    advice: "Leave one of them out.",
  });
}

function within(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw outOfRange(`${name} is a whole number from 1 to ${max}, not ${value}.`);
}
