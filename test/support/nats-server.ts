/** Real nats-servers for tests, and whether there is one on this machine (Debian: nats-server). */
import { findServer } from "../../services/nats/cluster/server.js";

/** False where it is not installed; tests with it say so in their title and are skipped. */
export const HAS_NATS_SERVER = await findServer(undefined).then(
  () => true,
  () => false,
);
