/**
 * A Byzantine member: enrolled like any other, it signs a false accusation and hands it to everybody but its victim.
 * It uses what any malicious program could: its own key, the statement codec of fireflies/gossip, and the network stack.
 */
import { Client, type Member } from "../../client/index.js";
import { askingOnly, EXCHANGE } from "../../client/protocols.js";
import { encodeAccusation, encodePacket, encodeStatement } from "../../gossip/index.js";
import { FirefliesError, type Identity, loadIdentity, sign } from "../../identity/index.js";
import { deadlineIn, NameResolver, Stack, tcpTransport } from "../../net/index.js";
import { type MemberId, toHex } from "../../rings/index.js";

/** Milliseconds for dialling a member, and for its answer. */
const CALL_TIMEOUT_MS = 5_000;

export interface Lie {
  readonly victim: MemberId;
  /** The ring on which the liar is the victim's predecessor: there alone its word counts. */
  readonly ring: number;
  /** Epoch of the victim's note that the accusation is against. */
  readonly epoch: bigint;
}

export class Liar {
  readonly #client: Client;
  readonly #dir: string;

  constructor(dir: string, token: string) {
    this.#dir = dir;
    this.#client = new Client({ config: false, dir, token });
  }

  get id(): MemberId {
    return this.#client.id;
  }

  /** Joins, and waits until it sees that many others. */
  async join(others: number, signal: AbortSignal): Promise<void> {
    await this.#client.start({ signal });
    for await (const _ of this.#client.changes({ signal })) if (this.#client.members().length >= others) return;
    throw new FirefliesError(
      "demo-failed",
      `The liar sees only ${this.#client.members().length} of ${others} members.`,
    );
  }

  /** Whom it may accuse: its successor on each ring, with the epoch that it has heard of. */
  get successors(): readonly Lie[] {
    return this.#client.rings().flatMap(({ ring, successor }) => {
      const member = this.#client.members().find(({ id }) => id === successor);
      return member ? [{ victim: member.id, ring, epoch: member.epoch }] : [];
    });
  }

  /** Accuses a member on a ring, by default a successor of its own, and sends the accusation to all others. */
  async lie(lie = this.#chooseVictim()): Promise<Lie> {
    const identity = await loadIdentity(this.#dir, { now: Date.now() });
    if (!identity) throw new FirefliesError("identity-missing");
    const packet = encodePacket([{ kind: "statement", bytes: falseAccusation(identity, lie) }]);
    const stack = this.#stackOf(identity);
    const told = this.#client.members().filter(({ id }) => id !== lie.victim);
    const tell = async ({ address, id }: Member) => {
      const deadline = deadlineIn(CALL_TIMEOUT_MS);
      const session = await stack.links.reach({ id, addresses: [address] }, { deadline });
      await session.call(EXCHANGE, packet, { deadline });
    };
    // At once: who hears the answer first never believes the lie.
    await Promise.all(told.map(tell)).finally(() => stack.close(0));
    return lie;
  }

  /** Sessions of its own, beside those of its client. */
  #stackOf(identity: Identity): Stack {
    return new Stack({
      transports: [tcpTransport()],
      resolver: new NameResolver({ now: () => performance.now() }),
      protocols: askingOnly(),
      identity: () => identity,
      now: () => performance.now(),
      wall: Date.now,
      mine: () => [this.#client.address],
    });
  }

  async leave(): Promise<void> {
    await this.#client.stop();
  }

  #chooseVictim(): Lie {
    const [first] = this.successors;
    if (first === undefined) throw new FirefliesError("demo-failed", "The liar has no neighbour to accuse.");
    return first;
  }
}

function falseAccusation({ certificate, privateKey }: Identity, { victim, ring, epoch }: Lie): Uint8Array {
  const accuser = certificate.id;
  const claim = { accuser, certificate: toHex(certificate.hash), accused: victim, ring, epoch };
  const body = encodeAccusation(claim, certificate.hash);
  const signature = sign(privateKey, "accusation", certificate.networkId, body);
  return encodeStatement({ kind: "accusation", accusation: { ...claim, body, signature } });
}
