/** What a program may say to `new Client(options)`. Everything is optional; what it says wins over file and environment. */
import type { IdentityPem, Logger } from "../../identity/index.js";
import type { HostNetwork } from "../../net/index.js";
import type { Discovery } from "../discovery/discovery.js";
import type { Metadata } from "../types.js";
import type { PresetName } from "./presets.js";
import type { TopicRetention } from "./topic-retention.js";

/** Everything is optional. What is said here wins over FIREFLIES_* variables and fireflies.yaml (docs/configuration.md). */
export interface ClientOptions {
  /**
   * Where the member logs its life, its view and its alarms: pino, `console`, or anything of their shape. Nowhere when left
   * out. What peers sent and is refused is logged as "debug".
   */
  readonly logger?: Logger;
  /**
   * What the member reaches others with, in place of TCP, UDP, names and addresses of the system: a host of a
   * `MemoryNetwork`, or your own transport (docs/testing.md).
   */
  readonly network?: HostNetwork;
  /** The member's identity, for programs that keep it elsewhere than in files: no authority is asked, and none renews it. */
  readonly identity?: IdentityPem;
  /** A configuration file to read instead of the first one found; false reads none, and no FIREFLIES_* variables. */
  readonly config?: string | false;
  /** Where intervals start from: "lan" (default), "wan", "local" or "ifrit". */
  readonly preset?: PresetName;
  /** Directory of identity, epoch and known members. Without one they live in memory and end with the process. */
  readonly dir?: string;
  /** A token from `fireflies ca token NAME`: it carries the authority's address, its fingerprint and the secret. */
  readonly token?: string;
  /**
   * Instead of a token: a file with a JWT that the authority admits, as a projected service-account token of Kubernetes. Read
   * again at each start that enrols. Needs `ca` and `caFingerprint`.
   */
  readonly jwtFile?: string;
  /**
   * Milliseconds that `start` waits for an authority that is absent, when it needs one: at the first start, and when the
   * certificate has ended. Default 0: it rejects at once; Infinity waits until `start`'s signal fires. Meanwhile the alarm
   * "authority-awaited" is raised once a minute. One that answers and breaks off is asked for half a minute in any case.
   */
  readonly waitMs?: number;
  /** URL of the authority, when there is no token: "https://host:port". */
  readonly ca?: string;
  /** SHA-256 fingerprint of the authority's root certificate, 64 hex digits. */
  readonly caFingerprint?: string;
  /**
   * A proxy ends TLS in front of the authority, at `ca` or where the token says: "system", or a file of certificates in PEM,
   * says which roots vouch for it. Calls are then signed. The proxy sees tokens and JWTs. Without it nobody but the
   * authority itself may end TLS.
   */
  readonly caTls?: string;
  /** The name to enrol under, with an open authority or a token for many. */
  readonly name?: string;
  /** False: never speak to an authority; the identity is in `dir`, the contacts in `entryAddrs`. Default true. */
  readonly useCa?: boolean;
  /**
   * Members to contact first, "host:port", and sources of more, at most 16, which are asked for ever: "dns:host:port",
   * "srv:_service._tcp.domain", "file:path", "kubernetes:namespace/service:port" (docs/discovery.md). Besides those that
   * the authority names.
   */
  readonly entryAddrs?: readonly string[];
  /** True: members on the same LAN are found by multicast DNS, and find this one. For laboratories. Default false. */
  readonly mdns?: boolean;
  /** Sources of contacts beside those of `entryAddrs`, at most 16: your own, or one of `dnsDiscovery` and the like. */
  readonly discovery?: readonly Discovery[];
  /**
   * Where to listen: "host:port", "host" or a port for TCP, "ws://host:port/path" for WebSocket, "udx://host:port" for
   * reliable UDP; several of them, as one for each transport, at most 8. Default 127.0.0.1, any free port of TCP.
   */
  readonly listen?: string | number | readonly (string | number)[];
  /**
   * Where others reach me, the preferred one first, at most 8: "host:port", "ws://host:port/path", or "host" with the ports
   * listened on. "auto" among them stands for the address of this machine and what others see it as, once enough have
   * reached it there. Default: the address listened on; "auto" when that is all of them.
   */
  readonly advertise?: string | readonly string[];
  /** My host name or address: what to listen on and to advertise, unless `listen` or `advertise` say otherwise. */
  readonly host?: string;
  /** TCP port to listen on, 0 for any; the same as the port in `listen`. */
  readonly tcpPort?: number;
  /** UDP port for pings, 0 for any. Default: the number of the TCP port if it is free. */
  readonly udpPort?: number;
  /**
   * Milliseconds until a connection that nobody uses is closed, up to 7 days; 0 holds all open. Default 30 minutes. One
   * through relays is closed after five minutes, or when this is less, after this.
   */
  readonly linkIdleMs?: number;
  /**
   * Members, by name or id, with whom a connection is held open: made at the start, and made again with growing pauses when it
   * is lost. "all" stands for every live member; of more than 384, the first ones.
   */
  readonly keepLinks?: readonly string[];
  /** Facts about this member that all others see. At most 4,096 bytes as JSON. */
  readonly metadata?: Metadata;
  /** Milliseconds between gossip rounds, 10 to 3,600,000. */
  readonly gossipIntervalMs?: number;
  /** Milliseconds between rounds of pings, 10 to 3,600,000. */
  readonly monitorIntervalMs?: number;
  /** Pings missed in a row before an accusation, 1 to 14; without it the measured loss decides. */
  readonly pingLimit?: number;
  /** Messages handled at once, 1 to 65,536; more wait. Default 50. */
  readonly maxConcurrentMessages?: number;
  /** Milliseconds from an accusation to the removal; at least 2 Delta of the network. Default 2 Delta. */
  readonly removalTimeoutMs?: number;
  /**
   * False: relay for nobody. Members that others can dial relay for those that nobody can dial: what passes is encrypted by its
   * ends and bounded by the limits below. Default true. docs/reach.md.
   */
  readonly relay?: boolean;
  /** Members that may have a reservation here at once, 1 to 65,536. Default 512. */
  readonly relayReservations?: number;
  /** Connections that pass through here at once, 1 to 65,536. Default 512. */
  readonly relayConnections?: number;
  /** Of those, asked for by one member. Default 64. */
  readonly relayConnectionsPerMember?: number;
  /** Bytes per second that pass, both directions counted, 16,384 or more; what is more waits. Default 2,147,483,648. */
  readonly relayBytesPerSecond?: number;
  /** Of those, of the connections that one member asked for. Default 1,073,741,824. */
  readonly relayBytesPerSecondPerMember?: number;
  /** Milliseconds that one connection lasts, 10,000 to 2,592,000,000. Default 86,400,000. */
  readonly relayConnectionMs?: number;
  /** True: nobody can dial this member, so it asks others to relay for it. False: they can. Default "auto": it finds out. */
  readonly behindNat?: boolean | "auto";
  /**
   * True or "members": its TCP port is a rendezvous server for the members of its network, at which those that nobody can dial
   * listen ("rdv://host:port") and are met. "all": for everybody, who can have bytes relayed here. Default false. docs/rdv.md.
   */
  readonly rdv?: boolean | "members" | "all";
  /**
   * How long messages of some topics are kept, and how many bytes of them, at most 256 entries: `[{ topic: "orders.>", ms: 3_600_000 }]`.
   * Default: all for 300,000 ms. docs/topics.md.
   */
  readonly topicRetention?: readonly TopicRetention[];
  /** Bytes of messages that are kept for all topics, one's own and others' each, 1,048,576 to 17,179,869,184. Default 67,108,864. */
  readonly topicMemoryBytes?: number;
  /** Files in PEM, to listen at "wss:" with: the certificates, leaf first, and the key, of mode 0600. Read at the start. */
  readonly wssCert?: string;
  readonly wssKey?: string;
}
