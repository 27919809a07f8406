/**
 * A member's way in, and what it owes the authority meanwhile, put together: contacts and reports, the revocation list's age,
 * what its addresses mean, and a goodbye at the end.
 */
import { addressesOf, type Peer, TRANSPORT_GRPC } from "../../gossip/index.js";
import { type FirefliesError, titleOf } from "../../identity/index.js";
import type { Contact } from "../authority/authority.js";
import { entryOf } from "../config/values.js";
import type { OutputHandlers } from "../driver/switchboard.js";
import type { Node } from "../node.js";
import type { Memory } from "../state/recollection.js";
import { AddressAdvice, loopbackAdvice } from "./address-advice.js";
import { Entry } from "./entry.js";
import { Reports } from "./reports.js";
import { RevocationWatch } from "./revocation-watch.js";

export interface ArrivalOptions {
  /** It listens. */
  readonly member: Node;
  /** Of the authority; empty when there is none to speak to. */
  readonly urls: readonly string[];
  readonly proxyRoots?: string | undefined;
  /** Members to contact first, from the configuration. */
  readonly entryAddrs: readonly string[];
  /** Its addresses are those of a network, and no wires in memory that a program has brought along. */
  readonly isNetworked: boolean;
  /** Fires when the client stops. */
  readonly ending: AbortSignal;
  /** The protocol runs from now on. */
  readonly onStarted: () => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export class Arrival {
  readonly #options: ArrivalOptions;
  readonly #watch: RevocationWatch;
  readonly #reports: Reports;
  readonly #entry: Entry;
  readonly #advice: AddressAdvice;

  constructor(options: ArrivalOptions) {
    const { member, urls, proxyRoots, entryAddrs, ending, onStarted, onAlarm } = options;
    this.#options = options;
    this.#watch = new RevocationWatch({ now: () => member.clocks.believed, onAlarm });
    this.#advice = new AddressAdvice({ mine: () => member.addresses, onAlarm });
    this.#reports = new Reports({
      identity: () => member.identity,
      urls,
      proxyRoots,
      addresses: () => member.contactAddresses,
      members: () => (member.isInMotion ? member.machine.members().length + 1 : 1),
      clocks: () => member.clocks,
      onTime: (time) => member.heardTime(time),
      random: Math.random,
      watch: this.#watch,
      learn: (statement) => member.learn(statement),
      onAlarm,
    });
    this.#entry = new Entry({
      member,
      reports: this.#reports,
      hasAuthority: urls.length > 0,
      entryAddrs,
      ending,
      onStarted: () => {
        onStarted();
        this.#reports.start();
      },
      onContacts: (contacts) => this.#look(contacts),
      onAlarm,
    });
  }

  /** Resolves as `Entry.join`. */
  async join(memory: Memory, signal: AbortSignal): Promise<void> {
    const { member, entryAddrs, isNetworked, onAlarm } = this.#options;
    const advice = isNetworked ? loopbackAdvice(member.addresses) : undefined;
    if (advice) onAlarm(advice);
    for (const entry of entryAddrs) this.#advice.look("A contact of entry_addrs", [entryOf(entry).text]);
    await this.#entry.join(memory, signal);
  }

  /** To be given all that the machine tells. */
  readonly told: OutputHandlers = {
    ready: () => this.#entry.ready(),
    joined: ({ member }) => {
      this.#entry.joined();
      this.#lookAt(member);
    },
    updated: ({ member }) => this.#lookAt(member),
    revocations: ({ list }) => this.#watch.seen(list),
  };

  /** My addresses have changed: the authority is to know soon. */
  moved(): void {
    this.#reports.soon();
  }

  /** My clock has stepped: the authority is to say what time it is. */
  doubt(): void {
    this.#reports.doubt();
  }

  /** Looks for nobody any more, and says goodbye to the authority. Never rejects. */
  async leave(): Promise<void> {
    this.#entry.stop();
    await this.#reports.goodbye();
  }

  #look(contacts: readonly Contact[]): void {
    for (const { certificate, addresses } of contacts) this.#advice.look(`Member ${titleOf(certificate)}`, addresses);
  }

  #lookAt(peer: Peer): void {
    const who = `Member ${titleOf({ id: peer.id, name: this.#options.member.nameOf(peer.id) })}`;
    this.#advice.look(who, addressesOf(peer, TRANSPORT_GRPC));
  }
}
