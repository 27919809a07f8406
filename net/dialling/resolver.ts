/** How names become addresses. */
import type { Deadline } from "../deadline.js";

export interface LookUpOptions extends Deadline {
  /** On whose account: what one member's names cost is bounded. Undefined for names of the configuration. */
  readonly asker?: string | undefined;
}

export interface Resolver {
  /**
   * The IP addresses of a host, IPv6 and IPv4 in turn, never empty; of an IP address itself. Rejects with a DialError
   * ("unresolved", "backoff", "timeout" or "cancelled").
   */
  addresses(host: string, options: LookUpOptions): Promise<readonly string[]>;
  /**
   * What is known now, without waiting; undefined when nothing is. An old or missing answer is looked up in the
   * background, within the same bounds.
   */
  known(host: string, asker?: string): readonly string[] | undefined;
}
