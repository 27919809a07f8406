/** What a program may bring along to a client, instead of the usual parts. */
import type { Resolver, Transport } from "../net/index.js";
import type { Interfaces } from "./config/index.js";

/** Parts that a program may bring along; what is left out is the usual one. */
export interface ClientParts {
  /** What carries bytes to other hosts, TCP by default; the first is the one that listens. */
  readonly transports?: readonly Transport[];
  /** Looks names up; the system's configuration by default. */
  readonly resolver?: Resolver;
  /** The addresses of this machine: os.networkInterfaces() by default. */
  readonly interfaces?: () => Interfaces;
}
