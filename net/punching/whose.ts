/**
 * Whose a connection is, of several punches that wait for one from the same host. Nobody knows before the other side has
 * proven itself, and a liar may name anybody's address. So those that I have begun come first, whose other side is known, and
 * then each gets its turn. A port that nobody named is for those whose ports nobody knows. Else it may be one whose punch
 * I have not begun yet, behind the same NAT: it comes again.
 */
import { formatHostPort, type HostPort } from "../address.js";
import type { Candidate } from "./offer.js";

/** Connections that a punch of mine gets before those that others have asked for. */
const MINE_FIRST = 2;

/** Where the other side of a punch may come from, and be reached. The host is an IP address. */
export interface Target extends HostPort {
  /** Its NAT is not known to keep the port: it may come from any. */
  readonly isHidden: boolean;
}

/** A punch that runs. */
export interface Waiting {
  readonly targets: readonly Target[];
  /** Have I begun it? Then I prove myself as the TLS client. */
  readonly isClient: boolean;
  /** Connections that it has got. */
  readonly met: number;
}

/** Undefined when nobody waits for one from there. */
export function whose<W extends Waiting>(running: Iterable<W>, from: HostPort): W | undefined {
  const wait = (may: (target: Target) => boolean) => [...running].filter(({ targets }) => targets.some(may));
  const named = wait((target) => nameOf(target) === nameOf(from));
  const turn = ({ isClient, met }: W) => met - (isClient ? MINE_FIRST : 0);
  const waiting = named.length > 0 ? named : wait(({ host, isHidden }) => isHidden && host === from.host);
  return waiting.sort((a, b) => turn(a) - turn(b))[0];
}

export function targetOf({ address: { host, port }, mapping }: Candidate): Target {
  return { host, port, isHidden: mapping !== "port" };
}

export function nameOf({ host, port }: HostPort): string {
  return formatHostPort(host, port);
}
