/**
 * A member's way in, and what it owes the authority meanwhile, put together: contacts and reports, the revocation list's age,
 * what its addresses mean, and a goodbye at the end.
 */
import { addressesOf, type Peer, TRANSPORT_GRPC } from "../../gossip/index.js";
import { type FirefliesError, titleOf } from "../../identity/index.js";
import { type Address, canonical, formatAddress, type Interfaces, parseAddress } from "../../net/index.js";
import { toHex } from "../../rings/index.js";
import type { Contact } from "../authority/authority.js";
import { interfaceHosts } from "../config/advertise.js";
import { contact, entryOf } from "../config/values.js";
import type { Discovery, DiscoveryInfo } from "../discovery/discovery.js";
import { addressesAmong } from "../discovery/place.js";
import type { CheckEntry } from "../discovery/source.js";
import { Sources, type SourcesConfig } from "../discovery/sources.js";
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
  /** Where it hears of others, by its configuration and by its program. */
  readonly config: SourcesConfig;
  readonly discovery: readonly Discovery[];
  readonly interfaces: () => Interfaces;
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
  readonly #sources: Sources;
  readonly #advice: AddressAdvice;

  constructor(options: ArrivalOptions) {
    const { member, urls, proxyRoots, config, discovery, ending, onStarted, onAlarm } = options;
    this.#options = options;
    this.#watch = new RevocationWatch({ now: () => member.clocks.believed, onAlarm });
    this.#advice = new AddressAdvice({ mine: () => member.addresses, onAlarm });
    this.#reports = new Reports({
      identity: () => member.identity,
      urls,
      proxyRoots,
      addresses: () => member.contactAddresses,
      members: () => this.#count,
      clocks: () => member.clocks,
      onTime: (time) => member.heardTime(time),
      random: Math.random,
      watch: this.#watch,
      onContacts: (contacts) => {
        this.#look(contacts);
        this.#entry.named(contacts);
      },
      learn: (statement) => member.learn(statement),
      onAlarm,
    });
    this.#sources = new Sources({
      ...{ config, discovery, onAlarm, random: Math.random },
      check: (entry) => checked(entry),
      isMine: (entry) => this.#isMine(entry),
      self: () => this.#self,
      members: () => this.#count,
      take: (entries, fresh) => {
        for (const entry of entries) this.#advice.look("A contact", [entryOf(entry).text]);
        this.#entry.discovered(entries, fresh);
      },
      onEnded: () => this.#entry.heard(),
    });
    this.#entry = new Entry({
      member,
      reports: this.#reports,
      sources: this.#sources,
      hasAuthority: urls.length > 0,
      entryAddrs: addressesAmong(config.entryAddrs),
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
    const { member, config, isNetworked, onAlarm } = this.#options;
    const advice = isNetworked ? loopbackAdvice(member.addresses) : undefined;
    if (advice) onAlarm(advice);
    for (const entry of addressesAmong(config.entryAddrs))
      this.#advice.look("A contact of entry_addrs", [entryOf(entry).text]);
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

  /** My addresses have changed: the authority is to know soon, and sources at which I announce myself. */
  moved(): void {
    this.#reports.soon();
    this.#sources.moved();
  }

  /** Where it hears of others from now on. */
  use(config: SourcesConfig): void {
    this.#sources.use(config);
  }

  get sources(): readonly DiscoveryInfo[] {
    return this.#entry.infos;
  }

  /** My clock has stepped: the authority is to say what time it is. */
  doubt(): void {
    this.#reports.doubt();
  }

  /** Looks for nobody any more, and says goodbye to the authority. Never rejects. */
  async leave(): Promise<void> {
    await Promise.all([this.#entry.stop(), this.#reports.goodbye()]);
  }

  /** Live members, with me. */
  get #count(): number {
    const { member } = this.#options;
    return member.isInMotion ? member.machine.members().length + 1 : 1;
  }

  get #self() {
    const { member } = this.#options;
    const { id, networkId } = member.identity.certificate;
    return { id, network: toHex(networkId), addresses: member.contactAddresses };
  }

  /** A source may well name this member to itself, also by an address that it does not advertise. */
  #isMine(entry: string): boolean {
    const { member, interfaces } = this.#options;
    const { id, text } = entryOf(entry);
    const address = parseAddress(text);
    return id === member.id || (address !== undefined && isOwn(address, member, interfaceHosts(interfaces)));
  }

  #look(contacts: readonly Contact[]): void {
    for (const { certificate, addresses } of contacts) this.#advice.look(`Member ${titleOf(certificate)}`, addresses);
  }

  #lookAt(peer: Peer): void {
    const who = `Member ${titleOf({ id: peer.id, name: this.#options.member.nameOf(peer.id) })}`;
    this.#advice.look(who, addressesOf(peer, TRANSPORT_GRPC));
  }
}

function checked(entry: string): ReturnType<CheckEntry> {
  const parsed = contact(entry, "program");
  return parsed.ok ? { ok: true, entry: parsed.value } : parsed;
}

/** One that is advertised, or the port of a listener on one of the machine's own IP addresses (`hosts`). */
function isOwn(
  address: Address,
  { addresses, listeners }: Pick<Node, "addresses" | "listeners">,
  hosts: ReadonlySet<string>,
): boolean {
  const { scheme, host, port } = canonical(address);
  const advertised = addresses
    .flatMap((text) => parseAddress(text) ?? [])
    .map((each) => formatAddress(canonical(each)));
  if (advertised.includes(formatAddress(canonical(address)))) return true;
  const isListened = listeners.some((each) => each.scheme === scheme && each.port === port);
  return isListened && hosts.has(host);
}
