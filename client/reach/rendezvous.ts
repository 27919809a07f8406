/**
 * A member and rendezvous servers (docs/rdv.md): its own, on its TCP port, where it is told to run one, and the proof by
 * which servers of other members know it. A member is met by its id as the token, and nobody else waits by that.
 */
import type { Socket } from "node:net";
import { FirefliesError, type Identity, type MemberCertificate, messageOf } from "../../identity/index.js";
import {
  type ConnectionGate,
  canonical,
  formatHostPort,
  standardTransports,
  type Transport,
  type TransportParts,
} from "../../net/index.js";
import {
  type Method,
  RdvError,
  type RdvLogger,
  type RdvRequest,
  RdvServer,
  type RdvServerLimits,
  type RefusalAnswer,
} from "../../rdv/index.js";
import type { MemberId } from "../../rings/index.js";
import { CLOCKS_MS, isProofOf, parseProof, proofHeaders, ShownProofs, serverName } from "./meeting-proof.js";

/** Who waits, and who is relayed: a member has other things to do. */
const LIMITS: RdvServerLimits = {
  waitingMax: 256,
  waitingPerAddressMax: 64,
  pairsMax: 128,
  pairsPerAddressMax: 32,
  requestsPerSecond: 20,
  requestsBurst: 200,
};
/** A relay that is silent for so long is taken down, milliseconds: sessions of members say something every few seconds. */
const IDLE_MS = 120_000;
const LOOPBACK = /^(127\.|::1$)/;

const NO_MEMBER: RefusalAnswer = { status: 403, reason: "for members of this network, who prove it" };
const ELSEWHERE: RefusalAnswer = {
  status: 421,
  reason: "this member goes by no such name, only by those that it advertises",
};
const SHOWN: RefusalAnswer = { status: 403, reason: "this proof has been shown before" };
const NO_ROOM: RefusalAnswer = {
  status: 429,
  reason: "too many requests of this member",
  headers: { "Retry-After": "10" },
};

/** A member as a rendezvous server; all of it since it began to be one. */
export interface RendezvousInfo {
  /** Nobody, members, or everybody. */
  readonly serves: false | "members" | "all";
  /** Clients that wait for their peer now, and pairs that have met and are still here. */
  readonly waiting: number;
  readonly pairs: number;
  /** Pairs that met here, and those of them whose bytes were relayed to an end. */
  readonly met: number;
  readonly relayed: number;
  /** Bytes of both directions that were relayed so far. */
  readonly bytes: number;
  /** Clients that were refused, or waited for nobody. */
  readonly refused: number;
  /** Of the last client that was refused, or pair that failed; `at` is unix time in milliseconds. */
  readonly lastError: { readonly code: string; readonly message: string; readonly at: number } | undefined;
}

type Serves = RendezvousInfo["serves"];

export interface Acquaintance {
  readonly identity: Identity;
  /** Is it in the view? */
  knows(id: MemberId): boolean;
  certificateOf(id: MemberId): MemberCertificate | undefined;
  /** What others are told: "host:port", and addresses of other schemes. */
  readonly addresses: readonly string[];
}

