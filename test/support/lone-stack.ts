/** Sessions of an identity alone, without a client around them: for liars, and for tests of what a member answers. */
import { askingOnly } from "../../client/protocols.js";
import type { Identity } from "../../identity/index.js";
import {
  NameResolver,
  type Protocols,
  type Session,
  Stack,
  type StackOptions,
  type Transport,
  tcpTransport,
} from "../../net/index.js";

interface LoneOptions {
  readonly protocols?: Protocols;
  /** Unix milliseconds by which certificates are judged. */
  readonly wall?: () => number;
  /** The first is the one that listens. */
  readonly transports?: readonly Transport[];
  readonly onProven?: (session: Session) => void;
  readonly enters?: StackOptions["enters"];
}

/** May dial loopback. Closes what it has opened. */
export function loneStack(
  identity: Identity,
  { protocols = askingOnly(), wall = Date.now, transports = [tcpTransport()], onProven, enters }: LoneOptions = {},
) {
  const resolver = new NameResolver({ now: () => performance.now() });
  const stack = new Stack({
    transports,
    resolver,
    protocols,
    identity: () => identity,
    now: () => performance.now(),
    wall,
    onProven,
    enters,
    mine: () => ["127.0.0.1:1"],
  });
  return Object.assign(stack, {
    [Symbol.asyncDispose]: async () => {
      resolver.close();
      await stack.close(0);
    },
  });
}
