/** What a client is made of, put together: each part is told by functions what it needs of the others. The public face is client.ts. */
import { randomBytes } from "node:crypto";
import { KIND_REVOCATION } from "../gossip/index.js";
import type { FirefliesError } from "../identity/index.js";
import type { ClientOptions } from "./config/index.js";
import { Services } from "./grpc/services.js";
import { History } from "./history/history.js";
import { explain, type InquiryParts } from "./history/inquiry.js";
import { Statements } from "./history/statements.js";
import { Witness } from "./history/witness.js";
import { Life } from "./life.js";
import { Announced, NAMES_PAUSE } from "./offers/announced.js";
import { ChangeFeed } from "./program/changes.js";
import { ClientLog } from "./program/client-log.js";
import { Handlers } from "./program/handlers.js";
import { Rejections } from "./program/rejections.js";
import { Isolation } from "./standing/isolation.js";
import { Hearsay } from "./talk/hearsay.js";
import { Outbound } from "./talk/outbound.js";
import { SEND_TIMEOUT_MS } from "./timeouts.js";
import { Topics } from "./topics/topics.js";
import { Following } from "./traffic/following.js";
import { Traffic } from "./traffic/traffic.js";
import type { Metadata } from "./types.js";
import { Directory } from "./view/directory.js";

/** For an order by chance. */
const CHANCE_BYTES = 16;

export class Parts {
  readonly traffic = new Traffic();
  readonly following = new Following();
  readonly log: ClientLog;
  readonly life: Life;
  readonly feed = new ChangeFeed((change) => {
    this.log.change(change);
    this.witness.changed(change);
  });
  readonly history = new History({ wall: Date.now, now: () => performance.now() });
  readonly statements = new Statements();
  readonly witness = new Witness({
    keep: (member, author, bytes) => this.statements.add({ member, author, at: performance.now(), bytes }),
    record: (seen) => this.history.record(seen),
    self: () => this.life.member?.id,
    nameOf: (id) => this.life.member?.nameOf(id),
    inspect: (id) => (this.life.isInMotion ? this.life.running.machine.inspect(id) : undefined),
    pathTo: (id) => this.life.member?.paths.of(id),
  });
  readonly announced = new Announced(
    () => this.#tellNames(),
    () => NAMES_PAUSE * this.life.noteMs,
  );
  readonly directory = new Directory({
    member: () => this.life.begun,
    metadata: () => this.metadata ?? this.life.config?.metadata ?? {},
    services: () => this.announced.names,
    chance: () => randomBytes(CHANCE_BYTES),
    now: Date.now,
  });
  readonly handlers = new Handlers({
    sender: (id) => this.directory.sender(id),
    isKnown: (id) => this.life.member?.knows(id) === true,
    log: () => this.log,
    announced: this.announced,
    ...{ traffic: this.traffic, following: this.following },
  });
  readonly onAlarm = (alarm: FirefliesError): void => this.handlers.raise(alarm);
  readonly hearsay = new Hearsay({
    messenger: () => this.life.running.messenger,
    takeResponse: (response) => this.handlers.takeResponse(response),
    timeoutMs: SEND_TIMEOUT_MS,
    tally: this.traffic.gossip.asked.own(undefined),
  });
  readonly outbound = new Outbound(() => this.life.talking, this.traffic, this.following);
  readonly rejected = new Rejections((kind) => this.log.rejected(kind));
  readonly services = new Services({
    reach: (id, signal) => this.outbound.reach(id, signal),
    sender: (id) => this.directory.sender(id),
    member: (id) => this.directory.find(id),
    failures: this.handlers.failures,
    announced: this.announced,
    ...{ traffic: this.traffic.rpc, following: this.following },
  });
  readonly topics = new Topics({
    sender: (id) => this.directory.sender(id),
    failures: this.handlers.failures,
    onAlarm: this.onAlarm,
    onRejected: (what) => this.rejected.count(what),
    now: () => performance.now(),
    checks: this.traffic.signatures.batch,
  });
  readonly isolation = new Isolation({
    publish: (change) => this.feed.publish(change),
    onAlarm: (alarm) => this.onAlarm(alarm),
    now: Date.now,
    dir: () => this.life.config?.dir,
  });
  /** Set by the program; undefined while the configuration's are in force. */
  metadata: Metadata | undefined;
  /** What ring neighbours are handed. */
  content: Uint8Array | undefined;

  constructor(options: ClientOptions) {
    this.log = new ClientLog(options.logger);
    const {
      log,
      feed,
      directory,
      handlers,
      services,
      topics,
      isolation,
      rejected,
      hearsay,
      announced,
      onAlarm,
      witness,
      history,
    } = this;
    this.life = new Life({
      ...{
        options,
        log,
        feed,
        directory,
        handlers,
        services,
        topics,
        isolation,
        rejected,
        traffic: this.traffic,
        hearsay,
        announced,
        onAlarm,
        witness,
        history,
      },
      metadata: () => this.metadata,
      content: () => this.content,
    });
  }

  /** For questions about a member. Throws "not-started". */
  get inquiry(): InquiryParts {
    const { running, removalMs } = this.life;
    const { certificate } = running.identity;
    return {
      ...{ self: { id: certificate.id, name: certificate.name }, machine: running.machine, history: this.history },
      ...{ members: this.directory.list(), departed: this.directory.departed(), isolated: this.isolation.current },
      ...{ nameOf: (id) => running.nameOf(id), pathTo: (id) => running.paths.of(id), removalMs },
      ...{ wall: Date.now(), now: performance.now() },
    };
  }

  /** Throws as `inquiry`, and as `inquiredFor`. */
  async evidence(word: string): Promise<string> {
    const { machine, identity } = this.life.running;
    const explanation = explain(this.inquiry, word);
    const at = Date.now();
    const kept = this.statements.of(explanation.member, performance.now());
    const revocations = machine.statements().find(([kind]) => kind === KIND_REVOCATION);
    const { evidenceOf } = await import("./evidence/collect.js");
    return await evidenceOf({ identity, explanation, kept, revocations, at, inspect: (id) => machine.inspect(id) });
  }

  #tellNames(): void {
    if (!this.life.isInMotion) return;
    const { extensions } = this.announced;
    this.life.running.input((machine, now) => machine.describe({ extensions }, now));
  }
}
