/** Settings of a bridge, as people write them, checked. */
import { readFileSync } from "node:fs";
import { certificatesFromPem, FirefliesError } from "../../../identity/index.js";
import { type AccessRule, parseAccess } from "../../access.js";
import type { NatsServers } from "../connection/connect.js";
import type { StreamSettings } from "./streams.js";
import { networkOf, requirePatterns, requirePrefix, topicPrefix, withoutNested } from "./subjects.js";

/** What crosses, and how. */
export interface NatsBridgeOptions extends NatsServers {
  /** Topics or patterns that go to NATS. None by default. */
  readonly toNats?: readonly string[] | undefined;
  /** Topics or patterns that come in from NATS. None by default. */
  readonly fromNats?: readonly string[] | undefined;
  /** Subjects or patterns that members may send requests to (`natsRequest`). None by default. */
  readonly requests?: readonly string[] | undefined;
  /** Services of members that NATS may ask, at `serviceSubject(network, service)`. None by default. */
  readonly services?: readonly string[] | undefined;
  /** Before each topic: "ff.NETWORK." by default, with 16 digits of the network's id. */
  readonly prefix?: string | undefined;
  /** Which NATS this is, where the overlay has bridges to several: "nats" by default. Its own messages do not go back to it. */
  readonly system?: string | undefined;
  /**
   * Members that are believed when they say that they are bridges to this NATS too, by the rules of `--allow`: ids, names,
   * patterns of names, "metadata:key=value". They share the topics with this one. None by default: this one brings everything.
   * Rules about metadata sort members and keep out none that lies: a name or an id is proven.
   */
  readonly bridges?: readonly string[] | undefined;
  /** Through JetStream: a stream that holds what crosses, so that nothing is lost while one side is away. False: NATS core. */
  readonly jetStream?: boolean | StreamSettings | undefined;
  /**
   * "jetstream": subscriptions of this member to topics that cross get from the stream what members hold no more: durable ones
   * that were away, and all that are slower than retention. Needs `jetStream` and `rootFiles`.
   */
  readonly retention?: "jetstream" | undefined;
  /** Files with roots (PEM) whose members' signatures are believed in messages that come in; none by default. */
  readonly rootFiles?: readonly string[] | undefined;
  /** The bridge's place in the topics outlives its process under this name: see `subscribe`. */
  readonly durable?: string | undefined;
  /** Told of what the bridge survives: each has a code. */
  readonly onTrouble?: ((error: FirefliesError) => void) | undefined;
}

export interface BridgePlan {
  readonly prefix: string;
  readonly network: string;
  readonly system: string;
  readonly toNats: readonly string[];
  readonly fromNats: readonly string[];
  readonly requests: readonly string[];
  readonly services: readonly string[];
  readonly bridges: readonly AccessRule[];
  /** Undefined without JetStream. */
  readonly stream: (StreamSettings & { readonly name: string }) | undefined;
  readonly roots: readonly Uint8Array[];
  /** Subscriptions of this member read the stream. */
  readonly isRetaining: boolean;
}

const SYSTEM = /^[A-Za-z0-9_-]{1,32}$/;
const STREAM = /^[A-Za-z0-9_-]{1,128}$/;

/** `network`: the id, 64 hex digits. Throws "name-invalid", "topic-invalid", "access-invalid", "config-bad-value" and the codes of files. */
export function planBridge(options: NatsBridgeOptions, network: string): BridgePlan {
  const { toNats = [], fromNats = [], requests = [], services = [], system = "nats", jetStream = false } = options;
  if (!SYSTEM.test(system)) throw named("system", system);
  const { rootFiles = [], retention } = options;
  if (retention !== undefined && (jetStream === false || rootFiles.length === 0))
    throw new FirefliesError("config-bad-value", "retention: jetstream needs jetStream and rootFiles as well.");
  const settings: StreamSettings = typeof jetStream === "object" ? jetStream : {};
  const name = settings.name ?? `ff-${networkOf(network)}`;
  if (!STREAM.test(name)) throw named("stream", name);
  return {
    prefix: requirePrefix(options.prefix ?? topicPrefix(network)),
    network: networkOf(network),
    system,
    toNats: withoutNested(requirePatterns(toNats)),
    fromNats: withoutNested(requirePatterns(fromNats)),
    requests,
    services,
    bridges: parseAccess(options.bridges ?? []),
    stream: jetStream === false ? undefined : { ...settings, name },
    roots: rootFiles.flatMap(rootsIn),
    isRetaining: retention !== undefined,
  };
}

function rootsIn(file: string): readonly Uint8Array[] {
  let found: readonly Uint8Array[] | undefined;
  try {
    found = certificatesFromPem(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new FirefliesError("config-unreadable", `${file} cannot be read.`, { cause });
  }
  if (found !== undefined && found.length > 0) return found;
  throw new FirefliesError("config-bad-value", `${file} holds no root certificate in PEM.`);
}

function named(what: string, name: string): FirefliesError {
  return new FirefliesError("name-invalid", `${JSON.stringify(name.slice(0, 64))} is no name of a ${what}.`, {
    advice: 'Use letters, digits, "_" and "-".',
  });
}
