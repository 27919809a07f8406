/** What the program sends: to whom by id or address, itself among them, and what it may get wrong. */
import type { Duplex } from "node:stream";
import type { Machine } from "../../gossip/index.js";
import { FirefliesError, titleOf, wrongType } from "../../identity/index.js";
import {
  DATAGRAM_PAYLOAD_MAX as DATAGRAM_BYTES_MAX,
  type Datagrams,
  type Destination,
  parseAddress,
  RELAY_SCHEME,
  type Session,
} from "../../net/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";
import { tooLarge } from "../messages/requester.js";
import { requireName } from "../offers/name.js";
import { SEND_TIMEOUT_MS } from "../timeouts.js";
import { type Followed, Following, whileAnswering } from "../traffic/following.js";
import type { Tallies } from "../traffic/tallies.js";
import { codeOf } from "../traffic/tally.js";
import { traceText } from "../traffic/trace-context.js";
import { Traffic } from "../traffic/traffic.js";
import type { SendOptions, StreamOptions } from "../types.js";
import { destinationOf, hasAddress, type Reachable, relayedAddresses } from "../view/directory.js";
import { meantBy } from "../view/meant.js";
import type { Messenger } from "./messenger.js";
import { requireBytes, requireText, requireTimeout } from "./misuse.js";
import { RawStream } from "./raw-stream.js";
import { accepted, type Streams } from "./streams.js";

/** Characters of what is no id that are told. */
const SHOWN_MAX = 100;
/** Members that are told when several are meant. */
const AMBIGUOUS_SHOWN_MAX = 5;

/** The member that speaks. */
export interface Speaker {
  readonly id: MemberId;
  /** Mine: "host:port". */
  readonly addresses: readonly string[];
  readonly machine: Pick<Machine, "members" | "member">;
  readonly nameOf: (id: MemberId) => string | undefined;
  readonly messenger: Messenger;
  readonly streams: Streams;
  readonly datagrams: Pick<Datagrams, "send">;
}

export class Outbound {
  readonly #speaker: () => Speaker;
  readonly #asked: Pick<Tallies, "own">;
  readonly #following: Following;

  /** `speaker` throws "not-started" or "member-stopping". It is asked first, so that these come before all other complaints. */
  constructor(
    speaker: () => Speaker,
    traffic: Pick<Traffic, "messages"> = new Traffic(),
    following: Following = new Following(),
  ) {
    this.#speaker = speaker;
    this.#following = following;
    this.#asked = traffic.messages.asked;
  }

  /** Rejects, and never throws. */
  async toAddress(address: string, data: Uint8Array, options: SendOptions): Promise<Uint8Array> {
    const { machine } = this.#speaker();
    requireAddress(address);
    // Who has changed its address is found by its proof.
    const known = machine.members().find((peer) => hasAddress(peer, address));
    const addresses = known === undefined ? [address] : [address, ...relayedAddresses(known)];
    return await this.#send({ id: known?.id, addresses }, data, options);
  }

