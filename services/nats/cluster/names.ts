/** Names of a NATS cluster: of itself, of what its members handle for it, and of its servers. */
import { FirefliesError } from "../../../identity/index.js";
import type { MemberClient } from "../../member-client.js";

/** Where nothing is said: one network seldom has two. */
export const CLUSTER_NAME = "fireflies";
const CLUSTER = /^[A-Za-z0-9_-]{1,64}$/;
const OFFERED = /^\/nats\/([A-Za-z0-9_-]{1,64})\/client$/;
/** Digits of a member's id that stand in its server's name: two in one cluster would be a chance of 2^-64. */
const ID_DIGITS = 16;

export interface ClusterNames {
  /** Routes of other members' servers come in by it. */
  readonly route: string;
  /** Connections of clients do. */
  readonly client: string;
}

/** Throws "name-invalid". */
export function clusterNames(cluster: string): ClusterNames {
  if (!CLUSTER.test(cluster)) {
    throw new FirefliesError("name-invalid", `${JSON.stringify(cluster.slice(0, 64))} is no name of a NATS cluster.`, {
      advice: 'Use 1 to 64 letters, digits, "_" and "-".',
    });
  }
  return { route: `/nats/${cluster}/route`, client: `/nats/${cluster}/client` };
}

/** The same after a restart, and one of a kind. */
export function serverName({ id, name }: { readonly id: string; readonly name: string | undefined }): string {
  return name === undefined ? id.slice(0, ID_DIGITS) : `${name}-${id.slice(0, ID_DIGITS)}`;
}

/** The clusters that live members run servers of. */
export function clustersOf(client: Pick<MemberClient, "self" | "members">): readonly string[] {
  const offered = [client.self, ...client.members()].flatMap(({ services }) => services ?? []);
  return [...new Set(offered.flatMap((service) => OFFERED.exec(service)?.[1] ?? []))].toSorted();
}
