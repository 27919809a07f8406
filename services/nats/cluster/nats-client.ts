/** A connection of a program to the NATS cluster of its overlay, as its member: ready, and without a password. */
import { randomBytes } from "node:crypto";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import { FirefliesError, messageOf } from "../../../identity/index.js";
import { inTurn } from "../../forward/carrying/whom.js";
import type { MemberClient } from "../../member-client.js";
import { offering } from "../../offering.js";
import { loadNats } from "../connection/load.js";
import { clusterNames, clustersOf } from "./names.js";
import { LOOPBACK, NatsDoor } from "./nats-door.js";

/** As @nats-io/transport-node's, without what the member decides: where, and how it proves itself. */
export interface NatsClientOptions
  extends Omit<ConnectionOptions, "servers" | "port" | "tls" | "token" | "user" | "pass" | "authenticator"> {
  /** Which cluster; the one that there is by default. */
  readonly cluster?: string | undefined;
}

const SECRET_BYTES = 24;
/** Milliseconds for the first connection: a member is reached, and its server reads its configuration again. */
const CONNECT_MS = 15_000;

/**
 * Connects to the nats-server of a member, this one's own if it runs one; when it is gone the connection goes on at another.
 * Ends with `connection.close()` or `drain()`. Rejects with "package-missing", "service-absent" when no live member runs a
 * server, "peer-refused" when none lets this member in, and "nats-unreachable".
 */
export async function natsClient(client: MemberClient, options: NatsClientOptions = {}): Promise<NatsConnection> {
  const { cluster = theOnly(client), ...more } = options;
  const { client: protocol } = clusterNames(cluster);
  const { connect } = await loadNats();
  const secret = randomBytes(SECRET_BYTES).toString("hex");
  let turn = 0;
  const members = () => {
    const others = offering(client, protocol);
    const own = client.self.services?.includes(protocol) ? [client.id] : [];
    return [...own, ...(others.length === 0 ? [] : inTurn(others, turn++))];
  };
  const door = await NatsDoor.open(client, { listen: LOOPBACK, protocol, members, secret });
  try {
    const connection = await connect({
      ...{ timeout: CONNECT_MS, maxReconnectAttempts: -1, name: client.self.name ?? client.id },
      ...more,
      ...{ servers: door.address, token: secret, ignoreClusterUpdates: true },
    });
    void connection.closed().then(() => door.close());
    return connection;
  } catch (cause) {
    const { lastError } = door.figures();
    await door.close();
    const code =
      lastError?.code === "peer-refused" || lastError?.code === "service-absent" ? lastError.code : "nats-unreachable";
    throw new FirefliesError(code, lastError?.message ?? `NATS: ${messageOf(cause)}.`, { cause });
  }
}

function theOnly(client: MemberClient): string {
  const found = clustersOf(client);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const which = found.length === 0 ? "No live member runs a nats-server." : `There are several: ${found.join(", ")}.`;
  throw new FirefliesError("service-absent", which, {
    advice: first === undefined ? "Start an agent with a service of the kind nats." : "Say which cluster is meant.",
  });
}