export interface RendezvousOptions {
  /** Undefined while the member begins. */
  readonly member: () => Acquaintance | undefined;
  readonly gate: ConnectionGate;
  readonly onAlarm: (alarm: FirefliesError) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class Rendezvous {
  readonly #options: RendezvousOptions;
  readonly #shown = new ShownProofs();
  #server: RdvServer | undefined;
  #serves: Serves = false;
  /** What went wrong last at the server that there is. */
  #trouble: RendezvousInfo["lastError"];
  /** Servers that have been ended. */
  readonly #closing: Promise<void>[] = [];

  constructor(options: RendezvousOptions) {
    this.#options = options;
  }

  /** The member's transports, with a rendezvous server on its TCP ports while it serves somebody. */
  transports(parts: TransportParts): readonly Transport[] {
    const rendezvous = () => {
      const server = this.#server;
      return server && ((socket: Socket) => this.#take(server, socket));
    };
    return standardTransports({ ...parts, meeting: this.#meeting(), rendezvous });
  }

  /** Whom it serves from now on. A server that ends tells those who wait at it. A server that stays is not touched. */
  serve(serves: Serves): void {
    this.#serves = serves;
    if (serves === false) {
      const server = this.#server;
      this.#server = undefined;
      this.#trouble = undefined;
      if (server !== undefined) this.#closing.push(server.close());
    } else {
      const authorize = (request: RdvRequest) => (this.#serves === "all" ? true : this.#isOfMember(request));
      const logger = troubleLogger((code, message) => {
        this.#trouble = { code, message, at: this.#options.now() };
      });
      this.#server ??= new RdvServer({ authorize, limits: LIMITS, idleTimeoutMs: IDLE_MS, logger });
    }
  }

  get info(): RendezvousInfo {
    const figures = this.#server?.metrics();
    const { waiting = 0, pairs = 0, met = 0, relayed = 0, dialerBytes = 0, accepterBytes = 0 } = figures ?? {};
    const refused = Object.values(figures?.refused ?? {}).reduce((sum, count) => sum + count, 0);
    const bytes = dialerBytes + accepterBytes;
    return { serves: this.#serves, waiting, pairs, met, relayed, bytes, refused, lastError: this.#trouble };
  }

  #meeting(): TransportParts["meeting"] {
    const { member, now, onAlarm } = this.#options;
    const identity = () => member()?.identity;
    const token = () => identity()?.certificate.id ?? "";
    const headers = (method: Method, wanted: string, server: string) => {
      const mine = identity();
      return mine === undefined ? {} : proofHeaders(mine, { method, token: wanted, server }, now());
    };
    return { token, headers, onUnmet: (at: string, cause: unknown) => onAlarm(unmet(at, cause)) };
  }

  /** Waits until all is closed. */
  async close(): Promise<void> {
    this.serve(false);
    await Promise.all(this.#closing.splice(0));
  }

  #take(server: RdvServer, socket: Socket): void {
    // Of one that is let in its own limits count, and no longer those of connections that nobody has proven.
    server.upgrade(socket).then(
      () => this.#options.gate.proven(socket),
      () => {}, // It was answered.
    );
  }

  /** Only the member itself waits by its id; whoever is a member may come to it. The cheap checks come first. */
  #isOfMember({ method, token, headers, socket }: RdvRequest): true | RefusalAnswer {
    const member = this.#options.member();
    const now = this.#options.now();
    const proof = parseProof(headers);
    const certificate = proof && member?.knows(proof.member) ? member.certificateOf(proof.member) : undefined;
    if (!member || !proof || !certificate || Math.abs(proof.at - now) > CLOCKS_MS) return NO_MEMBER;
    if (method === "ACCEPT" && token !== proof.member) return NO_MEMBER;
    const server = (headers.host ?? "").toLowerCase();
    if (!isName(server, socket, member.addresses)) return ELSEWHERE;
    if (this.#shown.isShown(proof)) return SHOWN;
    if (!isProofOf(certificate, { method, token, server }, proof)) return NO_MEMBER;
    return this.#shown.remember(proof, now) ? true : NO_ROOM;
  }
}

/** The names by which a request may call this member: what others are told, and the address of the connection itself. */
function isName(server: string, { localAddress = "", localPort = 0 }: Socket, told: readonly string[]): boolean {
  const { host } = canonical({ scheme: "tcp", host: localAddress, port: localPort });
  const here = [host, ...(LOOPBACK.test(host) ? ["localhost"] : [])].map((each) => formatHostPort(each, localPort));
  return [...told, ...here].some((address) => serverName(address) === server);
}

function unmet(server: string, cause: unknown): FirefliesError {
  const text = `Nobody can meet this member at ${server}: ${messageOf(cause)}`;
  return new FirefliesError("rendezvous-unreachable", text.endsWith(".") ? text : `${text}.`, { cause });
}

/** Hears of the clients that a server refused, and of the pairs that failed; all else that it tells is of no use here. */
function troubleLogger(tell: (code: string, message: string) => void): RdvLogger {
  const hear = (fields: object) => {
    const { event, reason, err } = fields as {
      readonly event?: string;
      readonly reason?: string;
      readonly err?: unknown;
    };
    if (event === "rdv-refused") tell("rdv-handshake", `A client was refused: ${reason}.`);
    if (event === "rdv-pair-failed") tell(err instanceof RdvError ? err.code : "rdv-closed", messageOf(err));
  };
  return { debug: () => {}, info: hear, warn: hear, error: hear };
}
