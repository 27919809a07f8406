/**
 * A member and rendezvous servers (docs/rdv.md): its own, on its TCP port, where it is told to run one, and the proof by
 * which servers of other members know it. A member is met by its id as the token, and nobody else waits by that.
 */
import type { Socket } from "node:net";
import { type Identity, type MemberCertificate, sign, verify } from "../../identity/index.js";
import { type ConnectionGate, standardTransports, type Transport, type TransportParts } from "../../net/index.js";
import type { Method, RdvRequest } from "../../rdv/index.js";
import { RdvServer, type RdvServerLimits } from "../../rdv/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";

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
/** By how much the clocks of two members may differ, milliseconds. */
const CLOCKS_MS = 120_000;

const MEMBER_HEADER = "Fireflies-Member";
const TIME_HEADER = "Fireflies-Time";
const SIGNATURE_HEADER = "Fireflies-Signature";

/** Nobody, members, or everybody. */
type RendezvousFor = false | "members" | "all";

export interface Acquaintance {
  readonly identity: Identity;
  /** Is it in the view? */
  knows(id: MemberId): boolean;
  certificateOf(id: MemberId): MemberCertificate | undefined;
}

export interface RendezvousOptions {
  /** Undefined while the member begins. */
  readonly member: () => Acquaintance | undefined;
  readonly gate: ConnectionGate;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class Rendezvous {
  readonly #options: RendezvousOptions;
  #server: RdvServer | undefined;

  constructor(options: RendezvousOptions) {
    this.#options = options;
  }

  /** The member's transports, with a rendezvous server on its TCP ports when it serves somebody. */
  transports(serves: RendezvousFor, parts: TransportParts): readonly Transport[] {
    const meeting = this.#meeting();
    if (serves === false) return standardTransports({ ...parts, meeting });
    const authorize = (request: RdvRequest) => serves === "all" || this.#isOfMember(request);
    const server = new RdvServer({ authorize, limits: LIMITS, idleTimeoutMs: IDLE_MS });
    this.#server = server;
    return standardTransports({ ...parts, meeting, rendezvous: (socket) => this.#take(server, socket) });
  }

  #meeting(): TransportParts["meeting"] {
    const { member, now } = this.#options;
    const identity = () => member()?.identity;
    const token = () => identity()?.certificate.id ?? "";
    const headers = (method: Method, wanted: string) => {
      const mine = identity();
      return mine === undefined ? {} : proofOf(mine, { method, token: wanted, at: now() });
    };
    return { token, headers };
  }

  /** Waits until all is closed. */
  async close(): Promise<void> {
    await this.#server?.close();
  }

  #take(server: RdvServer, socket: Socket): void {
    // Of one that is let in its own limits count, and no longer those of connections that nobody has proven.
    server.upgrade(socket).then(
      () => this.#options.gate.proven(socket),
      () => {}, // It was answered.
    );
  }

  /** Only the member itself waits by its id; whoever is a member may come to it. */
  #isOfMember({ method, token, headers }: RdvRequest): boolean {
    const member = this.#options.member();
    const id = parseMemberId(headers[MEMBER_HEADER.toLowerCase()] ?? "");
    const at = Number(headers[TIME_HEADER.toLowerCase()] ?? Number.NaN);
    if (member === undefined || id === undefined || !member.knows(id)) return false;
    if (!(Math.abs(at - this.#options.now()) <= CLOCKS_MS)) return false;
    if (method === "ACCEPT" && token !== id) return false;
    const certificate = member.certificateOf(id);
    const signature = Buffer.from(headers[SIGNATURE_HEADER.toLowerCase()] ?? "", "base64url");
    return certificate !== undefined && isProof(certificate, { method, token, at }, signature);
  }
}

interface Claim {
  readonly method: Method;
  readonly token: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** Headers by which a member shows who it is to the rendezvous server of another one. */
export function proofOf({ certificate, privateKey }: Identity, claim: Claim): Readonly<Record<string, string>> {
  const signature = sign(privateKey, "rendezvous", certificate.networkId, bodyOf(claim));
  return {
    [MEMBER_HEADER]: certificate.id,
    [TIME_HEADER]: String(claim.at),
    [SIGNATURE_HEADER]: Buffer.from(signature).toString("base64url"),
  };
}

function isProof({ publicKey, networkId }: MemberCertificate, claim: Claim, signature: Uint8Array): boolean {
  return verify(publicKey, "rendezvous", networkId, bodyOf(claim), signature);
}

/** A method has no blank, and the time is a number: the parts are told apart. */
function bodyOf({ method, at, token }: Claim): Uint8Array {
  return new TextEncoder().encode(`${method} ${at} ${token}`);
}
