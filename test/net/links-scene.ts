/** A member with its links, others at addresses, and clocks that a test sets. Sessions are records, and dials take no time. */
import type { Duplex } from "node:stream";
import { FirefliesError, type Identity, type MemberCertificate } from "../../identity/index.js";
import type { Dialler } from "../../net/dialling/dialler.js";
import {
  type Address,
  deadlineIn,
  type Ending,
  formatAddress,
  type Path,
  parseAddress,
  pathOf,
  type Session,
} from "../../net/index.js";
import { Links, type LinksOptions } from "../../net/links/links.js";
import { DialError, PeerMismatch } from "../../net/transports/dial-error.js";
import type { MemberId } from "../../rings/index.js";
import { TestNetwork } from "../support/test-network.js";

export class FakeSession {
  closed = false;
  /** Something is open on it. */
  active = 0;
  bytesRead = 0;
  roundTripMs: number | undefined;
  isDoubtful = false;
  superseded = 0;
  /** It was closed or lost while something was open on it. */
  wasCut = false;
  wasLost = false;
  readonly #listeners = new Set<(reason: FirefliesError, ending: Ending) => void>();

  constructor(
    readonly peer: MemberCertificate,
    readonly path: Path,
  ) {}

  close(): void {
    this.#end("closed");
  }

  /** The connection breaks. */
  lose(): void {
    this.wasLost ||= !this.closed;
    this.#end("lost");
  }

  onClose(listener: (reason: FirefliesError, ending: Ending) => void): () => void {
    this.#listeners.add(listener);
    return () => {};
  }

  onReady(listener: () => void): void {
    listener();
  }

  /** Of its own pings: what the next one waits for. */
  onMeasure: (done: () => void) => void = (done) => done();

  measure(done: () => void): void {
    this.onMeasure(done);
  }

  supersede(): void {
    this.superseded++;
  }

  #end(ending: Ending): void {
    if (this.closed) return;
    this.closed = true;
    this.wasCut = this.active > 0;
    for (const listener of this.#listeners) listener(new FirefliesError("link-closed"), ending);
  }
}

/** As the links see it. */
export function sessionOf(fake: FakeSession): Session {
  return fake as unknown as Session;
}

export function fakeOf(session: Session): FakeSession {
  return session as unknown as FakeSession;
}

export const within = (ms = 5_000) => ({ deadline: deadlineIn(ms) });

/** A member at 127.0.0.1:1. */
export class Scene {
  readonly clock = { now: 0, wall: Date.now() };
  readonly dialled: string[] = [];
  readonly lost: MemberId[] = [];
  readonly held = new Set<MemberId>();
  readonly #there = new Map<string, Identity>();
  readonly links: Links;
  #nextPort = 5_000;
  onDialled: (address: string) => void | Promise<void> = () => {};
  refusal: (peer: MemberCertificate) => string | undefined = () => undefined;
  current: (peer: MemberCertificate) => MemberCertificate = (peer) => peer;

  private constructor(
    readonly network: TestNetwork,
    public self: Identity,
    more: Partial<LinksOptions>,
  ) {
    this.links = new Links({
      host: this.#host,
      dialler: this.#dialler,
      now: () => this.clock.now,
      identity: () => this.self,
      wall: () => this.clock.wall,
      current: (peer) => this.current(peer),
      refusal: (peer) => this.refusal(peer),
      isHeld: (id) => this.held.has(id),
      onLost: (id) => this.lost.push(id),
      ...more,
    });
  }

  static async create(more: Partial<LinksOptions> = {}): Promise<Scene> {
    const network = await TestNetwork.create();
    return new Scene(network, await network.member(), more);
  }

  /** The same member, with links of its own. */
  again(more: Partial<LinksOptions> = {}): Scene {
    return new Scene(this.network, this.self, more);
  }

  /** Addresses one after the other; the first that somebody listens at wins. */
  readonly #dialler: Pick<Dialler, "dial" | "forgive"> = {
    dial: async (addresses, { signal = new AbortController().signal }, attempt) => {
      for (const text of addresses) {
        this.dialled.push(text);
        await this.onDialled(text);
        if (signal.aborted) throw new DialError("cancelled", text);
        if (this.#there.has(text)) return await attempt({ destroy: () => {} } as Duplex, parseAddress(text)!, signal);
      }
      throw new DialError("refused", addresses[0] ?? "");
    },
    forgive: () => {},
  };

  readonly #host = {
    connect: async (_: Duplex, { path, expect: expected }: { path: Path; expect?: MemberId | undefined }) => {
      const { certificate } = this.#there.get(formatAddress(path.address))!;
      if (expected !== undefined && certificate.id !== expected)
        throw new PeerMismatch(formatAddress(path.address), expected, certificate.id);
      return sessionOf(new FakeSession(certificate, path));
    },
  };

  /** Somebody at an address, or at the one that is given. */
  async other(identity?: Identity, address = `127.0.0.1:${this.#nextPort++}`) {
    const member = identity ?? (await this.network.member());
    this.#there.set(address, member);
    const to = { id: member.certificate.id, addresses: [address] };
    return { ...to, to, address, identity: member };
  }

  /** Nobody listens there any more. */
  gone(address: string): void {
    this.#there.delete(address);
  }

  /** The member has dialled me. */
  accept({ identity }: { identity: Identity }, path?: Path): Session {
    const address: Address = { scheme: "tcp", host: "203.0.113.9", port: 40_000 };
    const session = sessionOf(new FakeSession(identity.certificate, path ?? pathOf("accepted", address)));
    this.links.adopt(session);
    return session;
  }
}
