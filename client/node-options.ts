/** What a member is made of: given by the program, by its configuration, or by a test. */
import type { FirefliesError, Identity } from "../identity/index.js";
import type { ConnectionGate, HostNetwork, Interfaces, OutPort, Resolver, Transport } from "../net/index.js";
import type { Extension, MemberId } from "../rings/index.js";
import type { MemberConfig } from "./config/index.js";
import type { OutputHandlers } from "./driver/switchboard.js";
import type { Services } from "./grpc/services.js";
import type { Dispatch } from "./messages/responder.js";
import type { PathsOptions } from "./paths/paths.js";
import type { Isolation } from "./standing/isolation.js";
import type { StateDirectory } from "./state/index.js";
import type { TakeDatagram } from "./talk/datagrams.js";
import type { Offered } from "./talk/streams.js";
import type { Topics } from "./topics/topics.js";
import type { Traffic } from "./traffic/traffic.js";

export interface NodeOptions {
  readonly config: MemberConfig;
  readonly identity: Identity;
  readonly state: StateDirectory | undefined;
  /** One per scheme. A place to listen at is the first one's when no other has its scheme. */
  readonly transports: readonly Transport[];
  readonly resolver: Resolver;
  /** Where the transports dial from, for punches. */
  readonly out?: OutPort | undefined;
  readonly bindDatagrams?: HostNetwork["bindDatagrams"];
  /** Who may hold a connection that is not proven: what the transports ask. */
  readonly gate?: ConnectionGate | undefined;
  /** Asked for when the protocol starts. */
  readonly metadata: () => Uint8Array;
  /** The names that the program offers, as extensions of a note. Asked for as `metadata` is. */
  readonly offered: () => readonly Extension[];
  /** As os.networkInterfaces(). */
  readonly interfaces: () => Interfaces;
  readonly dispatch: Dispatch;
  readonly services: Services;
  readonly topics: Topics;
  /** What takes streams of this protocol, or why nothing does. */
  readonly streamHandler: (name: string, from: MemberId) => Offered | FirefliesError;
  readonly onDatagram: TakeDatagram;
  /** Who else hears what the machine tells. Asked for when the protocol starts. */
  readonly parts: () => readonly OutputHandlers[];
  readonly onAlarm: (error: FirefliesError) => void;
  /** The best path to a member of the view is another one. */
  readonly onPath: PathsOptions["onChange"];
  /** Others have found another address of mine: all of them now. */
  readonly onAddresses: (addresses: readonly string[]) => void;
  /** Hears how calls of the protocol end. */
  readonly isolation: Pick<Isolation, "refused" | "answered">;
  readonly traffic: Traffic;
}
