/** The sessions of one member, those that it dialled and those that it accepted. */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import type { Address } from "../address.js";
import type { ConnectOptions, SessionHostOptions } from "./options.js";
import type { Session } from "./session.js";

export class SessionHost {
  readonly #options: SessionHostOptions;

  constructor(options: SessionHostOptions) {
    this.#options = options;
  }

  /**
   * Proves both ends over a connection that was dialled; resolves when the other side has accepted. Rejects with "timeout",
   * "cancelled", "peer-unreachable" (the connection ended), "peer-refused" (it ended after our certificate was seen),
   * "certificate-invalid", "peer-mismatch" or "link-closed" (this host is closed). Destroys the connection then.
   */
  async connect(_connection: Duplex, _options: ConnectOptions): Promise<Session> {
    void this.#options;
    throw new FirefliesError("link-closed");
  }

  /**
   * Proves the other end of a connection that was accepted. Never throws: what comes of it is given to `onSession`, or the
   * connection is destroyed.
   */
  accept(connection: Duplex, _from: Address): void {
    connection.destroy();
  }

  /** Every accepted session, once its member is proven and admitted. One listener. */
  onSession(_listener: (session: Session) => void): void {}

  /** Asks dates and `admit` again for every accepted session, and closes those of members who are refused. */
  recheck(): void {}

  /** Takes no more, ends duplexes with "link-closed", gives running calls `graceMs`, then closes every session. */
  async close(_graceMs: number): Promise<void> {}
}
