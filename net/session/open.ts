/** A call or duplex that is open on a session, for the session to end. */
import type { FirefliesError } from "../../identity/index.js";

export interface Open {
  /** The session is closed by its owner. */
  end(error: FirefliesError): void;
  /** The session is lost. */
  lose(error: FirefliesError): void;
}