  /** Rejects, and never throws. No turn passes before it is on its way: messages keep the order of the calls. */
  toId(id: string, data: Uint8Array, options: SendOptions): Promise<Uint8Array> {
    try {
      return this.#send(this.destination(id), data, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** False when it was dropped here. Throws. */
  datagram(id: string, data: Uint8Array): boolean {
    const { datagrams } = this.#speaker();
    requireBytes(data);
    if (data.length > DATAGRAM_BYTES_MAX) throw tooLarge(data.length, DATAGRAM_BYTES_MAX);
    return datagrams.send(this.destination(id).id, data);
  }

  async openStream(id: string, options: StreamOptions): Promise<Duplex> {
    const { protocol, reconnect, accepted: isAsked = false } = options;
    this.requireTalking();
    if (isAsked && reconnect) throw wrongType("A stream that reconnects cannot be waited for with `accepted`.");
    if (protocol !== undefined) requireName(protocol, "protocol");
    const member = this.#following.follow && this.destination(id).id;
    const followed = member && this.#begin("stream", protocol, member);
    if (!followed) return await this.#open(id, options);
    try {
      return await followed.run(() => this.#open(id, options, followed));
    } catch (error) {
      followed.end(codeOf(error));
      throw error;
    }
  }

  async #open(
    id: string,
    { signal, protocol, raw = false, reconnect, accepted: isAsked = false }: StreamOptions,
    followed?: Followed,
  ): Promise<Duplex> {
    const { streams } = this.#speaker();
    const session = await this.reach(id, signal);
    const stream = streams.open(session, {
      ...{ signal, name: protocol, isAsked, followed },
      reach: reconnect ? this.#again(session) : undefined,
    });
    if (isAsked) await accepted(stream);
    return raw ? new RawStream(stream) : stream;
  }

  #begin(kind: "message" | "stream", name = "", member?: MemberId, bytes?: number): Followed | undefined {
    return this.#following.begin(kind, { side: "asks", name, member, bytes, context: undefined });
  }

  async reach(id: string, signal: AbortSignal | undefined, timeoutMs = SEND_TIMEOUT_MS): Promise<Session> {
    const { messenger } = this.#speaker();
    return await messenger.reach(this.destination(id), { signal, timeoutMs });
  }

  /** Throws "not-started" or "member-stopping". */
  requireTalking(): void {
    this.#speaker();
  }

  /**
   * A live member, or this one, by its id, its name, or a beginning of its id that no other has. Throws "peer-unknown", or
   * "id-ambiguous".
   */
  destination(id: string): Reachable {
    const me = this.#speaker();
    requireText(id, "A member's id or name");
    const memberId = parseMemberId(id.toLowerCase()) ?? meant(id, me);
    if (memberId === me.id) return { id: memberId, addresses: me.addresses };
    const peer = me.machine.member(memberId);
    if (!peer) throw new FirefliesError("peer-unknown", `No live member has the id ${id}.`);
    return destinationOf(peer);
  }

  /** Sessions with the same member later on; while this one stops as well, so that what is open may end in order. */
  #again({ peer: { id } }: Session): (signal: AbortSignal) => Promise<Session> {
    const { messenger, machine, id: me, addresses } = this.#speaker();
    return async (signal) => {
      const peer = machine.member(id);
      if (peer === undefined && id !== me) throw new FirefliesError("peer-removed");
      const to = peer === undefined ? { id, addresses } : destinationOf(peer);
      return await messenger.reach(to, { signal, timeoutMs: SEND_TIMEOUT_MS });
    };
  }

  #send(to: Destination, data: Uint8Array, options: SendOptions): Promise<Uint8Array> {
    const { signal, timeout, onProof, service } = options;
    requireBytes(data);
    requireTimeout(timeout);
    if (service !== undefined) requireName(service, "service");
    const onAnswer = onProof && ((prove: () => Uint8Array) => onProof(prove()));
    const found = (id: MemberId) => void this.destination(id);
    const tally = this.#asked.own(service);
    const question = { signal, timeoutMs: timeout ?? SEND_TIMEOUT_MS, onAnswer, found, service, tally };
    const { messenger } = this.#speaker();
    const followed = this.#following.follow && this.#begin("message", service, to.id, data.length);
    if (!followed) return messenger.request("message", to, data, question);
    const trace = traceText(followed.context);
    return whileAnswering(followed, () => messenger.request("message", to, data, { ...question, trace }));
  }
}

function meant(word: string, me: Speaker): MemberId {
  const live = [me.id, ...me.machine.members().map(({ id }) => id)].map((id) => ({ id, name: me.nameOf(id) }));
  const found = meantBy(word, live);
  if (found.length === 1) return found[0]!.id;
  const shown = JSON.stringify(word.slice(0, SHOWN_MAX));
  if (found.length === 0) {
    throw new FirefliesError("peer-unknown", `No live member has the name ${shown}, or an id that begins with it.`, {
      advice: "client.members() lists those that are live.",
    });
  }
  const titles = found.slice(0, AMBIGUOUS_SHOWN_MAX).map(titleOf).join(", ");
  throw new FirefliesError("id-ambiguous", `${shown} means ${found.length} live members: ${titles}.`);
}

/** Throws "address-invalid", or a TypeError for what is no text. */
export function requireAddress(address: string): void {
  requireText(address, "An address");
  const parsed = parseAddress(address);
  if (parsed === undefined) throw new FirefliesError("address-invalid", `"${address}" is no address.`);
  if (parsed.scheme !== RELAY_SCHEME) return;
  throw new FirefliesError("address-invalid", `${address} names a relay, and not the member behind it.`, {
    advice: "Send to the member's id.",
  });
}
