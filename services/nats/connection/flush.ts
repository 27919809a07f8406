/** A round trip to NATS: the server has taken all that was sent before. */
import type { NatsConnection } from "@nats-io/transport-node";
import { FirefliesError } from "../../../identity/index.js";
import { deadlineIn, withDeadline } from "../../../net/index.js";

/** Milliseconds for the server's answer. */
const FLUSH_MS = 5_000;

/**
 * Rejects with "nats-unreachable", and as the client does. The client's own `flush` never settles when the connection ends
 * meanwhile, or when the server is silent.
 */
export async function flushed(nats: Pick<NatsConnection, "flush">): Promise<void> {
  try {
    await withDeadline({ deadline: deadlineIn(FLUSH_MS) }, () => nats.flush());
  } catch (cause) {
    if (!(cause instanceof FirefliesError)) throw cause;
    throw new FirefliesError("nats-unreachable", `The NATS server did not answer within ${FLUSH_MS / 1000} s.`, {
      cause,
    });
  }
}
