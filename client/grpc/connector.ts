/** The seam where a gRPC channel makes its connection secure: our own handshake, once, with the peer's proof kept. */
import type { Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { PeerMismatch } from "../guard.js";
import type { TransportOptions } from "../transport.js";
import { ALPN, provenPeer, secureContext } from "./tls.js";

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** What became of the one connection of a link. */
export interface Connected {
  readonly socket: TLSSocket;
  readonly peer: MemberCertificate;
}

/** Credentials for one connection: a channel that lost it cannot make another, as a link never changes underneath. */
export class LinkCredentials extends ChannelCredentials {
  readonly #own: TransportOptions;
  readonly #address: string;
  readonly #expect: MemberId | undefined;
  #used = false;
  connected: Connected | undefined;
  failure: FirefliesError | undefined;

  constructor(own: TransportOptions, address: string, expect: MemberId | undefined) {
    super();
    this.#own = own;
    this.#address = address;
    this.#expect = expect;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): SecureConnector {
    return {
      connect: async (socket) => ({ socket: await this.#connect(socket), secure: true }),
      waitForReady: async () => {},
      getCallCredentials: () => CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  async #connect(tcp: Socket): Promise<TLSSocket> {
    if (this.#used) throw new FirefliesError("link-closed");
    this.#used = true;
    const socket = await this.#handshake(tcp);
    const peer = provenPeer(socket, this.#own);
    this.failure = peer instanceof FirefliesError ? peer : this.#unexpected(peer);
    if (this.failure !== undefined) {
      socket.destroy();
      throw this.failure;
    }
    this.connected = { socket, peer: peer as MemberCertificate };
    return socket;
  }

  #unexpected({ id }: MemberCertificate): FirefliesError | undefined {
    if (this.#expect === undefined || id === this.#expect) return undefined;
    return new PeerMismatch(this.#address, this.#expect, id);
  }

  #handshake(tcp: Socket): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        socket: tcp,
        secureContext: secureContext(this.#own.identity()),
        ALPNProtocols: [ALPN],
        rejectUnauthorized: false, // `provenPeer` judges, by rules that OpenSSL does not know (tls.ts).
        checkServerIdentity: () => undefined,
      });
      socket.once("secureConnect", () => resolve(socket));
      socket.on("error", reject); // Stays attached: an error after the handshake is followed by "close".
      socket.once("close", () => reject(new FirefliesError("peer-unreachable")));
    });
  }
}
