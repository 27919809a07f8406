/**
 * Whose a connection is, of several punches that wait for one from the same host. Nobody knows before the other side has
 * proven itself, and a liar may name anybody's address. So those that I have begun come first, whose other side is known, and
 * then each gets its turn.
 */
import { formatHostPort, type HostPort } from "../address.js";

/** Connections that a punch of mine gets before those that others have asked for. */
const MINE_FIRST = 2;

/** A punch that runs. */
export interface Waiting {
  /** Where the other side may come from, and be reached. IP addresses. */
  readonly targets: readonly HostPort[];
  /** Have I begun it? Then I prove myself as the TLS client. */
  readonly isClient: boolean;
  /** Connections that it has got. */
  readonly met: number;
}

/** Undefined when nobody waits for one from there. */
export function whose<W extends Waiting>(running: Iterable<W>, from: HostPort): W | undefined {
  const waiting = [...running].filter(({ targets }) => targets.some(({ host }) => host === from.host));
  const named = waiting.filter(({ targets }) => targets.some((target) => nameOf(target) === nameOf(from)));
  const turn = ({ isClient, met }: W) => met - (isClient ? MINE_FIRST : 0);
  return (named.length > 0 ? named : waiting).sort((a, b) => turn(a) - turn(b))[0];
}

export function nameOf({ host, port }: HostPort): string {
  return formatHostPort(host, port);
}
